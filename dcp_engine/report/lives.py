"""The machines' lives as bars: grouped by type and zone, and there by how they ended."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Final

import msgspec

from dcp_engine.model import Machine, Run
from dcp_engine.report import words
from dcp_engine.report.axis import WIDTH, TimeAxis
from dcp_engine.report.endings import Ending, ending_of
from dcp_engine.series import Bucket

# A bar for each machine while they are so few that a person can point at one.
_EACH: Final = 60
# More bars below each other than these are thinned out, and more groups put together.
_MOST_LANES: Final = 240
_MOST_GROUPS: Final = 12
# Two lives on one line are told apart by a space of this part of the drawing.
_SPACE: Final = WIDTH // 400
_SHORTEST: Final = WIDTH // 500

OTHERS: Final = "other types and zones"


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """One machine from its launch to its end, or to now."""

    machine: Machine
    ending: Ending
    start: datetime
    end: datetime

    @property
    def hours(self) -> float:
        """How long it lived."""
        return (self.end - self.start) / timedelta(hours=1)


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One machine's place in the drawing; `said` is empty where it has no name of its own."""

    x: int
    width: int
    lane: int
    said: str


class LifeRow(msgspec.Struct, frozen=True, kw_only=True):
    """Machines of one type and zone that ended in the same way."""

    ending: Ending
    count: int
    lanes: int
    bars: tuple[Bar, ...]

    @property
    def path(self) -> str:
        """All the bars at once, as the `d` of an SVG path; a lane is ten units high."""
        return "".join(f"M{b.x},{b.lane * 10 + 1}h{b.width}v8h-{b.width}z" for b in self.bars)


class LifeGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Machines of one type and zone."""

    name: str
    count: int
    hours: float
    endings: Mapping[Ending, int]
    rows: tuple[LifeRow, ...]


class Lives(msgspec.Struct, frozen=True, kw_only=True):
    """All of them. Where `every` is more than one, only every so many machines have a bar."""

    all: tuple[Life, ...]
    groups: tuple[LifeGroup, ...]
    endings: Mapping[Ending, int]
    each: bool
    every: int

    @property
    def lanes(self) -> int:
        """How many lines of bars there are."""
        return sum(row.lanes for group in self.groups for row in group.rows)


def lives_of(
    run: Run,
    machines: Sequence[Machine],
    numbers: Mapping[str, Sequence[Bucket]],
    until: datetime,
) -> tuple[Life, ...]:
    """Every machine's life, in the order in which they began; one that goes on until `until`."""
    lives = [
        Life(
            machine=machine,
            ending=ending_of(machine, run, numbers.get(machine.instance_id, ())),
            start=machine.began,
            end=max(machine.ended_at or run.machines_ended_at or until, machine.began),
        )
        for machine in machines
    ]
    return tuple(sorted(lives, key=lambda life: (life.start, life.machine.instance_id)))


def place(machine: Machine) -> str:
    """The type and zone, as far as they are known."""
    return f"{machine.type or 'type unknown'} in {machine.zone or 'zone unknown'}"


def drawn(lives: Sequence[Life], axis: TimeAxis) -> Lives:
    """The bars of these lives, and what they come to."""
    each = len(lives) <= _EACH
    by_place: dict[str, list[Life]] = {}
    for life in lives:
        by_place.setdefault(place(life.machine), []).append(life)
    groups = _few_groups(by_place)
    lanes = sum(_rows(members, axis, 1, each=each)[1] for _, members in groups)
    every = max(1, math.ceil(lanes / _MOST_LANES))
    return Lives(
        all=tuple(lives),
        groups=tuple(
            LifeGroup(
                name=name,
                count=len(members),
                hours=sum(life.hours for life in members),
                endings=_counted(members),
                rows=_rows(members, axis, every, each=each)[0],
            )
            for name, members in groups
        ),
        endings=_counted(lives),
        each=each,
        every=every,
    )


def _few_groups(by_place: Mapping[str, list[Life]]) -> list[tuple[str, list[Life]]]:
    ordered = sorted(by_place.items(), key=lambda item: (-len(item[1]), item[0]))
    if len(ordered) <= _MOST_GROUPS:
        return ordered
    rest = [life for _, members in ordered[_MOST_GROUPS - 1 :] for life in members]
    rest.sort(key=lambda life: (life.start, life.machine.instance_id))
    return [*ordered[: _MOST_GROUPS - 1], (OTHERS, rest)]


def _counted(lives: Sequence[Life]) -> dict[Ending, int]:
    counts = Counter(life.ending for life in lives)
    return {ending: counts[ending] for ending in Ending if counts[ending]}


def _rows(
    members: Sequence[Life], axis: TimeAxis, every: int, *, each: bool
) -> tuple[tuple[LifeRow, ...], int]:
    rows = []
    for ending, count in _counted(members).items():
        own = [life for life in members if life.ending is ending]
        bars = _bars(own[::every], axis, each=each)
        lanes = 1 + max(bar.lane for bar in bars)
        rows.append(LifeRow(ending=ending, count=count, lanes=lanes, bars=bars))
    return tuple(rows), sum(row.lanes for row in rows)


def _bars(lives: Sequence[Life], axis: TimeAxis, *, each: bool) -> tuple[Bar, ...]:
    """Each on the first line that is free by then."""
    bars, busy, free = [], list[tuple[int, int]](), list[int]()
    for life in lives:
        x = min(axis.x(life.start), WIDTH - _SHORTEST)
        width = max(axis.x(life.end) - x, _SHORTEST)
        while busy and busy[0][0] <= x:
            heappush(free, heappop(busy)[1])
        lane = heappop(free) if free else len(busy)
        heappush(busy, (x + width + _SPACE, lane))
        bars.append(Bar(x=x, width=width, lane=lane, said=_said(life) if each else ""))
    return tuple(bars)


def _said(life: Life) -> str:
    return (
        f"{life.machine.instance_id}, {words.moment(life.start)} to {words.moment(life.end)}, "
        f"{words.span(life.end - life.start)}: {life.ending}"
    )
