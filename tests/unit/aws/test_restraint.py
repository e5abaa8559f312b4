"""A throttled service slows the calls to it, of all who ask there, and nothing else."""

from typing import Any

import pytest

from dcp_engine.aws import operations as op
from dcp_engine.aws.restraint import FIRST_GAP, LONGEST_GAP, LONGEST_WAIT, Restraint, Restraints
from dcp_engine.errors import HeldBack, Throttled
from dcp_engine.simulation.virtual_clock import VirtualClock

URL = "sqs:GetQueueUrl"
CANCEL = "ec2:CancelSpotFleetRequests"
FLEETS = "ec2:DescribeSpotFleetRequests"


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def waits(restraint: Restraint, service: str, times: int) -> list[float | None]:
    return [restraint.turn(service) for _ in range(times)]


def test_who_was_never_told_otherwise_waits_for_nothing(clock: VirtualClock) -> None:
    restraint = Restraint(clock)
    restraint.answered("sqs")
    assert waits(restraint, "sqs", 100) == [0.0] * 100


def test_one_complaint_puts_the_calls_of_all_apart(clock: VirtualClock) -> None:
    restraint = Restraint(clock)
    restraint.throttled("sqs")
    assert waits(restraint, "sqs", 3) == pytest.approx([FIRST_GAP, 2 * FIRST_GAP, 3 * FIRST_GAP])
    assert waits(restraint, "ec2", 3) == [0.0] * 3


def test_what_is_told_at_the_same_moment_counts_once(clock: VirtualClock) -> None:
    one, many = Restraint(clock), Restraint(clock)
    one.throttled("sqs")
    for _ in range(32):
        many.throttled("sqs")
    assert waits(many, "sqs", 3) == waits(one, "sqs", 3)


def test_it_slows_down_to_a_limit_and_comes_back_to_full_speed(clock: VirtualClock) -> None:
    restraint = Restraint(clock)
    for _ in range(20):
        clock.advance(LONGEST_GAP)
        restraint.throttled("sqs")
    assert waits(restraint, "sqs", 2) == pytest.approx([LONGEST_GAP, 2 * LONGEST_GAP])
    for _ in range(60):
        clock.advance(2)
        restraint.answered("sqs")
    assert waits(restraint, "sqs", 100) == [0.0] * 100


def test_many_answers_in_one_moment_do_not_undo_a_complaint(clock: VirtualClock) -> None:
    restraint = Restraint(clock)
    restraint.throttled("sqs")
    for _ in range(100):
        restraint.answered("sqs")
    assert restraint.turn("sqs") == pytest.approx(FIRST_GAP)


def test_a_queue_that_is_too_long_is_not_joined(clock: VirtualClock) -> None:
    restraint = Restraint(clock)
    restraint.throttled("sqs")
    given = [wait for wait in waits(restraint, "sqs", 1000) if wait is not None]
    assert max(given) <= LONGEST_WAIT + FIRST_GAP
    assert len(given) == pytest.approx(LONGEST_WAIT / FIRST_GAP, abs=2)
    # Who was turned away has taken nobody's place.
    clock.advance(LONGEST_WAIT + FIRST_GAP)
    assert restraint.turn("sqs") == 0.0


def test_another_account_or_region_is_not_held_back(clock: VirtualClock) -> None:
    there = Restraints(clock)
    there.at("1", "us-east-1").throttled("sqs")
    assert there.at("1", "us-east-1").turn("sqs")
    assert there.at("1", "eu-west-1").turn("sqs") == 0.0
    assert there.at("2", "us-east-1").turn("sqs") == 0.0


def ask(edge: Any) -> None:
    edge.call(op.GET_QUEUE_URL, QueueName="Exp1Queue")


def test_what_one_run_is_told_holds_for_the_next(bench: Any) -> None:
    line, shared = bench.line, Restraint(bench.clock)
    line.on(URL, *[line.error(URL, "RequestThrottled")] * 8, line.json({"QueueUrl": "u"}))
    one, other = (bench.edge_until(1000.0 + 180.0, shared) for _ in range(2))
    with pytest.raises(Throttled):
        ask(one)
    before = sum(bench.clock.pauses)
    ask(other)
    assert sum(bench.clock.pauses) - before > FIRST_GAP
    alone = bench.edge_until(1000.0 + 180.0)
    before = sum(bench.clock.pauses)
    ask(alone)
    assert sum(bench.clock.pauses) == before


def test_nobody_waits_in_a_queue_that_is_too_long_and_aws_is_not_asked(bench: Any) -> None:
    shared = Restraint(bench.clock)
    bench.line.on(URL, bench.line.json({"QueueUrl": "u"}))
    shared.throttled("sqs")
    while shared.turn("sqs") is not None:
        pass
    with pytest.raises(HeldBack, match=r"asks too often there \(Throttling\)"):
        ask(bench.edge_until(1000.0 + 180.0, shared))
    assert bench.line.count(URL) == 0
    assert not bench.clock.pauses


def test_cancelling_the_fleets_waits_for_nobody(bench: Any) -> None:
    """The describing of fleets may have been what was throttled: the money comes first."""
    line, shared = bench.line, Restraint(bench.clock)
    shared.throttled("ec2")
    while shared.turn("ec2") is not None:
        pass
    inner = "<successfulFleetRequestSet/><unsuccessfulFleetRequestSet/>"
    line.on(CANCEL, line.ec2("CancelSpotFleetRequests", inner))
    edge = bench.edge_until(1000.0 + 180.0, shared)
    edge.call(op.CANCEL_FLEETS, SpotFleetRequestIds=[bench.FLEET], TerminateInstances=True)
    assert line.count(CANCEL) == 1
    assert not bench.clock.pauses
    with pytest.raises(HeldBack):
        edge.call(op.DESCRIBE_FLEETS, SpotFleetRequestIds=[bench.FLEET])
    assert line.count(FLEETS) == 0
