"""A run's status as a person reads it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from dcp_engine.cli import words
from dcp_engine.cli.leaving import MAY_BILL, left_running
from dcp_engine.cli.standing import say_problems
from dcp_engine.cli.terminal import Terminal
from dcp_engine.model import Observation, Outcome, RequestKind, State
from dcp_engine.status import FleetStatus, Status, StepStatus
from dcp_engine.words import counted

_WISHES: Final[Mapping[RequestKind, str]] = {
    RequestKind.RELEASE: "somebody asked to stop watching this run",
    RequestKind.WAIVE: "somebody asked to go on without a teardown step",
    RequestKind.TAKE_OVER: "somebody asked this computer to take the run over",
    RequestKind.ADD_FLEET: "another fleet of the run is to be taken in",
}


def in_full(
    out: Terminal,
    status: Status,
    now: datetime,
    *,
    namesakes: int = 0,
    unwatched: str | None = None,
) -> None:
    """Everything, what is wrong first.

    `namesakes` is how many ended runs bear the name that was asked for, where no live one does;
    `unwatched` is what to say where nobody looks after the run.
    """
    _headline(out, status, now, unwatched)
    if namesakes:
        which = f"the newest of {namesakes} that have" if namesakes > 1 else "the one that has"
        out.say(f"  No live run is named {status.app_name}; this is {which} ended.")
    rows = [
        ("run", f"{status.run_id}, account {status.account}, {status.region}"),
        ("registered", words.since(status.registered_at, now)),
        ("jobs", _jobs(status)),
    ]
    if status.dead_letters is not None:
        rows.append(("dead letters", str(status.dead_letters)))
    rows += [("fleet", _fleet(fleet)) for fleet in status.fleets]
    rows.append(("machines", f"{status.machines_seen} seen so far"))
    rows += [(seen.name, _observation(seen)) for seen in status.observations]
    if status.cheapest:
        acted = "has acted: one machine is requested" if status.cheapest_acted else "engaged"
        rows.append(("cheapest", acted))
    if status.keep_queue and status.outcome is not Outcome.RELEASED:
        rows.append(("queue", "stays, with the jobs in it: a person asked for that"))
    rows += list(status.summary.items())
    rows += [(f"step {step.name}", _step(step)) for step in status.steps]
    if status.state is not State.EXPORTED:
        rows.append(("driver", _driver(status, now)))
        if status.next_tick_at:
            due = " (due)" if status.next_tick_at <= now else ""
            rows.append(("next tick", words.moment(status.next_tick_at) + due))
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        out.say(f"  {name:<{width}}  {text}")


def in_short(out: Terminal, status: Status, now: datetime, *, unwatched: str | None = None) -> None:
    """What is wrong, the counts, and who drives; `unwatched` as in `in_full`."""
    _headline(out, status, now, unwatched)
    if status.state.watches:
        out.say(f"  {_jobs(status)}; {words.machines(status.fleets)}")
    elif left := [step.name for step in status.steps if step.ended is None]:
        out.say(f"  still to do: {', '.join(left)}")
    if status.state is not State.EXPORTED:
        out.say(f"  driver: {_driver(status, now)}")


def _headline(out: Terminal, status: Status, now: datetime, unwatched: str | None) -> None:
    ended = status.state is State.EXPORTED
    what = f": {words.ending(status.outcome, status.dead_letters)}," if ended else ""
    released = status.outcome is Outcome.RELEASED
    out.say(
        f"{what} since {words.since(status.state_since, now)}",
        lead=f"{status.app_name}  {status.state.value}",
    )
    if released:
        out.say(
            "  Nobody watches it any more. What it had in AWS was left as it was then: machines "
            "may run and be billed. What is said below is from that moment."
        )
    elif left := left_running(status):
        out.say(left, lead=f"  {MAY_BILL}: ", colour="red")
    if unwatched:
        out.say(unwatched, lead="  UNWATCHED  ", colour="red")
    say_problems(out, status.problems, now)
    if not ended:
        for lead, wish in _wishes(status):
            out.say(f"{wish}; the next tick obeys", lead=f"  {lead}  ", colour="red")


def _wishes(status: Status) -> Iterable[tuple[str, str]]:
    """What was asked for and waits to be obeyed."""
    if status.abort_requested and status.state.watches:
        kept = ", the queue to be kept" if status.keep_queue else ""
        yield "ABORT", f"an abort was asked for{kept}"
    for kind in status.wishes:
        if kind in _WISHES:
            yield kind.value.upper(), _WISHES[kind]


def _jobs(status: Status) -> str:
    queue = status.queue
    counts = words.jobs(queue.visible, queue.in_flight, queue.delayed)
    return f"{counts} at {words.moment(queue.observed_at)}" if queue.observed_at else counts


def _fleet(fleet: FleetStatus) -> str:
    return f"{fleet.id} {words.fleet_state(fleet.state)}, {words.machines([fleet])}"


def _observation(seen: Observation) -> str:
    unit = f" {seen.unit}" if seen.unit else ""
    return f"{seen.value:g}{unit}" + (f" at {words.moment(seen.at)}" if seen.at else "")


def _step(step: StepStatus) -> str:
    if step.ended:
        return step.ended.value + (f": {step.reason}" if step.reason else "")
    text = f"not finished, tried {counted(step.attempts, 'time')}"
    if step.last_error:
        return f"{text}; last error: {step.last_error}"
    return f"{text}; {step.reason}" if step.reason else text


def _driver(status: Status, now: datetime) -> str:
    if status.driver:
        return status.driver
    last = (
        f"last looked at {words.since(status.last_tick_at, now)}"
        if status.last_tick_at
        else "never looked at yet"
    )
    return f"none at this moment; {last}"
