"""A run's status as a person reads it."""

from datetime import datetime

from dcp_engine.cli import words
from dcp_engine.cli.terminal import Terminal
from dcp_engine.model import State
from dcp_engine.status import FleetStatus, Status, StepStatus


def in_full(out: Terminal, status: Status, now: datetime) -> None:
    """Everything, what is wrong first."""
    _headline(out, status, now)
    rows = [
        ("run", f"{status.run_id}, account {status.account}, {status.region}"),
        ("registered", words.since(status.registered_at, now)),
        ("jobs", _jobs(status)),
    ]
    if status.dead_letters is not None:
        rows.append(("dead letters", str(status.dead_letters)))
    rows += [("fleet", _fleet(fleet)) for fleet in status.fleets]
    rows.append(("machines", f"{status.machines_seen} seen so far"))
    if status.cheapest:
        acted = "has acted: one machine is requested" if status.cheapest_acted else "engaged"
        rows.append(("cheapest", acted))
    rows += [(f"step {step.name}", _step(step)) for step in status.steps]
    if status.state is not State.EXPORTED:
        rows.append(("driver", _driver(status, now)))
        if status.next_tick_at:
            due = " (due)" if status.next_tick_at <= now else ""
            rows.append(("next tick", words.moment(status.next_tick_at) + due))
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        out.say(f"  {name:<{width}}  {text}")


def in_short(out: Terminal, status: Status, now: datetime) -> None:
    """What is wrong, the counts, and who drives."""
    _headline(out, status, now)
    if status.state.watches:
        out.say(f"  {_jobs(status)}; {words.machines(status.fleets)}")
    elif left := [step.name for step in status.steps if step.ended is None]:
        out.say(f"  still to do: {', '.join(left)}")
    if status.state is not State.EXPORTED:
        out.say(f"  driver: {_driver(status, now)}")


def _headline(out: Terminal, status: Status, now: datetime) -> None:
    ended = status.state is State.EXPORTED
    what = f": {words.ending(status.outcome, status.dead_letters)}," if ended else ""
    out.say(
        f"{what} since {words.since(status.state_since, now)}",
        lead=f"{status.app_name}  {status.state.value}",
    )
    for problem in status.problems:
        out.say(
            f"{problem.text} [{problem.name}, since {words.since(problem.since, now)}]",
            lead="  PROBLEM  ",
            colour="red",
        )
    if status.abort_requested and status.state.watches:
        out.say("an abort was asked for; the next tick obeys", lead="  ABORT  ", colour="red")


def _jobs(status: Status) -> str:
    queue = status.queue
    counts = words.jobs(queue.visible, queue.in_flight, queue.delayed)
    return f"{counts} at {words.moment(queue.observed_at)}" if queue.observed_at else counts


def _fleet(fleet: FleetStatus) -> str:
    known = fleet.state or "state not known yet"
    return f"{fleet.id} {known}, {words.machines([fleet])}"


def _step(step: StepStatus) -> str:
    if step.ended:
        return step.ended.value + (f": {step.reason}" if step.reason else "")
    text = f"not finished, tried {step.attempts} time{'s' * (step.attempts != 1)}"
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
