"""Deadline, guard, gate, retries and paging: what holds for every call."""

from typing import Any

import pytest
from botocore import exceptions as boto

from dcp_engine.aws import operations as op
from dcp_engine.aws.edge import FIRST_PAUSE, LONGEST_PAUSE, TRIES
from dcp_engine.errors import (
    Credentials,
    Denied,
    Invalid,
    LeaseLost,
    Missing,
    NotOurs,
    OutOfTime,
    Transient,
    Unreadable,
)

URL = "sqs:GetQueueUrl"
STOP = "ec2:TerminateInstances"
STOPPED = "<instancesSet><item><instanceId>i-0aaaaaaaaaaaaaaa1</instanceId></item></instancesSet>"


def ask(bench: Any) -> Any:
    return bench.edge.call(op.GET_QUEUE_URL, QueueName="Exp1Queue")


def test_a_passing_failure_is_waited_out(bench: Any) -> None:
    line = bench.line
    line.on(
        URL,
        line.error(URL, "ServiceUnavailable", status=503),
        line.error(URL, "InternalError", status=500),
        boto.ReadTimeoutError(endpoint_url="u"),
        line.json({"QueueUrl": "u"}),
    )
    assert ask(bench)["QueueUrl"] == "u"
    assert line.count(URL) == 4
    assert len(bench.clock.pauses) == 3


def test_tries_are_bounded_and_pauses_grow_to_a_cap(bench: Any) -> None:
    bench.line.on(URL, bench.line.error(URL, "InternalError", status=500))
    with pytest.raises(Transient):
        ask(bench)
    assert bench.line.count(URL) == TRIES
    for number, pause in enumerate(bench.clock.pauses):
        assert 0 <= pause <= min(LONGEST_PAUSE, FIRST_PAUSE * 2**number)
    assert len(set(bench.clock.pauses)) == TRIES - 1


def test_the_answer_after_the_retries_says_what_was_wrong(bench: Any) -> None:
    bench.line.on(URL, bench.line.error(URL, "RequestThrottled"))
    with pytest.raises(Transient, match="RequestThrottled"):
        ask(bench)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("AccessDenied", Denied),
        ("InvalidParameterValue", Invalid),
        ("ExpiredToken", Credentials),
        ("QueueDoesNotExist", Missing),
    ],
)
def test_what_time_does_not_mend_is_asked_once(
    bench: Any, code: str, expected: type[Exception]
) -> None:
    bench.line.on(URL, bench.line.error(URL, code))
    with pytest.raises(expected):
        ask(bench)
    assert bench.line.count(URL) == 1
    assert bench.clock.pauses == []


@pytest.mark.parametrize("budget", [0.05, 0.5, 2.0, 5.0])
def test_no_pause_ends_after_the_deadline(bench: Any, budget: float) -> None:
    start = bench.clock.monotonic()
    edge = bench.edge_until(start + budget)
    bench.line.on(URL, bench.line.error(URL, "RequestThrottled"))
    with pytest.raises(Transient, match="RequestThrottled"):
        edge.call(op.GET_QUEUE_URL, QueueName="Exp1Queue")
    assert bench.clock.monotonic() < start + budget
    assert 1 <= bench.line.count(URL) <= TRIES


def test_nothing_is_asked_when_the_time_is_up(bench: Any) -> None:
    edge = bench.edge_until(bench.clock.monotonic())
    bench.line.on(URL, bench.line.json({"QueueUrl": "u"}))
    with pytest.raises(OutOfTime, match="next round"):
        edge.call(op.GET_QUEUE_URL, QueueName="Exp1Queue")
    assert bench.line.calls == []
    assert bench.clock.pauses == []


def test_botocore_does_not_retry_by_itself(bench: Any) -> None:
    bench.line.on(URL, bench.line.error(URL, "ThrottlingException", status=503))
    with pytest.raises(Transient):
        bench.edge.once(op.GET_QUEUE_URL, QueueName="Exp1Queue")
    assert bench.line.count(URL) == 1


def test_the_guard_is_asked_before_every_try_of_a_change(bench: Any) -> None:
    line = bench.line
    line.on(
        STOP,
        line.error(STOP, "RequestLimitExceeded", status=503),
        line.ec2("TerminateInstances", STOPPED),
    )
    bench.edge.call(op.TERMINATE_INSTANCES, InstanceIds=[bench.MACHINES[0]])
    assert bench.guarded == 2


def test_a_read_needs_no_guard(bench: Any) -> None:
    bench.line.on(URL, bench.line.json({"QueueUrl": "u"}))
    ask(bench)
    assert bench.guarded == 0


@pytest.mark.parametrize("error", [LeaseLost("another"), OutOfTime("guard", "Lease", "too short")])
def test_a_guard_that_objects_ends_it_between_retries(bench: Any, error: Exception) -> None:
    bench.guard_raises = {2: error}
    bench.line.on(STOP, bench.line.error(STOP, "RequestLimitExceeded", status=503))
    with pytest.raises(type(error)):
        bench.edge.call(op.TERMINATE_INSTANCES, InstanceIds=[bench.MACHINES[0]])
    assert bench.line.count(STOP) == 1
    assert bench.guarded == 2


def test_what_is_not_ours_never_leaves(bench: Any) -> None:
    bench.line.on(STOP, bench.line.ec2("TerminateInstances", STOPPED))
    with pytest.raises(NotOurs):
        bench.edge.call(op.TERMINATE_INSTANCES, InstanceIds=["i-0bbbbbbbbbbbbbbbb"])
    assert bench.line.calls == []


def test_an_error_while_a_client_is_built_is_translated(bench: Any) -> None:
    def no_region(_: str) -> Any:
        raise boto.NoRegionError

    bench.edge._client = no_region
    with pytest.raises(Invalid, match="--region"):
        ask(bench)


def pages(bench: Any, **options: Any) -> list[int]:
    return list(
        bench.edge.pages(
            op.DESCRIBE_LOG_GROUPS, lambda answer: len(answer.body["logGroups"]), **options
        )
    )


GROUPS = "logs:DescribeLogGroups"


def test_pages_are_followed_to_the_end_with_the_same_question(bench: Any) -> None:
    line = bench.line
    line.on(
        GROUPS,
        line.json({"logGroups": [{}], "nextToken": "a"}),
        line.json({"logGroups": [], "nextToken": "b"}),
        line.error(GROUPS, "ThrottlingException"),
        line.json({"logGroups": [{}, {}], "nextToken": ""}),
    )
    assert pages(bench, logGroupNamePrefix="Exp1") == [1, 0, 2]
    assert [p.get("nextToken") for p in line.params(GROUPS)] == [None, "a", "b", "b"]
    assert {p["logGroupNamePrefix"] for p in line.params(GROUPS)} == {"Exp1"}


def test_a_token_that_comes_back_is_not_followed_for_ever(bench: Any) -> None:
    line = bench.line
    line.on(
        GROUPS,
        line.json({"logGroups": [], "nextToken": "a"}),
        line.json({"logGroups": [], "nextToken": "b"}),
        line.json({"logGroups": [], "nextToken": "a"}),
    )
    with pytest.raises(Unreadable, match="circle"):
        pages(bench)
    assert line.count(GROUPS) <= 2 + TRIES


def test_ever_new_tokens_end_too(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dcp_engine.aws.edge.MOST_PAGES", 20)
    replies = [bench.line.json({"logGroups": [], "nextToken": f"t{n}"}) for n in range(100)]
    bench.line.on(GROUPS, *replies)
    with pytest.raises(Unreadable, match="circle"):
        pages(bench)


def test_a_token_of_another_type_is_not_an_end(bench: Any) -> None:
    bench.line.on(GROUPS, bench.line.json({"logGroups": [], "nextToken": {"a": 1}}))
    with pytest.raises(Unreadable):
        pages(bench)


def test_impatient_pages_are_not_retried(bench: Any) -> None:
    bench.line.on(GROUPS, bench.line.error(GROUPS, "ThrottlingException"))
    with pytest.raises(Transient):
        pages(bench, patient=False)
    assert bench.line.count(GROUPS) == 1
