"""Faults inside good answers: old ones, short pages, failures by the item, counts of zero."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.item_failures import ITEM_FAILURES
from dcp_engine.simulation.launch import request_fleet
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock

from .conftest import Client


@pytest.fixture(autouse=True)
def no_faults_left(aws: SimulatedAws) -> Iterator[None]:
    yield
    aws.faults.clear()


def struck(call: Any) -> bool:
    try:
        call()
    except (ClientError, HTTPClientError):
        return True
    return False


def test_a_fault_can_last_for_a_span_or_until_a_moment(
    aws: SimulatedAws, client: Client, clock: VirtualClock
) -> None:
    def listing() -> Any:
        return client("sqs").list_queues()

    aws.faults.add("sqs:ListQueues", Fault.THROTTLED, for_=timedelta(hours=1))
    clock.advance(7200)
    # The hour begins with the first call that is struck.
    assert struck(listing)
    clock.advance(3500)
    assert struck(listing)
    clock.advance(100)
    assert not struck(listing)
    aws.faults.add("sqs:ListQueues", Fault.RESET, until=clock.now() + timedelta(minutes=1), times=2)
    assert [struck(listing) for _ in range(3)] == [True, True, False]
    aws.faults.add("sqs:ListQueues", Fault.RESET, until=clock.now() + timedelta(minutes=1))
    clock.advance(60)
    assert not struck(listing)


def test_a_stale_read_shows_what_was(aws: SimulatedAws, client: Client) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="stale")["QueueUrl"]
    assert sqs.get_queue_url(QueueName="stale")["QueueUrl"] == url
    aws.faults.add("sqs:GetQueueUrl", Fault.STALE, times=2)
    sqs.delete_queue(QueueUrl=url)
    aws.clock.sleep(120)
    assert sqs.get_queue_url(QueueName="stale")["QueueUrl"] == url
    # Nobody asked for this one before, so what is true now is what stays.
    assert struck(lambda: sqs.get_queue_url(QueueName="never"))
    assert struck(lambda: sqs.get_queue_url(QueueName="stale"))


def test_a_stale_change_is_none(aws: SimulatedAws, client: Client) -> None:
    sqs = client("sqs")
    aws.faults.add("sqs:CreateQueue", Fault.STALE, times=None)
    names = [sqs.create_queue(QueueName=f"stale-{n}")["QueueUrl"][-7:] for n in (1, 2)]
    assert names == ["stale-1", "stale-2"]


def test_counts_can_blip_to_zero(aws: SimulatedAws, client: Client) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="blip")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="a job")
    aws.faults.add("sqs:GetQueueAttributes", Fault.ZERO_COUNTS)

    def counted() -> tuple[str, str]:
        told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return told["ApproximateNumberOfMessages"], told["QueueArn"].rpartition(":")[2]

    assert [counted(), counted()] == [("0", "blip"), ("1", "blip")]


@pytest.mark.parametrize("service", ["cloudwatch", "ecs", "ec2"])
def test_a_list_can_begin_with_an_empty_page(
    aws: SimulatedAws, client: Client, service: str
) -> None:
    request_fleet(aws, "Paged", 1)
    client("ecs").register_task_definition(
        family="paged", containerDefinitions=[{"name": "a", "image": "b", "memory": 4}]
    )
    client("cloudwatch").put_metric_alarm(
        AlarmName="paged",
        EvaluationPeriods=1,
        ComparisonOperator="LessThanThreshold",
        MetricName="m",
        Namespace="n",
        Statistic="Sum",
        Period=60,
        Threshold=1.0,
    )
    name, member, token = {
        "cloudwatch": ("describe_alarms", "MetricAlarms", "NextToken"),
        "ecs": ("list_task_definitions", "taskDefinitionArns", "nextToken"),
        "ec2": ("describe_spot_fleet_requests", "SpotFleetRequestConfigs", "NextToken"),
    }[service]
    call = getattr(client(service), name)
    whole = call()[member]
    aws.faults.add(f"{service}:*", Fault.SHORT_PAGES, times=None)
    first = call()
    assert first[member] == []
    rest = call(**{token: first[token]})
    assert rest[member] == whole
    assert whole
    assert token not in rest


@pytest.mark.parametrize("name", sorted(ITEM_FAILURES))
def test_what_was_asked_for_can_be_among_the_failures(
    aws: SimulatedAws, client: Client, name: str
) -> None:
    fleet_id = request_fleet(aws, "Failing", 1)
    calls: dict[str, Any] = {
        "ec2:CancelSpotFleetRequests": lambda: client("ec2").cancel_spot_fleet_requests(
            SpotFleetRequestIds=[fleet_id], TerminateInstances=True
        )["UnsuccessfulFleetRequests"][0]["Error"]["Code"],
        "ecs:DescribeServices": lambda: client("ecs").describe_services(services=["one"])[
            "failures"
        ][0]["reason"],
        "ecs:DescribeClusters": lambda: client("ecs").describe_clusters(clusters=["one"])[
            "failures"
        ][0]["reason"],
        "ecs:DescribeContainerInstances": lambda: client("ecs").describe_container_instances(
            containerInstances=["one"]
        )["failures"][0]["reason"],
    }
    aws.faults.add(name, Fault.ITEM_FAILED, code="unexpectedError")
    assert calls[name]() == "unexpectedError"
    assert not aws.world.fleets[fleet_id].state.startswith("cancelled")


def test_a_call_can_take_the_callers_patience(
    aws: SimulatedAws, client: Client, clock: VirtualClock
) -> None:
    before = clock.monotonic()
    aws.faults.add("sqs:CreateQueue", Fault.HANG, takes=20)
    assert struck(lambda: client("sqs").create_queue(QueueName="hung"))
    assert clock.monotonic() - before == 20
    assert struck(lambda: client("sqs").get_queue_url(QueueName="hung"))
    aws.faults.add("sqs:CreateQueue", Fault.REPLY_LOST, takes=20)
    assert struck(lambda: client("sqs").create_queue(QueueName="slow"))
    assert clock.monotonic() - before == 40
    assert not struck(lambda: client("sqs").get_queue_url(QueueName="slow"))


def test_an_unreachable_account_refuses_connections(aws: SimulatedAws, client: Client) -> None:
    asked = len(aws.requests)
    with aws.unreachable():
        # A connection that was kept open is cut off; every other one is refused.
        with pytest.raises((EndpointConnectionError, HTTPClientError)):
            client("sqs").list_queues()
        with pytest.raises(EndpointConnectionError, match="Could not connect"):
            client("sqs").list_queues()
    assert len(aws.requests) == asked
    client("sqs").list_queues()
    assert len(aws.requests) == asked + 1
