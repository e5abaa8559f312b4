"""The top of a run's view: which run it is, how it stands, and what is wrong with it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dcp_engine.cli import figures, words
from dcp_engine.cli.leaving import MAY_BILL, left_running
from dcp_engine.cli.live.paper import QUIET, Paper, Section, Way
from dcp_engine.cli.standing import wishes
from dcp_engine.model import State
from dcp_engine.status import Status

STYLES: Final = {
    State.PENDING: "bold yellow",
    State.RUNNING: "bold green",
    State.DRAINING: "bold cyan",
    State.TEARDOWN: "bold magenta",
    State.EXPORTED: "bold",
}
BAD: Final = "bold red"
# Columns between what is at the left and what is at the right of a line.
_GAP: Final = 2
# The whole of a very long one is in `status`.
_MOST_LINES: Final = 6
# A name is cut off rather than the state beside it, but not below this.
_LEAST_NAME: Final = 8


def headline(status: Status, now: datetime, paper: Paper) -> Section:
    """Name, state and since when; account and region; who drives."""
    state = paper.text(_state(status, now), STYLES[status.state])
    room = max(_LEAST_NAME, paper.width - state.cell_len - _GAP)
    name = paper.cut(paper.text(status.app_name, "bold"), room)
    left = paper.cut(Text.assemble(name, " " * _GAP, state))
    where = paper.text(f"{status.region}, account {status.account}", QUIET)
    looked = [paper.cut(paper.text(line, QUIET)) for line in _looked(status, now, paper)]
    first: RenderableType
    if left.cell_len + _GAP + where.cell_len > paper.width:
        first = Group(left, paper.cut(where))
    else:
        first = Table.grid(expand=True)
        first.add_column(no_wrap=True)
        first.add_column(justify="right", no_wrap=True)
        first.add_row(left, where)
    return [
        Way(25, Group(first, *looked)),
        Way(58, Group(first, looked[0])),
        Way(60, first),
        Way(100, left),
    ]


def troubles(status: Status, now: datetime, paper: Paper, *, unwatched: str | None) -> Section:
    """What is wrong, in full and, where the terminal is short, in a line each."""
    rows = list(_troubles(status, now, unwatched))
    if not rows:
        return []
    full: list[RenderableType] = []
    for lead, text in rows:
        said = paper.cut(paper.text(text), _MOST_LINES * (paper.width - 2))
        full += [paper.cut(paper.text(lead, BAD)), Padding(said, (0, 0, 0, 2))]
    briefly = [
        paper.cut(Text.assemble(paper.text(lead, BAD), "  ", paper.text(text)))
        for lead, text in rows
    ]
    leads = paper.cut(paper.text("; ".join(lead for lead, _ in rows), BAD))
    return [Way(45, Group(*full)), Way(88, Group(*briefly)), Way(95, leads)]


def _state(status: Status, now: datetime) -> str:
    if status.state is State.EXPORTED:
        return f"EXPORTED: {words.ending(status.outcome, status.dead_letters)}"
    return f"{status.state} for {words.span(status.state_since, now)}"


def _looked(status: Status, now: datetime, paper: Paper) -> list[str]:
    """When somebody looked at it and will again, and who."""
    if status.state is State.EXPORTED:
        return [f"ended {words.since(status.state_since, now)}"]
    seen = (
        f"looked at {words.span(status.last_tick_at, now)} ago"
        if status.last_tick_at
        else "not looked at yet"
    )
    due = status.next_tick_at
    if due is not None and due > now:
        seen += f", next in {words.span(now, due)}"
    driver = f"driven by {status.driver or 'nobody at this moment'}"
    together = f"{seen}; {driver}"
    return [together] if len(together) <= paper.width else [seen, driver]


def _troubles(status: Status, now: datetime, unwatched: str | None) -> Iterator[tuple[str, str]]:
    if status.state is not State.EXPORTED and unwatched:
        yield "UNWATCHED", unwatched
    if left := left_running(status):
        yield MAY_BILL, left
    for problem in status.problems:
        lasts = f"for {words.span(problem.since, now)} (since {figures.near(problem.since, now)})"
        yield f"PROBLEM {problem.name} {lasts}", problem.text
    if status.state is not State.EXPORTED:
        for lead, wish in wishes(status):
            yield lead, f"{wish}; the next tick obeys"
