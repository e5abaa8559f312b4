"""A run's status as a person reads it."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from dcp_engine.cli import figures, words
from dcp_engine.cli.leaving import MAY_BILL, left_running
from dcp_engine.cli.overview import Seen, overviews
from dcp_engine.cli.overview import rows as rows_of
from dcp_engine.cli.standing import say_problems, wishes
from dcp_engine.cli.terminal import Terminal
from dcp_engine.headcount import headcount, latest
from dcp_engine.model import Observation, Outcome, State
from dcp_engine.picture import Picture
from dcp_engine.progress import DEAD_LETTERS
from dcp_engine.series import CLUSTER_CPU, CLUSTER_MEMORY, JOBS_DONE
from dcp_engine.status import FleetStatus, Status, StepStatus
from dcp_engine.words import counted

# Columns that what is wrong goes on after.
_HANG: Final = 4


def in_full(
    out: Terminal,
    status: Status,
    picture: Picture,
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
        ("progress", _progress(picture, now)),
    ]
    if status.dead_letters is not None:
        rows.append(("dead letters", str(status.dead_letters)))
    rows += [("fleet", _fleet(fleet)) for fleet in status.fleets]
    rows.append(("machines", _machines(status, picture, now)))
    if used := _cluster(picture, now):
        rows.append(("cluster", used))
    rows.append(("cost", "; ".join([figures.cost(picture.money), *figures.spent(picture.money)])))
    rows += [(seen.name, _observation(seen)) for seen in _observed(status, picture)]
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
    if coming := figures.soon(picture.run, now):
        rows.append(("next", ", ".join(coming)))
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        out.say(f"  {name:<{width}}  {text}", hang=width + 4)


def in_short(out: Terminal, runs: Sequence[Seen], now: datetime) -> None:
    """A row for each run, and what is wrong with it below, those in trouble first."""
    found = overviews(runs, now)
    (name, cells), *lines = rows_of(found, out.width)
    out.say(name + cells)
    for one, (name, cells) in zip(found, lines, strict=True):
        out.say(cells, lead=name)
        for lead, text in one.troubles:
            out.say(f"  {text}", lead=f"  {lead}", colour="red", hang=2)
        if one.remark:
            out.say(f"  {one.remark}")


def _headline(out: Terminal, status: Status, now: datetime, unwatched: str | None) -> None:
    ended = status.state is State.EXPORTED
    what = f": {words.ending(status.outcome, status.dead_letters)}," if ended else ""
    released = status.outcome is Outcome.RELEASED
    out.say(
        f"{what} since {words.since(status.state_since, now)}",
        lead=f"{status.app_name}  {status.state.value}",
        hang=_HANG,
    )
    if released:
        out.say(
            "  Nobody watches it any more. What it had in AWS was left as it was then: machines "
            "may run and be billed. What is said below is from that moment."
        )
    elif left := left_running(status):
        out.say(left, lead=f"  {MAY_BILL}: ", colour="red", hang=_HANG)
    if unwatched:
        said, _, cron = unwatched.partition("\n")
        out.say(said, lead="  UNWATCHED  ", colour="red", hang=_HANG)
        # Its line is to be copied as it stands.
        out.say(cron, whole=True)
    say_problems(out, status.problems, now)
    if not ended:
        for lead, wish in wishes(status):
            text = f"{wish}; the next tick obeys"
            out.say(text, lead=f"  {lead}  ", colour="red", hang=_HANG)


def _jobs(status: Status) -> str:
    queue = status.queue
    counts = words.jobs(queue.visible, queue.in_flight, queue.delayed)
    return f"{counts} at {words.moment(queue.observed_at)}" if queue.observed_at else counts


def _progress(picture: Picture, now: datetime) -> str:
    told = picture.progress
    share = figures.share(told)
    facts = [f"{share}: {figures.done(told)}" if share else figures.done(told)]
    if told.done is not None and told.left is not None:
        facts.append(figures.left(told))
    if picture.run.state.watches:
        facts += [figures.pace(told), figures.ends(told, now)]
    return "; ".join(facts)


def _machines(status: Status, picture: Picture, now: datetime) -> str:
    count = headcount(picture.run, picture.machines, picture.numbers, now)
    if status.machines_seen is None:
        return figures.UNKNOWN
    facts = [figures.machines(count), figures.ended(count)] if count.seen else []
    return "; ".join([*filter(None, facts), f"{status.machines_seen} seen so far"])


def _cluster(picture: Picture, now: datetime) -> str | None:
    """How much of what it has the cluster uses; None where nobody knows."""
    used = (("CPU", CLUSTER_CPU), ("memory", CLUSTER_MEMORY))
    known = [
        f"{what} {figures.percent(value)}"
        for what, name in used
        if (value := latest(picture.of_run, name, now)) is not None
    ]
    return ", ".join(known) or None


def _observed(status: Status, picture: Picture) -> Iterator[Observation]:
    """What duties have seen, but for what is said already."""
    said = {JOBS_DONE} if picture.progress.done is not None else set()
    if status.dead_letters is not None:
        said.add(DEAD_LETTERS)
    for seen in status.observations:
        if seen.name not in said:
            yield seen


def _fleet(fleet: FleetStatus) -> str:
    return f"{fleet.id} {words.fleet_state(fleet.state)}, {words.machines([fleet])}"


def _observation(seen: Observation) -> str:
    return figures.measured(seen) + (f" at {words.moment(seen.at)}" if seen.at else "")


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
