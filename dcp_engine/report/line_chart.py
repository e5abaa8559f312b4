"""Numbers over time, drawn: lines with their names, and the same as a table."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from dcp_engine.report import words
from dcp_engine.report.axis import Scale, Tick, TimeAxis
from dcp_engine.report.curve import (
    Point,
    band,
    coarser,
    line,
    pieces,
    points,
    stairs,
    usual_distance,
)
from dcp_engine.series import Bucket, start_of, together

# As many points as a line on paper can show, and as many rows as a person reads.
_MOST_POINTS: Final = 400
_MOST_ROWS: Final = 36


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One number over time, as the `d` of two SVG paths; `said` sums it up in words."""

    label: str
    path: str
    band: str
    said: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What was known from a moment on; one text for each line."""

    at: datetime
    cells: tuple[str, ...]


class LineChart(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a template needs to show it. Without any line nothing was known."""

    name: str
    title: str
    unit: str
    lines: tuple[Line, ...]
    left: tuple[Tick, ...]
    bottom: tuple[Tick, ...]
    rows: tuple[Row, ...]
    row_span: timedelta

    @property
    def described(self) -> str:
        """The drawing in words, for who does not see it."""
        return " ".join(f"{each.label}: {each.said}." for each in self.lines)


def line_chart(
    buckets: Sequence[Bucket],
    labels: Sequence[tuple[str, str]],
    axis: TimeAxis,
    *,
    name: str,
    title: str,
    unit: str,
    top: float | None = None,
    digits: int = 1,
    stepped: bool = False,
) -> LineChart:
    """Draw the numbers of these names; those of which nothing is known are left out.

    `labels` are name → what people call it; `top` is the top of the scale where it is fixed,
    `digits` how many decimals the numbers are told with, `stepped` for those that hold until they
    change.
    """
    step = axis.step(_MOST_POINTS)
    known = {
        label: coarser(found, step) for name, label in labels if (found := points(buckets, name))
    }
    highest = max((point.spread.high for found in known.values() for point in found), default=0.0)
    scale = Scale(top=top, step=top / 4) if top else Scale.up_to(highest, whole=not digits)
    draw = stairs if stepped else line
    rows, row_span = _table(known, axis, digits=digits)
    return LineChart(
        name=name,
        title=title,
        unit=unit,
        lines=tuple(
            Line(
                label=label,
                path=draw(pieces(found), axis, scale),
                band=band(pieces(found), axis, scale),
                said=_said(found, digits=digits),
            )
            for label, found in known.items()
        ),
        left=scale.ticks(),
        bottom=axis.ticks(),
        rows=rows,
        row_span=row_span,
    )


def _said(found: Sequence[Point], *, digits: int) -> str:
    low = min(point.spread.low for point in found)
    high = max(point.spread.high for point in found)
    last = words.number(found[-1].spread.mean, digits)
    if low == high:
        return f"always {last}"
    return f"between {words.number(low, digits)} and {words.number(high, digits)}, at last {last}"


def _table(
    known: dict[str, list[Point]], axis: TimeAxis, *, digits: int
) -> tuple[tuple[Row, ...], timedelta]:
    """A row for each even span in which anything was known, or should have been."""
    usual = max((usual_distance(found) for found in known.values()), default=timedelta(0))
    step = max(
        axis.step(_MOST_ROWS), TimeAxis(start=axis.start, end=axis.start + 2 * usual).step(1)
    )
    cells: dict[datetime, dict[str, list[Point]]] = {}
    for label, found in known.items():
        for point in found:
            cells.setdefault(start_of(point.at, step), {}).setdefault(label, []).append(point)
    if not cells:
        return (), step
    moments, last = [min(cells)], max(cells)
    while moments[-1] < last:
        moments.append(moments[-1] + step)
    return tuple(
        Row(at=at, cells=tuple(_cell(cells.get(at, {}).get(label, []), digits) for label in known))
        for at in moments
    ), step


def _cell(found: Sequence[Point], digits: int) -> str:
    if not found:
        return words.UNKNOWN
    spread = together(point.spread for point in found)
    mean, low, high = (
        words.number(value, digits) for value in (spread.mean, spread.low, spread.high)
    )
    return mean if low == high else f"{mean} ({low} to {high})"
