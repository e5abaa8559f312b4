"""SQS takes its time over deleting, and its counts can be wrong."""

from typing import Any

from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock

from .conftest import Client
from .helpers import refusal

COUNTS = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
]


def counts(client: Client, url: str) -> list[str]:
    told = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=COUNTS)["Attributes"]
    return [told[name] for name in COUNTS]


def test_deleting_settles_after_a_minute(client: Client, clock: VirtualClock) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="Leaving")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    sqs.delete_queue(QueueUrl=url)
    assert counts(client, url) == ["1", "0", "0"]
    sqs.delete_queue(QueueUrl=url)
    assert refusal(lambda: sqs.create_queue(QueueName="Leaving"))[0] == (
        "AWS.SimpleQueueService.QueueDeletedRecently"
    )
    clock.advance(61)

    def gone() -> Any:
        return sqs.get_queue_url(QueueName="Leaving")

    assert refusal(gone)[0] == "AWS.SimpleQueueService.NonExistentQueue"
    assert refusal(lambda: counts(client, url))[0] == "AWS.SimpleQueueService.NonExistentQueue"
    assert refusal(lambda: sqs.delete_queue(QueueUrl=url))[0] == (
        "AWS.SimpleQueueService.NonExistentQueue"
    )
    again = sqs.create_queue(QueueName="Leaving")["QueueUrl"]
    assert counts(client, again) == ["0", "0", "0"]


def test_errors_are_boto3s_own_classes(client: Client) -> None:
    sqs = client("sqs")
    try:
        sqs.delete_queue(QueueUrl="http://127.0.0.1/123456789012/never-there")
    except sqs.exceptions.QueueDoesNotExist as error:
        assert "does not exist" in str(error)
    else:
        raise AssertionError("deleting a queue that never was succeeded")


def test_a_queues_creation_is_told_in_whole_seconds_of_the_worlds_time(
    client: Client, clock: VirtualClock
) -> None:
    clock.advance(0.25)
    url = client("sqs").create_queue(QueueName="Dated")["QueueUrl"]
    told = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert told["CreatedTimestamp"] == str(int(clock.now().timestamp()))


def test_bent_readings_are_a_blip(aws: SimulatedAws, client: Client) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="Blip")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    sqs.send_message(QueueUrl=url, MessageBody="{}", DelaySeconds=900)
    aws.world.queues.bend_counts("Blip", times=2, visible=0)
    assert [counts(client, url) for _ in range(3)] == [
        ["0", "0", "1"],
        ["0", "0", "1"],
        ["1", "0", "1"],
    ]


def test_a_message_returns_when_its_time_is_up_by_the_worlds_clock(
    client: Client, clock: VirtualClock
) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="Back", Attributes={"VisibilityTimeout": "300"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    assert len(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]) == 1
    assert counts(client, url) == ["0", "1", "0"]
    clock.advance(299)
    assert counts(client, url) == ["0", "1", "0"]
    clock.advance(2)
    assert counts(client, url) == ["1", "0", "0"]
