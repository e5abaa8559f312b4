"""The middle of a run's view: how far the work has come, and queue, fleet and cluster over time."""

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec.structs import replace
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dcp_engine import series
from dcp_engine.cli import figures
from dcp_engine.cli.live.charts import Bar, Curve
from dcp_engine.cli.live.paper import LABEL, QUIET, Paper, Section, Way, labelled
from dcp_engine.headcount import latest, up
from dcp_engine.picture import Picture
from dcp_engine.status import Status
from dcp_engine.words import counted

_NARROW_LABEL: Final = 9
_UNKNOWN: Final = "?"


def progress(picture: Picture, paper: Paper) -> Section:
    """The bar, with what is done, how fast it goes and when it may end."""
    told = picture.progress
    bar = Table.grid(expand=True, padding=(0, 1, 0, 0))
    if not paper.narrow:
        bar.add_column(width=LABEL - 1, no_wrap=True, style=QUIET)
    bar.add_column(ratio=1)
    bar.add_column(no_wrap=True)
    percent = Text(figures.share(told) or "?", style="bold")
    cells: list[RenderableType] = [Bar(told.share, paper.ascii), percent]
    bar.add_row(*cells if paper.narrow else ["progress", *cells])
    facts = [figures.done(told)]
    if told.done is not None and told.left is not None:
        facts.append(figures.left(told))
    if picture.run.dead_letters:
        facts.append(counted(picture.run.dead_letters, "dead letter"))
    if picture.run.state.watches:
        facts += [figures.pace(told), figures.ends(told, picture.at)]
    lines = labelled("jobs", facts, paper)
    return [Way(70, Group(bar, *lines)), Way(80, Group(*lines)), Way(90, lines[0])]


def money(picture: Picture, paper: Paper) -> Section:
    """What it has cost so far, and for what."""
    facts = [figures.cost(picture.money), *figures.spent(picture.money)]
    full = labelled("cost", facts, paper)
    return [Way(28, Group(*full)), Way(62, full[0])]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One of the charts: a number now, how it came to that, and what is to be known beside."""

    label: str
    brief: str
    now: str
    curve: Curve
    remark: str = ""


def charts(picture: Picture, status: Status, paper: Paper) -> Section:
    """Queue, fleet and cluster: each number now, and over time from the first one to now."""
    rows = list(_rows(picture, status, paper))
    known = [f"{row.now} {row.label}" for row in rows if row.now != _UNKNOWN]
    axis = _axis(rows[0].curve)
    ways = [
        Way(30, _grid(rows, paper, axis=axis)),
        Way(52, _grid(rows, paper)),
        Way(82, Group(*labelled("now", known or [figures.UNKNOWN], paper))),
    ]
    if paper.wide:
        high = [replace(row, curve=replace(row.curve, rows=1 + row.curve.known)) for row in rows]
        ways = [Way(16, _grid(high, paper, axis=axis)), *ways]
    return ways


def _rows(picture: Picture, status: Status, paper: Paper) -> Iterator[Row]:
    run, numbers = picture.run, picture.of_run
    queue = status.queue
    began = numbers[0].at if numbers else run.registered_at
    until = max(picture.until, began)

    def curve(name: str, colour: str, top: float | None = None) -> Curve:
        return Curve(
            numbers=numbers,
            name=name,
            since=began,
            until=until,
            top=top,
            ascii=paper.ascii,
            colour=colour,
        )

    jobs = (
        ("waiting", queue.visible, series.VISIBLE, "cyan"),
        ("in flight", queue.in_flight, series.IN_FLIGHT, "blue"),
        ("delayed", queue.delayed, series.DELAYED, "blue"),
    )
    for brief, now, name, colour in jobs if run.state.watches else ():
        peak = _peak(picture, name)
        if name != series.DELAYED or now or peak:
            remark = f"peak {peak:,.0f}" if peak is not None else ""
            yield Row(
                label=f"jobs {brief}",
                brief=brief,
                now=_number(now),
                curve=curve(name, colour),
                remark=remark,
            )
    yield Row(
        label="machines up",
        brief="up",
        now=_number(_machines(picture, status)),
        curve=curve(series.MACHINES, "magenta"),
        remark=_requested(status) if run.live else "",
    )
    for brief, name in (("CPU", series.CLUSTER_CPU), ("memory", series.CLUSTER_MEMORY)):
        peak = _peak(picture, name)
        if run.machines_ended_at is None or peak is not None:
            remark = f"peak {peak:.0f}%" if peak is not None else ""
            load = latest(numbers, name, picture.at)
            yield Row(
                label=f"cluster {brief}",
                brief=brief,
                now=_UNKNOWN if load is None else f"{load:.0f}%",
                curve=curve(name, "yellow", 100.0),
                remark=remark,
            )


def _grid(rows: list[Row], paper: Paper, axis: RenderableType | None = None) -> Table:
    grid = Table.grid(expand=True, padding=(0, 1, 0, 0))
    grid.add_column(width=_NARROW_LABEL if paper.narrow else LABEL - 1, no_wrap=True, style=QUIET)
    grid.add_column(justify="right", no_wrap=True, vertical="bottom")
    grid.add_column(ratio=1)
    beside = not paper.narrow and any(row.remark for row in rows)
    if beside:
        grid.add_column(no_wrap=True, style=QUIET, vertical="bottom")
    for row in rows:
        label = row.brief if paper.narrow else row.label
        cells: list[RenderableType] = [label, Text(row.now, style="bold"), row.curve]
        grid.add_row(*cells, *([row.remark] if beside else []))
    if axis is not None:
        grid.add_row("", "", axis, *([""] if beside else []))
    return grid


def _axis(curve: Curve) -> RenderableType:
    """From when until when."""
    axis = Table.grid(expand=True)
    axis.add_column(no_wrap=True, style=QUIET)
    axis.add_column(no_wrap=True, style=QUIET, justify="right")
    same = curve.since.astimezone().date() == curve.until.astimezone().date()
    form = "%H:%M" if same else "%a %H:%M"
    axis.add_row(*(f"{at.astimezone():{form}}" for at in (curve.since, curve.until)))
    return axis


def _machines(picture: Picture, status: Status) -> int | None:
    """How many are up: by what is known of each, or else by what was said of the fleets."""
    if picture.machines:
        return len(up(picture.run, picture.machines))
    counts = [fleet.active for fleet in status.fleets if fleet.active is not None]
    return sum(counts) if counts else None


def _requested(status: Status) -> str:
    targets = [fleet.target for fleet in status.fleets if fleet.target is not None]
    return f"{sum(targets):,} requested" if targets else ""


def _peak(picture: Picture, name: str) -> float | None:
    highest = [bucket.values[name].high for bucket in picture.of_run if name in bucket.values]
    return max(highest, default=None)


def _number(number: int | None) -> str:
    return _UNKNOWN if number is None else f"{number:,}"
