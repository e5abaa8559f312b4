"""What readings mean for the state."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from dcp_engine.decide import decide, orphans_possible
from dcp_engine.defaults import Settings
from dcp_engine.machine import Move
from dcp_engine.model import Identities, Outcome, Run, State
from tests.unit.runs import START, fleet, reading, run

SETTINGS = Settings()
EMPTY = tuple(reading(at=s) for s in (0, 90, 180))
LONG_GONE = tuple(START + timedelta(seconds=s) for s in (0, 90, 180))


def move(run: Run, *, counted: bool = True, minutes: float = 0) -> Move | None:
    now = START + timedelta(minutes=minutes)
    decision = decide(run, counted=counted, now=now, settings=SETTINGS)
    return decision.move if decision else None


def ending(**changes: Any) -> Outcome | None:
    """How a drained run ends."""
    facts: dict[str, Any] = {
        "reading": EMPTY[-1],
        "readings": EMPTY,
        "jobs_seen": True,
        **changes,
    }
    decision = decide(run(State.DRAINING, **facts), counted=True, now=START, settings=SETTINGS)
    return decision.outcome if decision else None


def test_pending_waits_while_there_is_no_sign_of_work() -> None:
    idle = run(fleets=(fleet(active=0),), reading=reading())
    assert move(idle) is None
    assert move(idle, minutes=14.9) is None


def test_pending_ends_with_a_machine_or_a_job_or_the_grace() -> None:
    assert move(run()) is Move.WORK_SEEN
    assert move(run(fleets=(fleet(active=0),), jobs_seen=True)) is Move.WORK_SEEN
    assert move(run(fleets=(fleet(active=0),), reading=reading()), minutes=15) is Move.NOTHING_CAME


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        (run(fleets=(fleet(active=1),)), "1 machine is up"),
        (run(fleets=(fleet(active=2),)), "2 machines are up"),
        (
            run(State.RUNNING, reading=reading(0, 1), jobs_seen=True),
            "no job waits any more, 1 is in flight",
        ),
        (
            run(State.RUNNING, reading=reading()),
            "no job has been seen yet; there is time until 12:15 UTC to send some",
        ),
        (run(State.DRAINING, reading=reading(1)), "1 job waits again"),
        (run(State.DRAINING, reading=reading(3)), "3 jobs wait again"),
    ],
)
def test_one_is_not_many(held: Run, reason: str) -> None:
    decision = decide(held, counted=True, now=START, settings=SETTINGS)
    assert decision is not None
    assert decision.reason == reason


def test_pending_stays_where_the_queue_was_never_there() -> None:
    never = run(identities=Identities())
    assert move(never, minutes=1000) is None
    assert move(never, counted=False, minutes=1000) is None


def test_pending_stays_where_the_queue_cannot_be_counted() -> None:
    assert move(run(fleets=(fleet(active=None),)), counted=False, minutes=1000) is None


def test_running_drains_when_no_job_is_visible() -> None:
    assert move(run(State.RUNNING, reading=reading(1, 5))) is None
    assert move(run(State.RUNNING, reading=reading(0, 5))) is Move.NONE_WAITING
    assert move(run(State.RUNNING, reading=reading(0, 0, 3))) is Move.NONE_WAITING


@pytest.mark.parametrize("state", [State.RUNNING, State.DRAINING])
def test_nothing_moves_without_a_count(state: State) -> None:
    assert move(run(state, reading=EMPTY[-1], readings=EMPTY), counted=False, minutes=999) is None


def test_draining_goes_back_when_jobs_wait() -> None:
    assert move(run(State.DRAINING, reading=reading(1))) is Move.JOBS_WAIT


def test_draining_ends_only_when_emptiness_is_confirmed() -> None:
    assert move(run(State.DRAINING, reading=EMPTY[1], readings=EMPTY[:2])) is None
    empty = run(State.DRAINING, reading=EMPTY[-1], readings=EMPTY, jobs_seen=True)
    assert move(empty) is Move.WORK_OVER


def test_delayed_jobs_keep_a_run_draining() -> None:
    delayed = tuple(reading(0, 0, 1, at=s) for s in (0, 90, 180))
    assert move(run(State.DRAINING, reading=delayed[-1], readings=delayed)) is None


def test_outcomes() -> None:
    assert ending() is Outcome.COMPLETED
    assert ending(dead_letters=2, dead_letters_draining=2) is Outcome.COMPLETED_WITH_DEAD_LETTERS
    assert ending(unworked_fall=4) is Outcome.JOBS_EXPIRED


def test_machines_get_their_grace_where_dead_letters_grew_in_the_drain() -> None:
    grown = run(
        State.DRAINING,
        reading=EMPTY[-1],
        readings=EMPTY,
        dead_letters=3,
        dead_letters_draining=1,
    )
    assert orphans_possible(grown)
    assert not orphans_possible(replace(grown, dead_letters=1))
    assert not orphans_possible(replace(grown, fleets=(fleet(active=0),)))
    assert orphans_possible(replace(grown, fleets=(fleet(active=None),)))


@pytest.mark.parametrize("state", [State.RUNNING, State.DRAINING])
def test_a_vanished_queue_ends_the_run_after_as_long_as_emptiness_takes(state: State) -> None:
    gone = run(state, queue_missing=LONG_GONE, reading=reading())
    assert move(run(state, queue_missing=LONG_GONE[:2], reading=reading()), counted=False) is None
    decision = decide(gone, counted=False, now=START, settings=SETTINGS)
    assert decision is not None
    assert (decision.move, decision.outcome) == (Move.WORK_OVER, Outcome.QUEUE_VANISHED)


def test_a_queue_that_vanished_with_jobs_leaves_machines_their_grace() -> None:
    gone = run(State.RUNNING, queue_missing=LONG_GONE, reading=reading(3, 3))
    assert orphans_possible(gone)
    assert not orphans_possible(replace(gone, fleets=(fleet(active=0),)))
    assert not orphans_possible(replace(gone, reading=reading()))


@pytest.mark.parametrize("state", [State.TEARDOWN, State.EXPORTED])
def test_the_work_is_over_for_good_in_the_last_states(state: State) -> None:
    assert move(run(state, reading=reading(5), readings=EMPTY), minutes=999) is None


def test_nothing_is_over_that_has_not_begun() -> None:
    early = run(State.DRAINING, reading=EMPTY[-1], readings=EMPTY)
    assert move(early, minutes=14.9) is None
    assert move(early, minutes=15) is Move.WORK_OVER
    assert move(replace(early, jobs_seen=True), minutes=3) is Move.WORK_OVER
