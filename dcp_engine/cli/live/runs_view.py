"""The view of all live runs: a row for each, and below it what is wrong; troubled ones first."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from dcp_engine.cli.clock_behind import behind
from dcp_engine.cli.live.head import BAD, STYLES
from dcp_engine.cli.live.paper import QUIET, Line, Paper, Way, drawn
from dcp_engine.cli.overview import Overview, Seen, overviews, rows
from dcp_engine.model import State

# Rows. With fewer there is none for what keys do.
_LOW: Final = 4


def runs_view(runs: Sequence[Seen], now: datetime, paper: Paper, *, footer: str = "") -> list[Line]:
    """The lines of it. Where there is no room for all runs, those that go well are left out.

    Where there is none for all that is wrong, that of the runs further down is in a line each.
    """
    low = paper.height is not None and paper.height < _LOW
    below = [Way(80, paper.cut(paper.text(footer, QUIET)))] if footer and not low else []
    found = overviews(runs, now)
    if not found:
        return drawn([[Way(100, paper.text("There are no live runs."))], below], paper)
    table = list(_rows(found, paper))
    ways: list[Way] = []
    top: list[RenderableType] = []
    if clock := behind([one.status for one in runs], now):
        top.append(paper.text(f"CLOCK  {clock}", BAD))
    for whole in range(len(table), -1, -1):
        shown = [*top]
        for number, (one, row) in enumerate(table):
            shown += [row, *(_full if number < whole else _briefly)(one, paper)]
        ways.append(Way(60, Group(*shown)))
    fits = _as_fits([row for _, row in table], paper, len(below))
    ways.append(Way(100, Group(*fits)))
    return drawn([ways, below], paper)


def _rows(found: Sequence[Overview], paper: Paper) -> Iterator[tuple[Overview | None, Text]]:
    """The head of the table and each run's row."""
    shown = rows(found, paper.width)
    for lead, cells in islice(shown, 1):
        yield None, paper.cut(Text(lead + cells, style=QUIET))
    for one, (lead, cells) in zip(found, shown, strict=True):
        yield one, _row(one, lead, cells, paper)


def _row(one: Overview, lead: str, cells: str, paper: Paper) -> Text:
    state, _, rest = cells.lstrip().partition(" ")
    blank = " " * (len(cells) - len(cells.lstrip()))
    first = Text("\n").join([_name(part, paper) for part in lead.splitlines()])
    return Text.assemble(first, blank, Text(state, style=STYLES[State(state)]), " ", rest)


def _name(text: str, paper: Paper) -> Text:
    name = paper.cut(paper.text(text, "bold"))
    name.pad_right(max(0, len(text) - name.cell_len))
    return name


def _full(one: Overview | None, paper: Paper) -> Iterator[RenderableType]:
    for lead, text in one.troubles if one else ():
        said = Text.assemble(paper.text(lead, BAD), "  ", paper.text(text))
        yield Padding(said, (0, 0, 0, 2))
    if one and one.remark:
        yield Padding(paper.text(one.remark), (0, 0, 0, 2))


def _briefly(one: Overview | None, paper: Paper) -> Iterator[RenderableType]:
    for lead, text in one.troubles if one else ():
        yield paper.cut(Text.assemble("  ", paper.text(lead, BAD), "  ", paper.text(text)))


def _as_fits(lines: Sequence[Text], paper: Paper, below: int) -> list[Text]:
    """As many as there is room for above so many lines."""
    if paper.height is None or len(lines) <= paper.height - below:
        return list(lines)
    kept = max(1, paper.height - below - 1)
    return [*lines[:kept], paper.text(f"and {len(lines) - kept} more", QUIET)]
