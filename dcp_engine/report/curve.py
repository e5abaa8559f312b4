"""A number over time as a line: what was not known leaves a gap in it, and no zero."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Final

import msgspec

from dcp_engine.report.axis import Scale, TimeAxis
from dcp_engine.series import Bucket, Spread, start_of, together

# So many times the usual time between two numbers is a gap; so many neighbours on either side tell
# what is usual.
_GAP: Final = 3
_NEIGHBOURS: Final = 5


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a number from `at` until `at + span`."""

    at: datetime
    span: timedelta
    spread: Spread

    @property
    def middle(self) -> datetime:
        """Where it stands on a line."""
        return self.at + self.span / 2


def points(buckets: Sequence[Bucket], name: str) -> list[Point]:
    """The number of that name, in order."""
    return [
        Point(at=bucket.at, span=bucket.span, spread=bucket.values[name])
        for bucket in sorted(buckets, key=lambda bucket: bucket.at)
        if name in bucket.values
    ]


def coarser(found: Sequence[Point], step: timedelta) -> list[Point]:
    """The same with at most one point in each step."""
    groups: dict[datetime, list[Point]] = {}
    for point in found:
        groups.setdefault(start_of(point.at, max(step, point.span)), []).append(point)
    return [
        group[0]
        if len(group) == 1
        else Point(
            at=group[0].at,
            span=group[-1].at + group[-1].span - group[0].at,
            spread=together(point.spread for point in group),
        )
        for group in groups.values()
    ]


def usual_distance(found: Sequence[Point]) -> timedelta:
    """How far apart the beginnings of two neighbours usually are; zero where there are none."""
    return _median([later.at - one.at for one, later in pairwise(found)])


def pieces(found: Sequence[Point]) -> list[list[Point]]:
    """The points, parted where nothing was known for much longer than is usual thereabouts."""
    if not found:
        return []
    untold = [later.at - one.at - one.span for one, later in pairwise(found)]
    parts = [[found[0]]]
    for place, point in enumerate(found[1:]):
        around = [
            *untold[max(0, place - _NEIGHBOURS) : place],
            *untold[place + 1 : place + 1 + _NEIGHBOURS],
        ]
        # Of spans that follow on each other without a break, one that is missing is a gap.
        usual = _GAP * _median(around or [untold[place]]) + found[place].span / 2
        if untold[place] > usual:
            parts.append([])
        parts[-1].append(point)
    return parts


def line(parts: Sequence[Sequence[Point]], axis: TimeAxis, scale: Scale) -> str:
    """The line through the means, as the `d` of an SVG path; a single point becomes a dot."""
    return "".join(
        _through([(axis.x(point.middle), scale.y(point.spread.mean)) for point in part])
        for part in parts
    )


def stairs(parts: Sequence[Sequence[Point]], axis: TimeAxis, scale: Scale) -> str:
    """The same for a number that holds until it is seen to have changed."""
    path = ""
    for part in parts:
        corners = [(axis.x(point.at), scale.y(point.spread.mean)) for point in part]
        path += _moved(corners[0])
        height = corners[0][1]
        for x, y in corners[1:]:
            path += f"H{x}" if y == height else f"H{x}V{y}"
            height = y
        path += f"H{axis.x(part[-1].at + part[-1].span)}"
    return path


def band(parts: Sequence[Sequence[Point]], axis: TimeAxis, scale: Scale) -> str:
    """The area between the lowest and the highest, where numbers were put together."""
    path = ""
    for part in parts:
        if any(point.spread.low != point.spread.high for point in part):
            over = [(axis.x(point.middle), scale.y(point.spread.high)) for point in part]
            under = [(axis.x(point.middle), scale.y(point.spread.low)) for point in part]
            path += f"{_through([*over, *reversed(under)])}z"
    return path


def _through(corners: Sequence[tuple[int, int]]) -> str:
    if len(corners) == 1:
        return f"{_moved(corners[0])}h0"
    rest = " ".join(f"{x},{y}" for x, y in corners[1:])
    return f"{_moved(corners[0])}L{rest}"


def _moved(corner: tuple[int, int]) -> str:
    return f"M{corner[0]},{corner[1]}"


def _median(spans: Sequence[timedelta]) -> timedelta:
    return timedelta(seconds=median(span.total_seconds() for span in spans) if spans else 0)
