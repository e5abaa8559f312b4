"""Several runs in a few lines each: those in trouble first."""

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

import msgspec

from dcp_engine.cli import figures
from dcp_engine.cli.clock_behind import lasting
from dcp_engine.cli.leaving import MAY_BILL, left_running
from dcp_engine.cli.standing import wishes
from dcp_engine.headcount import headcount
from dcp_engine.model import State
from dcp_engine.picture import Picture
from dcp_engine.status import Status

_ALL, _MOST = 79, 60
HEAD: Final = ("RUN", "STATE", "FOR", "LEFT", "DONE", "MACHINES", "ENDS")
# What is left of the table where a terminal has fewer columns than for all of it, or for most.
_MEDIUM: Final = ("STATE", "FOR", "LEFT", "DONE", "MACHINES")
_SMALL: Final = ("STATE", "LEFT", "DONE")
_UNKNOWN: Final = "-"


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """One run: its row, and what is wrong with it, a word that stands out and what it means."""

    name: str
    cells: tuple[str, ...]
    troubles: tuple[tuple[str, str], ...]
    remark: str = ""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said of one run. `unwatched` as in `dcp_engine.cli.unwatched`."""

    status: Status
    picture: Picture
    unwatched: str | None = None


def overviews(runs: Sequence[Seen], now: datetime) -> list[Overview]:
    """Each run, those that cost money for nothing first, then those with problems."""
    names = Counter(seen.status.app_name for seen in runs)
    ordered = sorted(runs, key=_urgency)
    return [_overview(seen, now, alone=names[seen.status.app_name] == 1) for seen in ordered]


def rows(found: Sequence[Overview], width: int | None = None) -> Iterator[tuple[str, str]]:
    """Name and cells of each line of the table, its head first; fewer cells in a narrow terminal.

    A name that is too long for a terminal has a line for itself.
    """
    width = sys.maxsize if width is None else width
    columns: Sequence[str] = HEAD[1:] if width >= _ALL else _MEDIUM if width >= _MOST else _SMALL
    places = [HEAD.index(column) - 1 for column in columns]
    lines = [("RUN", columns), *((one.name, [one.cells[n] for n in places]) for one in found)]
    widths = [max(len(cells[n]) for _, cells in lines) for n in range(len(columns))]
    room = max(len("RUN"), width - sum(2 + width for width in widths))
    longest = max(len(name) for name, _ in lines if len(name) <= room)
    for name, cells in lines:
        shown = "".join(f"  {cell:<{w}}" for cell, w in zip(cells, widths, strict=True))
        lead = f"{name:<{longest}}" if len(name) <= longest else f"{name}\n{'':<{longest}}"
        yield lead, shown.rstrip()


def _urgency(seen: Seen) -> tuple[int, float]:
    status = seen.status
    if left_running(status) or seen.unwatched:
        rank = 0
    elif any(problem.needs_person and not problem.advice for problem in status.problems):
        rank = 1
    elif status.problems:
        rank = 2
    else:
        rank = 3
    return rank, -status.registered_at.timestamp()


def _overview(seen: Seen, now: datetime, *, alone: bool) -> Overview:
    status, picture = seen.status, seen.picture
    left = picture.progress.left
    cells = (
        status.state.value,
        lasting(status.state_since, now).removeprefix("for "),
        f"{left:,}" if left is not None and status.state.watches else _UNKNOWN,
        figures.share(picture.progress) or _UNKNOWN,
        _machines(seen, now),
        figures.between(picture.progress, now) or _UNKNOWN if status.state.watches else _UNKNOWN,
    )
    to_do = [step.name for step in status.steps if step.ended is None]
    in_teardown = status.state is State.TEARDOWN and to_do
    return Overview(
        name=status.app_name if alone else status.run_id,
        cells=cells,
        troubles=tuple(_troubles(seen, now)),
        remark=f"still to do: {', '.join(to_do)}" if in_teardown else "",
    )


def _machines(seen: Seen, now: datetime) -> str:
    picture, fleets = seen.picture, seen.status.fleets
    active = [fleet.active for fleet in fleets if fleet.active is not None]
    if picture.machines:
        up = headcount(picture.run, picture.machines, picture.numbers, now).up
    elif active:
        up = sum(active)
    else:
        return _UNKNOWN
    targets = [fleet.target for fleet in fleets if fleet.target is not None]
    return f"{up:,} of {sum(targets):,}" if targets and seen.status.state.watches else f"{up:,}"


def _troubles(seen: Seen, now: datetime) -> Iterable[tuple[str, str]]:
    status = seen.status
    if left := left_running(status):
        yield MAY_BILL, left
    if seen.unwatched:
        yield "UNWATCHED", seen.unwatched
    for problem in status.problems:
        first = re.split(r"(?<=[.:;]) ", problem.text, maxsplit=1)[0].rstrip(".:;")
        yield "PROBLEM", f"{first}. [{problem.name}, {lasting(problem.since, now)}]"
    for lead, wish in wishes(status):
        yield lead, f"{wish}; the next tick obeys"
