"""What people asked for while nobody, or somebody else, was driving."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from dcp_engine.drive import Drive
from dcp_engine.machine import Move
from dcp_engine.model import (
    Cheapest,
    Fleet,
    Outcome,
    Request,
    RequestKind,
    Run,
    State,
    with_fleet,
)
from dcp_engine.moves import Mover

EventParts = tuple[str, str, dict[str, Any]]


def obey(drive: Drive, mover: Mover) -> None:
    """Carry out every wish that waits, oldest first, each in one commit with its event."""
    for request in drive.wishes():
        change, event = _OBEY[request.kind](drive.run, request)
        drive.commit(change, events=[event] if event else [], consumed=[request])
    run = drive.run
    if run.abort_requested_at is not None and run.state.watches:
        mover.move(
            Move.ABORT,
            "a person asked for it",
            lambda run: replace(run, outcome=Outcome.ABORTED),
        )


def _abort(run: Run, request: Request) -> tuple[Callable[[Run], Run], EventParts | None]:
    if run.state is State.EXPORTED:
        return _same, None

    def change(run: Run) -> Run:
        return replace(run, abort_requested_at=run.abort_requested_at or request.at)

    text = "A person asked to end the run now, jobs left or not."
    return change, ("abort", text, dict(request.data))


def _cheapest_on(run: Run, request: Request) -> tuple[Callable[[Run], Run], EventParts | None]:
    if run.cheapest is not None or not run.live:
        return _same, None

    def change(run: Run) -> Run:
        return replace(run, cheapest=Cheapest(engaged_at=request.at))

    return change, ("cheapest", f"Cheapest mode was engaged at {_clock(request.at)}.", {})


def _cheapest_off(run: Run, request: Request) -> tuple[Callable[[Run], Run], EventParts | None]:
    if run.cheapest is None:
        return _same, None
    if run.cheapest.acted_at is not None:
        text = "Cheapest mode has already acted and cannot be undone; nothing was changed."
        return _same, ("cheapest", text, {})

    def change(run: Run) -> Run:
        return replace(run, cheapest=None)

    return change, ("cheapest", f"Cheapest mode was disengaged at {_clock(request.at)}.", {})


def _add_fleet(run: Run, request: Request) -> tuple[Callable[[Run], Run], EventParts | None]:
    fleet_id = str(request.data["fleet_id"])
    start = datetime.fromisoformat(str(request.data["start_time"]))
    if fleet_id in run.fleet_ids:
        return _same, None
    if not run.state.watches:
        text = (
            f"The monitor file now names fleet {fleet_id}, but this run is being torn down; the "
            "fleet was not adopted. It is probably a new run: register its file when this one has "
            "ended."
        )
        return _same, ("fleet-not-adopted", text, {"fleet": fleet_id})

    def change(run: Run) -> Run:
        run = with_fleet(run, Fleet(id=fleet_id, added_at=request.at, start_time=start))
        return replace(
            run, earliest_start=min(run.earliest_start, start), unworked_fall=0, duties=_now(run)
        )

    return change, ("fleet-added", f"Fleet {fleet_id} now works for this run too.", {})


def _now(run: Run) -> tuple[Any, ...]:
    """The duties with the next look at the fleets due at once."""
    return tuple(duty for duty in run.duties if duty.name != "look-at-fleets")


def _same(run: Run) -> Run:
    return run


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M} UTC"


_OBEY: dict[
    RequestKind, Callable[[Run, Request], tuple[Callable[[Run], Run], EventParts | None]]
] = {
    RequestKind.ABORT: _abort,
    RequestKind.CHEAPEST_ON: _cheapest_on,
    RequestKind.CHEAPEST_OFF: _cheapest_off,
    RequestKind.ADD_FLEET: _add_fleet,
}
