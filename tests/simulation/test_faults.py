"""Faults strike the calls they are aimed at, in each service's own spelling."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from dcp_engine.aws.session import plain_client
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.server import SimulatedAws

from .conftest import Client
from .helpers import refusal


@pytest.fixture(autouse=True)
def no_faults_left(aws: SimulatedAws) -> Iterator[None]:
    yield
    aws.faults.clear()


CALLS = {
    "ec2": lambda client: client("ec2").describe_instances(),
    "sqs": lambda client: client("sqs").list_queues(),
    "cloudwatch": lambda client: client("cloudwatch").describe_alarms(),
    "ecs": lambda client: client("ecs").list_clusters(),
    "logs": lambda client: client("logs").describe_export_tasks(),
    "s3": lambda client: client("s3").list_buckets(),
    "sts": lambda client: client("sts").get_caller_identity(),
}


@pytest.mark.parametrize(
    ("fault", "spellings"),
    [
        (
            Fault.THROTTLED,
            {
                "ec2": ("RequestLimitExceeded", 503),
                "sqs": ("ThrottlingException", 400),
                "cloudwatch": ("Throttling", 400),
                "ecs": ("ThrottlingException", 400),
                "logs": ("ThrottlingException", 400),
                "s3": ("SlowDown", 503),
                "sts": ("Throttling", 400),
            },
        ),
        (
            Fault.DENIED,
            {
                "ec2": ("UnauthorizedOperation", 403),
                "sqs": ("AccessDenied", 403),
                "cloudwatch": ("AccessDenied", 403),
                "ecs": ("AccessDeniedException", 400),
                "logs": ("AccessDeniedException", 400),
                "s3": ("AccessDenied", 403),
                "sts": ("AccessDenied", 403),
            },
        ),
        (
            Fault.EXPIRED,
            {
                "ec2": ("RequestExpired", 400),
                "sqs": ("ExpiredToken", 403),
                "cloudwatch": ("ExpiredToken", 403),
                "ecs": ("ExpiredTokenException", 400),
                "logs": ("ExpiredTokenException", 400),
                "s3": ("ExpiredToken", 400),
                "sts": ("ExpiredToken", 403),
            },
        ),
    ],
)
def test_refusals_are_spelled_as_each_service_does(
    aws: SimulatedAws, client: Client, fault: Fault, spellings: dict[str, tuple[str, int]]
) -> None:
    aws.faults.add("*", fault, times=len(CALLS))
    assert {name: refusal(lambda c=call: c(client)) for name, call in CALLS.items()} == spellings  # type: ignore[misc]


@pytest.mark.parametrize("service", sorted(CALLS))
def test_server_errors(aws: SimulatedAws, client: Client, service: str) -> None:
    aws.faults.add(f"{service}:*", Fault.INTERNAL)
    aws.faults.add(f"{service}:*", Fault.UNAVAILABLE)
    aws.faults.add(f"{service}:*", Fault.ERROR, code="SomethingElse", status=418)
    assert refusal(lambda: CALLS[service](client))[1] == 500
    assert refusal(lambda: CALLS[service](client))[1] == 503
    assert refusal(lambda: CALLS[service](client)) == ("SomethingElse", 418)
    CALLS[service](client)


def test_times_after_and_match_choose_the_calls(aws: SimulatedAws, client: Client) -> None:
    sqs = client("sqs")
    urls = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("one", "two")]
    rule = aws.faults.add(
        "sqs:GetQueueAttributes",
        Fault.THROTTLED,
        times=2,
        after=1,
        match=lambda params: params["QueueUrl"].endswith("/one"),
    )

    def outcome(url: str) -> str:
        try:
            sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        except ClientError:
            return "struck"
        return "passed"

    assert [outcome(urls[n]) for n in (0, 1, 0, 1, 0, 0)] == [
        "passed",
        "passed",
        "struck",
        "passed",
        "struck",
        "passed",
    ]
    assert rule.hits == 2
    assert [r.fault for r in aws.requests.matching("sqs:GetQueueAttributes")][-2] == "THROTTLED"


def test_a_reset_has_no_effect_and_a_lost_reply_has(aws: SimulatedAws, client: Client) -> None:
    sqs = client("sqs")
    aws.faults.add("sqs:CreateQueue", Fault.RESET)
    with pytest.raises(HTTPClientError):
        sqs.create_queue(QueueName="reset")
    assert refusal(lambda: sqs.get_queue_url(QueueName="reset"))[1] == 400
    aws.faults.add("sqs:CreateQueue", Fault.REPLY_LOST)
    with pytest.raises(HTTPClientError):
        sqs.create_queue(QueueName="lost")
    assert sqs.get_queue_url(QueueName="lost")["QueueUrl"].endswith("/lost")
    assert [r.status for r in aws.requests.matching("sqs:CreateQueue")][-2:] == [0, 0]


def test_garbage_with_status_200(aws: SimulatedAws, client: Client) -> None:
    client("sqs").create_queue(QueueName="garbage")
    for fault in (Fault.EMPTY_BODY, Fault.TRUNCATED, Fault.HTML):
        aws.faults.add("sqs:ListQueues", fault)
        try:
            told: Any = client("sqs").list_queues().get("QueueUrls")
        except Exception as error:  # noqa: BLE001 - any failure to parse will do
            told = error
        assert told is None or isinstance(told, Exception), fault
    assert aws.requests[-1].status == 200


@pytest.mark.parametrize(
    ("operation", "key"),
    [
        ("ec2:DescribeInstances", "Reservations"),
        ("sqs:GetQueueAttributes", "ApproximateNumberOfMessages"),
        ("cloudwatch:DescribeAlarms", "MetricAlarms"),
        ("ecs:ListClusters", "clusterArns"),
        ("s3:ListObjectsV2", "KeyCount"),
        ("sts:GetCallerIdentity", "Account"),
    ],
)
def test_a_key_can_be_missing(aws: SimulatedAws, client: Client, operation: str, key: str) -> None:
    url = client("sqs").create_queue(QueueName="keyless")["QueueUrl"]
    aws.client("s3").create_bucket(Bucket="keyless")
    calls: dict[str, Any] = {
        "ec2:DescribeInstances": CALLS["ec2"],
        "sqs:GetQueueAttributes": lambda c: c("sqs").get_queue_attributes(
            QueueUrl=url, AttributeNames=["All"]
        )["Attributes"],
        "cloudwatch:DescribeAlarms": CALLS["cloudwatch"],
        "ecs:ListClusters": CALLS["ecs"],
        "s3:ListObjectsV2": lambda c: c("s3").list_objects_v2(Bucket="keyless"),
        "sts:GetCallerIdentity": CALLS["sts"],
    }
    assert key in calls[operation](client)
    aws.faults.add(operation, Fault.MISSING_KEY, key=key)
    assert key not in calls[operation](client)
    with pytest.raises(ValueError, match="which key"):
        aws.faults.add(operation, Fault.MISSING_KEY)


def test_a_hanging_call_is_held_until_released(aws: SimulatedAws) -> None:
    sqs = plain_client("sqs", endpoint_url=aws.endpoint_url, region=aws.region)
    rule = aws.faults.add("sqs:ListQueues", Fault.HANG)
    ended = threading.Event()

    def call() -> None:
        try:
            sqs.list_queues()
        except HTTPClientError:
            ended.set()

    caller = threading.Thread(target=call)
    caller.start()
    assert not ended.wait(0.2)
    rule.release()
    caller.join(timeout=10)
    assert ended.is_set()


def test_faults_in_s3_know_the_operation(aws: SimulatedAws, client: Client) -> None:
    s3 = client("s3")
    aws.client("s3").create_bucket(Bucket="faulty")
    aws.faults.add("s3:PutObject", Fault.DENIED, match=lambda p: p["Key"] == "a/b c")
    s3.put_object(Bucket="faulty", Key="other", Body=b"x")
    assert refusal(lambda: s3.put_object(Bucket="faulty", Key="a/b c", Body=b"x"))[0] == (
        "AccessDenied"
    )
    aws.faults.add("s3:HeadObject", Fault.UNAVAILABLE)
    assert refusal(lambda: s3.head_object(Bucket="faulty", Key="other"))[1] == 503
