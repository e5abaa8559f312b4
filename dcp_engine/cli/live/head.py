"""The top of a run's view: which run it is, how it stands, and what is wrong with it."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

import msgspec
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from dcp_engine.cli import words
from dcp_engine.cli.clock_behind import behind, lasting
from dcp_engine.cli.leaving import MAY_BILL, left_running
from dcp_engine.cli.live.paper import QUIET, Paper, Section, Way, wrapped
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
# Columns that the text of a problem is moved to the right.
_INDENT: Final = 2
# What is wrong gives rows up only once all but name, jobs and footer have; as advice it does so
# before the rest.
_WHOLE, _BRIEFLY, _LEADS = 86, 88, 95
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
    """What is wrong, in full; where the terminal is short with less and less from its middle.

    A text begins with what has happened and ends with what to do, so that both stay for longest.
    At last each is a line.
    """
    found = list(_troubles(status, now, paper, unwatched))
    if not found:
        return []
    rows = [len(one.lines) for one in found]
    ways = [Way(_WHOLE, _Shown(found, tuple(rows), paper))]
    if paper.height is not None:
        rows = [min(most, paper.height) for most in rows]
    while any(rows):
        minor = [n for n, one in enumerate(found) if one.minor and rows[n]]
        # Of two that are equally long the one further down.
        longest = max(minor or range(len(found)), key=lambda n: (rows[n], n))
        rows[longest] -= 1
        importance = _WHOLE if any(rows) else _BRIEFLY
        ways.append(Way(importance, _Shown(found, tuple(rows), paper)))
    leads = paper.cut(paper.text("; ".join(one.lead for one in found), BAD))
    return [*ways, Way(_LEADS, leads)]


class _Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong: a lead that stands out, a text, and its lines; `minor` where it can wait."""

    lead: str
    text: str
    lines: Sequence[Text]
    minor: bool = False


class _Shown(msgspec.Struct, frozen=True):
    """Each trouble with so many rows for its text; with none, all of it is one line."""

    troubles: Sequence[_Trouble]
    rows: Sequence[int]
    paper: Paper

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        paper = self.paper
        for one, most in zip(self.troubles, self.rows, strict=True):
            lead = paper.text(one.lead, BAD)
            if most:
                yield paper.cut(lead)
                for line in _middle_out(one, most, paper):
                    yield Text(" " * _INDENT) + line
            else:
                yield paper.cut(Text.assemble(lead, "  ", paper.text(one.text)))


def _middle_out(one: _Trouble, most: int, paper: Paper) -> Sequence[Text]:
    """The beginning and the end of a text, in so many lines."""
    if most >= len(one.lines):
        return one.lines
    begins = most // 2
    width = max(1, paper.width - _INDENT)
    parts = one.text.split()

    def from_(first: int) -> list[Text]:
        return wrapped(paper.text(f"… {' '.join(parts[first:])}"), width)

    first = bisect_left(range(len(parts)), True, key=lambda n: len(from_(n)) <= most - begins)
    end = from_(first) if first < len(parts) else one.lines[begins - most :]
    return [*one.lines[:begins], *end]


def _state(status: Status, now: datetime) -> str:
    if status.state is State.EXPORTED:
        return f"EXPORTED: {words.ending(status.outcome, status.dead_letters)}"
    return f"{status.state} {lasting(status.state_since, now)}"


def _looked(status: Status, now: datetime, paper: Paper) -> list[str]:
    """When somebody looked at it and will again, and who."""
    if status.state is State.EXPORTED:
        return [f"ended {words.since(status.state_since, now)}"]
    last, due = status.last_tick_at, status.next_tick_at
    wrong = last is not None and words.ahead(last, now)
    if last is None:
        seen = "not looked at yet"
    elif wrong:
        seen = f"looked at {words.near(last, now)}"
    else:
        seen = f"looked at {words.span(last, now)} ago"
    if due is not None and due > now and not wrong:
        seen += f", next in {words.span(now, due)}"
    driver = f"driven by {status.driver or 'nobody at this moment'}"
    together = f"{seen}; {driver}"
    return [together] if len(together) <= paper.width else [seen, driver]


def _troubles(
    status: Status, now: datetime, paper: Paper, unwatched: str | None
) -> Iterator[_Trouble]:
    for lead, text, minor in _wrong(status, now, paper, unwatched):
        lines = wrapped(paper.text(text), max(1, paper.width - _INDENT))
        yield _Trouble(lead=lead, text=text, lines=lines, minor=minor)


def _wrong(
    status: Status, now: datetime, paper: Paper, unwatched: str | None
) -> Iterator[tuple[str, str, bool]]:
    if clock := behind([status], now):
        yield "CLOCK", clock, False
    if status.state is not State.EXPORTED and unwatched:
        yield "UNWATCHED", unwatched, False
    if left := left_running(status):
        yield MAY_BILL, left, False
    for problem in status.problems:
        lasts = lasting(problem.since, now)
        lead = f"PROBLEM {problem.name} {lasts}"
        since = f" (since {words.near(problem.since, now)})"
        lead += since if lasts.startswith("for") and len(lead + since) <= paper.width else ""
        yield lead, problem.text, problem.advice
    if status.state is not State.EXPORTED:
        for lead, wish in wishes(status):
            yield lead, f"{wish}; the next tick obeys", False
