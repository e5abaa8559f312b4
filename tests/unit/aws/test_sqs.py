"""Counting jobs: a number is what AWS said, or it is not known."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from dcp_engine.errors import AwsError, Denied, Invalid, Missing, NotOurs, Transient, Unreadable
from dcp_engine.model import Reading

URL, LOOK, DELETE = "sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:DeleteQueue"
DEAD = "arn:aws:sqs:us-east-1:123456789012:Exp1Dead"
FULL = {
    "ApproximateNumberOfMessages": "30",
    "ApproximateNumberOfMessagesNotVisible": "2",
    "ApproximateNumberOfMessagesDelayed": "1",
    "CreatedTimestamp": "1904904000",
    "RedrivePolicy": json.dumps({"deadLetterTargetArn": DEAD, "maxReceiveCount": 10}),
}


def attributes(bench: Any, **changed: str | None) -> Any:
    merged = {key: value for key, value in {**FULL, **changed}.items() if value is not None}
    return bench.line.json({"Attributes": merged})


def test_a_look_by_name_finds_the_queue_and_counts_it(bench: Any) -> None:
    bench.line.on(URL, bench.line.json({"QueueUrl": bench.QUEUE_URL}))
    bench.line.on(LOOK, attributes(bench))
    facts = bench.aws.queue.look(None)
    assert facts.url == bench.QUEUE_URL
    assert facts.reading == Reading(visible=30, in_flight=2, delayed=1, at=bench.SERVER_DATE)
    assert facts.created_at == datetime.fromtimestamp(1904904000, UTC)
    assert facts.dead_letter_queue_arn == DEAD
    assert bench.line.params(URL) == [{"QueueName": "Exp1Queue"}]


def test_a_known_url_is_used_as_it_is(bench: Any) -> None:
    bench.line.on(LOOK, attributes(bench, RedrivePolicy=None))
    facts = bench.aws.queue.look(bench.QUEUE_URL)
    assert facts.dead_letter_queue_arn is None
    assert bench.line.count(URL) == 0
    assert bench.line.params(LOOK) == [{"QueueUrl": bench.QUEUE_URL, "AttributeNames": ["All"]}]


COUNTS = [key for key in FULL if key.startswith("Approx")]


@pytest.mark.parametrize("key", [*COUNTS, "CreatedTimestamp"])
@pytest.mark.parametrize("value", [None, "", "-1", "1.0", "many", "٣", "1e3", " 0", "9" * 40])
def test_an_odd_count_is_not_known(bench: Any, key: str, value: str | None) -> None:
    bench.line.on(LOOK, attributes(bench, **{key: value}))
    with pytest.raises(Unreadable):
        bench.aws.queue.look(bench.QUEUE_URL)


@pytest.mark.parametrize("value", [0, None, [], {"a": 1}])
def test_a_count_of_another_type_is_not_known(bench: Any, value: Any) -> None:
    body = {"Attributes": {**FULL, "ApproximateNumberOfMessages": value}}
    bench.line.on(LOOK, bench.line.json(body))
    with pytest.raises(Unreadable):
        bench.aws.queue.look(bench.QUEUE_URL)


@pytest.mark.parametrize("policy", ["{", "[]", "{}", '"x"', '{"deadLetterTargetArn": 3}'])
def test_an_odd_redrive_policy_is_not_none(bench: Any, policy: str) -> None:
    bench.line.on(LOOK, attributes(bench, RedrivePolicy=policy))
    with pytest.raises(Unreadable):
        bench.aws.queue.look(bench.QUEUE_URL)


def test_an_odd_answer_is_asked_for_again(bench: Any) -> None:
    odd = attributes(bench, ApproximateNumberOfMessages="")
    bench.line.on(LOOK, odd, attributes(bench))
    assert bench.aws.queue.look(bench.QUEUE_URL).reading.visible == 30


def test_a_reading_without_a_trustworthy_time_is_not_one(bench: Any) -> None:
    bench.line.on(LOOK, bench.line.json({"Attributes": FULL}, date="soon"))
    with pytest.raises(Unreadable):
        bench.aws.queue.look(bench.QUEUE_URL)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("AWS.SimpleQueueService.NonExistentQueue", Missing),
        ("AccessDenied", Denied),
        ("RequestThrottled", Transient),
    ],
)
def test_a_failed_look_never_counts(bench: Any, code: str, expected: type[AwsError]) -> None:
    bench.line.on(LOOK, bench.line.error(LOOK, code))
    with pytest.raises(expected):
        bench.aws.queue.look(bench.QUEUE_URL)


def test_dead_letters_are_counted_wherever_they_are(bench: Any) -> None:
    bench.line.on(URL, bench.line.json({"QueueUrl": "https://sqs/123456789012/Exp1Dead"}))
    bench.line.on(LOOK, attributes(bench))
    assert bench.aws.queue.dead_letters(DEAD) == 33
    asked = {"QueueName": "Exp1Dead", "QueueOwnerAWSAccountId": "123456789012"}
    assert bench.line.params(URL) == [asked]


@pytest.mark.parametrize("arn", ["Exp1Dead", "arn:aws:s3:::bucket", ""])
def test_dead_letters_of_something_else_are_not_counted(bench: Any, arn: str) -> None:
    with pytest.raises(Invalid):
        bench.aws.queue.dead_letters(arn)


def test_deleting_a_queue(bench: Any) -> None:
    bench.line.on(DELETE, bench.line.raw(b""))
    bench.aws.queue.delete(bench.QUEUE_URL)
    assert bench.line.params(DELETE) == [{"QueueUrl": bench.QUEUE_URL}]


def test_deleting_it_again_is_fine(bench: Any) -> None:
    gone = bench.line.error(DELETE, "AWS.SimpleQueueService.NonExistentQueue")
    bench.line.on(DELETE, bench.line.error(DELETE, "InternalError", status=500), gone)
    assert bench.aws.queue.delete(bench.QUEUE_URL) is None
    assert bench.line.count(DELETE) == 2


def test_a_queue_of_another_name_stays(bench: Any) -> None:
    with pytest.raises(NotOurs):
        bench.aws.queue.delete(bench.QUEUE_URL + "2")
    assert bench.line.calls == []
