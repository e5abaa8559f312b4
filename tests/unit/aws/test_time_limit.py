"""One try has a total limit of time, and what is left behind can do no harm."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from dcp_engine.aws import operations as op
from dcp_engine.aws.session import Sessions
from dcp_engine.aws.time_limit import TimeIsUp, TimeLimit
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.server import SimulatedAws

SHORT = timedelta(seconds=0.3)
LONG = 20.0


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What holds the tries of a test back; open at its end, so that no thread stays."""
    held = threading.Event()
    yield held
    held.set()


def ends(reached: Callable[[], bool]) -> bool:
    """Whether it comes to be so within a generous time."""
    return any(reached() or threading.Event().wait(0.02) for _ in range(500))


def test_an_answer_that_trickles_in_ends_with_the_limit(
    aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each byte comes well within the read timeout, so that alone would never end it.
    client = Sessions(None, None, timeout=timedelta(seconds=0.5)).client("sqs", None)
    rule = aws.faults.add("sqs:GetQueueUrl", Fault.TRICKLES)
    aws.light_client("sqs").create_queue(QueueName="a-queue-with-a-name-that-is-not-short")
    with pytest.raises(TimeIsUp, match="no whole answer"):
        client.get_queue_url(QueueName="a-queue-with-a-name-that-is-not-short")
    rule.release()
    url = client.get_queue_url(QueueName="a-queue-with-a-name-that-is-not-short")["QueueUrl"]
    assert url.endswith("not-short")


def test_what_an_attempt_returns_or_raises_comes_through() -> None:
    limit = TimeLimit(timedelta(seconds=LONG))
    assert limit.run(op.GET_QUEUE_URL, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        limit.run(op.GET_QUEUE_URL, lambda: 1 // 0)


@pytest.mark.parametrize(
    ("operation", "most"),
    [(op.MODIFY_FLEET, 1), (op.CANCEL_FLEETS, 8), (op.GET_QUEUE_ATTRIBUTES, 8)],
)
def test_only_so_many_tries_are_left_behind_at_a_time(
    gate: threading.Event, operation: op.Operation, most: int
) -> None:
    limit = TimeLimit(timedelta(seconds=0.02))
    begun: list[int] = []

    def attempt() -> None:
        begun.append(1)
        gate.wait(LONG)

    for _ in range(most + 3):
        with pytest.raises(TimeIsUp):
            limit.run(operation, attempt)
    assert len(begun) == most
    gate.set()

    def free() -> bool:
        try:
            return bool(limit.run(operation, lambda: True))
        except TimeIsUp:
            return False

    assert ends(free)


def test_what_was_not_sent_in_time_is_not_sent_any_more(
    aws: SimulatedAws, gate: threading.Event
) -> None:
    late = threading.Event()
    client = Sessions(None, None, timeout=SHORT).client("sqs", None)

    def slow_to_sign(**_: Any) -> None:
        gate.wait(LONG)
        late.set()

    # Fetching credentials can take that long, with the request not yet on the wire.
    client.meta.events.register("before-sign", slow_to_sign)
    with pytest.raises(TimeIsUp):
        client.delete_queue(QueueUrl=f"{aws.endpoint_url}/123456789012/Exp1Queue")
    gate.set()
    assert late.wait(LONG)
    client.meta.events.unregister("before-sign", slow_to_sign)

    def asked_again() -> bool:
        try:
            client.delete_queue(QueueUrl=f"{aws.endpoint_url}/123456789012/Exp2Queue")
        except TimeIsUp:
            return False
        except client.exceptions.QueueDoesNotExist:
            return True
        return True

    # The second one is made only when the first one's thread has come to its end.
    assert ends(asked_again)
    assert {r.params["QueueUrl"][-9:] for r in aws.requests.matching("sqs:DeleteQueue")} == {
        "Exp2Queue"
    }


def test_tries_that_follow_each_other_share_a_thread() -> None:
    limit = TimeLimit(timedelta(seconds=LONG))
    made_by = {limit.run(op.GET_QUEUE_URL, threading.get_ident) for _ in range(20)}
    assert len(made_by) == 1
    assert threading.get_ident() not in made_by


def test_a_try_that_was_left_behind_holds_up_none_that_follow(gate: threading.Event) -> None:
    limit = TimeLimit(timedelta(seconds=1))

    stuck: list[int] = []

    def hang() -> None:
        stuck.append(threading.get_ident())
        gate.wait(60)

    with pytest.raises(TimeIsUp):
        limit.run(op.GET_QUEUE_URL, hang)
    assert limit.run(op.GET_QUEUE_URL, threading.get_ident) not in stuck
    gate.set()

    # Come back, it is as good as any other, and what it brought is nobody's.
    def of_several_at_once(number: int) -> set[int]:
        here = threading.get_ident
        if number == 1:
            return {limit.run(op.GET_QUEUE_URL, here)}
        found: set[int] = limit.run(
            op.GET_QUEUE_URL, lambda: {here(), *of_several_at_once(number - 1)}
        )
        return found

    # While it is coming back one more may be begun in its place.
    assert ends(lambda: stuck[0] in of_several_at_once(3))


def test_a_thread_that_nobody_needs_ends_and_the_next_try_is_made_all_the_same() -> None:
    limit = TimeLimit(timedelta(seconds=LONG), rest=timedelta(milliseconds=1))
    made_by: list[threading.Thread] = []
    for _ in range(3):
        limit.run(op.GET_QUEUE_URL, lambda: made_by.append(threading.current_thread()))
        last = made_by[-1]
        last.join(LONG)
        assert not last.is_alive()
