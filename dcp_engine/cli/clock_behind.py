"""A computer's clock that was set back: what is recorded lies in its future."""

from collections.abc import Iterable
from datetime import datetime

from dcp_engine.cli import words
from dcp_engine.cli.terminal import Terminal
from dcp_engine.status import Status


def behind(runs: Iterable[Status], now: datetime) -> str | None:
    """That the clock is behind what is recorded of runs, and by how much; None where it is not."""
    recorded = max((_latest(status) for status in runs), default=now)
    if not words.ahead(recorded, now):
        return None
    return (
        f"This computer's clock is {words.span(now, recorded)} behind what is recorded: times here "
        "are not to be trusted."
    )


def say_clock(out: Terminal, runs: Iterable[Status], now: datetime) -> None:
    """Say it, if it is so: on standard error, as it is about this computer and not about a run."""
    if clock := behind(runs, now):
        out.message(clock)


def lasting(since: datetime, now: datetime) -> str:
    """`for 2 hours`; `since 13:20` where that is to come by this computer's clock."""
    if words.ahead(since, now):
        return f"since {words.near(since, now)}"
    return f"for {words.span(since, now)}"


def _latest(status: Status) -> datetime:
    moments = [
        status.registered_at,
        status.state_since,
        status.last_tick_at,
        status.queue.observed_at,
        *(problem.since for problem in status.problems),
    ]
    return max(moment for moment in moments if moment is not None)
