"""What is made of a run for people and programs."""

from datetime import timedelta

import pytest

from dcp_engine.model import Ended, Fleet, Holder, Lease, Machine, Run, State, Step
from dcp_engine.status import status_of, unstopped, unwatched_since
from tests.unit.runs import FLEET_ID, START, fleet, run

MINUTE = timedelta(minutes=1)
LEASE = Lease(
    run_id="Exp1-0123abcd",
    token=1,
    holder=Holder(host="laptop", pid=1, started=1.0, label="monitor"),
    until=START,
)


def stopping(answer: str | None, **changes: object) -> Run:
    progress = {"answers": {FLEET_ID: answer}} if answer else {}
    facts = {"first_cancel_at": START, "steps": (Step(name="fleets", progress=progress),)}
    return run(State.TEARDOWN, **{**facts, **changes})


@pytest.mark.parametrize(
    ("held", "left"),
    [
        (run(State.RUNNING), ()),
        (run(State.TEARDOWN), (FLEET_ID,)),
        (stopping(None), (FLEET_ID,)),
        (stopping("failed"), (FLEET_ID,)),
        (stopping("accepted"), ()),
        (stopping("not cancellable"), ()),
        (stopping("accepted", fleets=(fleet(), fleet(id="sfr-2"))), ("sfr-2",)),
        (stopping(None, machines_ended_at=START), ()),
        (run(State.TEARDOWN, steps=(Step(name="fleets", ended=Ended.WAIVED),)), ()),
    ],
)
def test_what_is_not_stopped_yet(held: Run, left: tuple[str, ...]) -> None:
    assert unstopped(held) == left


@pytest.mark.parametrize(
    ("pause", "late", "unwatched"),
    [
        (MINUTE, 30 * MINUTE, False),
        (MINUTE, 31 * MINUTE, True),
        (20 * MINUTE, 60 * MINUTE, False),
        (20 * MINUTE, 61 * MINUTE, True),
    ],
)
def test_nobody_looks(pause: timedelta, late: timedelta, unwatched: bool) -> None:
    held = run(State.RUNNING, last_tick_at=START, next_tick_at=START + pause)
    now = START + pause + late
    assert unwatched_since(held, None, now) == (START if unwatched else None)
    assert unwatched_since(held, LEASE, now) is None


def test_nobody_has_looked_since_it_was_registered() -> None:
    held = run(next_tick_at=START)
    assert unwatched_since(held, None, START + 31 * MINUTE) == START
    assert unwatched_since(run(State.EXPORTED), None, START + 31 * MINUTE) is None


def test_a_fleet_that_was_stopped_before_the_first_look_is_known_by_its_machines() -> None:
    never_seen = (Fleet(id=FLEET_ID, added_at=START, start_time=START),)
    machines = [
        Machine(instance_id=f"i-{n}", fleet_id=FLEET_ID, first_seen=START, ended_at=ended)
        for n, ended in enumerate([None, None, START])
    ]
    held = stopping("accepted", fleets=never_seen)
    found = status_of(held, lease=None, requests=[], machines_seen=3, machines=machines)
    [shown] = found.fleets
    assert (shown.state, shown.active) == ("cancelled_terminating", 2)
