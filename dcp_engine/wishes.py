"""What people asked for while nobody, or somebody else, was driving."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from dcp_engine.drive import Drive, unchanged
from dcp_engine.machine import Move
from dcp_engine.model import (
    Cheapest,
    Ended,
    Fleet,
    Outcome,
    Request,
    RequestKind,
    Run,
    State,
    with_fleet,
    with_step,
)
from dcp_engine.moves import Mover
from dcp_engine.plugin_records import lifted
from dcp_engine.status import queue_is_going

EventParts = tuple[str, str, dict[str, Any]]


def obey(drive: Drive, mover: Mover) -> None:
    """Carry out every wish that waits, oldest first, each in one commit with its event."""
    for request in drive.wishes():
        if request.kind is RequestKind.RELEASE:
            if drive.run.live:
                _release(mover, request)
            else:
                drive.commit(consumed=[request])
            continue
        change, event = _OBEY[request.kind](drive.run, request)
        drive.commit(change, events=[event] if event else [], consumed=[request])
    run = drive.run
    if run.abort_requested_at is not None and run.state.watches:
        mover.move(
            Move.ABORT,
            "a person asked for it",
            lambda run: replace(run, outcome=Outcome.ABORTED),
        )


def _release(mover: Mover, request: Request) -> None:
    mover.move(
        Move.RELEASE,
        "a person asked to stop watching; nothing in AWS was touched by that",
        lambda run: replace(run, outcome=Outcome.RELEASED),
        consumed=[request],
    )


def _abort(run: Run, request: Request) -> tuple[Callable[[Run], Run], EventParts | None]:
    if run.state is State.EXPORTED:
        return unchanged, None

    asked = bool(request.data.get("keep_queue"))
    keep = asked and not queue_is_going(run)

    def change(run: Run) -> Run:
        return replace(
            run,
            abort_requested_at=run.abort_requested_at or request.at,
            keep_queue=run.keep_queue or keep,
        )

    text = "A person asked to end the run now, jobs left or not" + (
        "; the queue is kept with what is in it."
        if keep
        else "; its queue was deleted already and cannot be kept."
        if asked
        else "."
    )
    return change, ("abort", text, dict(request.data))


def _waive(run: Run, request: Request) -> tuple[Callable[[Run], Run], EventParts | None]:
    name = str(request.data["step"])
    step = run.step(name)
    if step is None or step.ended is not None:
        text = f"The step {name} was not waived: " + (
            f"it has ended already ({step.ended})." if step else "the run has no such step now."
        )
        return unchanged, ("waive", text, {"step": name})
    waived = replace(
        step, ended=Ended.WAIVED, reason="a person said so", ended_at=request.at, next_at=None
    )

    def change(run: Run) -> Run:
        run = with_step(run, waived)
        problems = tuple(p for p in run.problems if p.name != f"step-{name}")
        return replace(run, problems=problems)

    text = f"A person waived the step {name}: it is left as it is, and the run goes on without it."
    return change, ("waive", text, {"step": name, "last_error": step.last_error})


def _cheapest_on(run: Run, request: Request) -> tuple[Callable[[Run], Run], EventParts | None]:
    if run.cheapest is not None or not run.live:
        return unchanged, None

    def change(run: Run) -> Run:
        return replace(run, cheapest=Cheapest(engaged_at=request.at))

    return change, ("cheapest", f"Cheapest mode was engaged at {_clock(request.at)}.", {})


def _cheapest_off(run: Run, request: Request) -> tuple[Callable[[Run], Run], EventParts | None]:
    if run.cheapest is None:
        return unchanged, None
    if run.cheapest.acted_at is not None:
        text = "Cheapest mode has already acted and cannot be undone; nothing was changed."
        return unchanged, ("cheapest", text, {})

    def change(run: Run) -> Run:
        return replace(run, cheapest=None)

    return change, ("cheapest", f"Cheapest mode was disengaged at {_clock(request.at)}.", {})


def _take_over(run: Run, request: Request) -> tuple[Callable[[Run], Run], EventParts | None]:
    if not run.live:
        return unchanged, None

    def change(run: Run) -> Run:
        return replace(run, taking_over=request.at, disarming=True, duties=_now(run))

    text = (
        "A person asked to take the run over: it is driven from here now, whoever else did, and "
        "Auto-Monitor's alarms are disarmed if there are any."
    )
    return change, ("take-over", text, {})


def _try_again(run: Run, request: Request) -> tuple[Callable[[Run], Run], EventParts | None]:
    plugin, duties, steps = (request.data[key] for key in ("plugin", "duties", "steps"))
    if not run.live or lifted(run, plugin, duties, steps, request.at) == run:
        return unchanged, None

    def change(run: Run) -> Run:
        return lifted(run, plugin, duties, steps, request.at)

    text = (
        f"A person had the plugin {plugin} checked, and it lacks nothing: what was left alone of "
        "it for a time is tried again at once."
    )
    return change, ("try-again", text, {"plugin": plugin})


def _add_fleet(run: Run, request: Request) -> tuple[Callable[[Run], Run], EventParts | None]:
    return adopting(
        run,
        str(request.data["fleet_id"]),
        datetime.fromisoformat(str(request.data["start_time"])),
        request.at,
    )


def adopting(
    run: Run, fleet_id: str, start: datetime, at: datetime
) -> tuple[Callable[[Run], Run], EventParts | None]:
    """The change and the event by which a fleet named in the run's own file becomes the run's."""
    if fleet_id in run.fleet_ids:
        return unchanged, None
    if not run.state.watches:
        text = (
            f"The monitor file now names fleet {fleet_id}, but this run is being torn down; the "
            "fleet was not adopted. It is probably a new run: register its file when this one has "
            "ended."
        )
        return unchanged, ("fleet-not-adopted", text, {"fleet": fleet_id})

    def change(run: Run) -> Run:
        run = with_fleet(run, Fleet(id=fleet_id, added_at=at, start_time=start))
        return replace(
            run,
            earliest_start=min(run.earliest_start, start),
            unworked_fall=0,
            idle_jobs=None,
            duties=_now(run),
        )

    return change, ("fleet-added", f"Fleet {fleet_id} belongs to this run too from now on.", {})


def _now(run: Run) -> tuple[Any, ...]:
    """The duties with the next look at the fleets due at once."""
    return tuple(duty for duty in run.duties if duty.name != "look-at-fleets")


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M} UTC"


_OBEY: dict[
    RequestKind, Callable[[Run, Request], tuple[Callable[[Run], Run], EventParts | None]]
] = {
    RequestKind.ABORT: _abort,
    RequestKind.CHEAPEST_ON: _cheapest_on,
    RequestKind.CHEAPEST_OFF: _cheapest_off,
    RequestKind.ADD_FLEET: _add_fleet,
    RequestKind.WAIVE: _waive,
    RequestKind.TAKE_OVER: _take_over,
    RequestKind.TRY_AGAIN: _try_again,
}
