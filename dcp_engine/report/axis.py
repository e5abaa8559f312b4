"""Where a moment or a number stands in a drawing, and which of them are named at its edges.

A drawing is stretched to the width of the page, so its units are parts of its whole: it is WIDTH
wide and HEIGHT high, and what is written beside it stands at a percentage.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, takewhile
from typing import Final

import msgspec
from msgspec.structs import replace

from dcp_engine.report import words
from dcp_engine.series import start_of

WIDTH: Final = 10_000
HEIGHT: Final = 1_000

_MOST_TICKS: Final = 8
_HEADROOM: Final = 1.04
_STEPS: Final = (
    *(timedelta(seconds=seconds) for seconds in (1, 2, 5, 10, 15, 30)),
    *(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 15, 30)),
    *(timedelta(hours=hours) for hours in (1, 2, 3, 6, 12)),
    *(timedelta(days=days) for days in (1, 2, 4, 7, 14, 28, 56, 112)),
)
_DAY: Final = timedelta(days=1)
# On a telephone, where a letter has the largest share of the drawing.
_PERCENT_OF_A_LETTER: Final = 2.5
# A letter and the drawing in the narrowest of its widths, in CSS pixels; report.css has where one
# width ends and the next begins.
_LETTER: Final = 7.5
_SPACE: Final = 8.0
_WIDTHS: Final = {"narrow": 250, "middle": 400, "broad": 680}


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """A name at the edge. `percent` counts from the left, or from the top.

    `hidden` are the widths of the page at which it would lie on another one.
    """

    percent: float
    label: str
    hidden: tuple[str, ...] = ()

    @property
    def classes(self) -> str:
        """What report.css needs to know of it."""
        return " ".join(filter(None, [self.leaning, *(f"not-{width}" for width in self.hidden)]))

    @property
    def leaning(self) -> str:
        """At which end of the drawing the label would be cut off if it stood in its middle."""
        half = len(self.label) * _PERCENT_OF_A_LETTER / 2
        return "first" if self.percent < half else "last" if self.percent > 100 - half else ""


class TimeAxis(msgspec.Struct, frozen=True, kw_only=True):
    """The time from `start` to `end`, from left to right."""

    start: datetime
    end: datetime

    @classmethod
    def around(cls, moments: Iterable[datetime]) -> "TimeAxis":
        """The time that has all these moments in it, at least a second; there must be any."""
        found = sorted(moments)
        return cls(start=found[0], end=max(found[-1], found[0] + timedelta(seconds=1)))

    def x(self, at: datetime) -> int:
        """Where a moment stands; one outside stands at the edge."""
        share = (at - self.start) / (self.end - self.start)
        return round(min(max(share, 0.0), 1.0) * WIDTH)

    def step(self, most: int) -> timedelta:
        """The shortest even span of which no more than so many fit in, two years if need be."""
        whole = self.end - self.start
        return next((step for step in _STEPS if whole / step <= most), timedelta(days=730))

    def ticks(self) -> tuple[Tick, ...]:
        """Round moments, a new day by its date."""
        step = self.step(_MOST_TICKS)
        first = start_of(self.start, step) + step
        moments = list(takewhile(lambda at: at < self.end, (first + step * n for n in count())))
        ticks = [
            Tick(percent=self.x(at) * 100 / WIDTH, label=_label(at, before, step))
            for before, at in zip([None, *moments], moments, strict=False)
        ]
        shown = {width: _with_room(ticks, pixels) for width, pixels in _WIDTHS.items()}
        return tuple(
            replace(tick, hidden=tuple(width for width in shown if tick not in shown[width]))
            for tick in ticks
        )


def _with_room(ticks: Sequence[Tick], pixels: int) -> list[Tick]:
    """Those whose labels do not lie on each other, the longest first: they have the dates."""
    shown: list[Tick] = []
    for tick in sorted(ticks, key=lambda tick: -len(tick.label)):
        start, end = _place(tick, pixels)
        others = (_place(other, pixels) for other in shown)
        if all(end + _SPACE <= left or right + _SPACE <= start for left, right in others):
            shown.append(tick)
    return shown


def _place(tick: Tick, pixels: int) -> tuple[float, float]:
    """From where to where its label goes."""
    at, long = tick.percent * pixels / 100, len(tick.label) * _LETTER
    start = at - {"first": 0.0, "last": long}.get(tick.leaning, long / 2)
    return start, start + long


def _label(at: datetime, before: datetime | None, step: timedelta) -> str:
    if step >= _DAY:
        return words.day(at)
    text = words.clock(at) if step < timedelta(minutes=1) else words.clock(at)[:5]
    new_day = before is None or at.astimezone(UTC).date() != before.astimezone(UTC).date()
    return f"{words.day(at)}, {text}" if new_day else text


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers from zero at the bottom to `top`."""

    top: float
    step: float

    @classmethod
    def up_to(cls, highest: float, *, whole: bool = False) -> "Scale":
        """A round scale that has `highest` in it; with `whole` for numbers without fractions."""
        # A line that runs along the upper edge would look cut off.
        highest *= _HEADROOM
        rough = max(highest, 1.0 if whole else 1e-6) / 4
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough * 0.999)
        if whole:
            step = max(step, 1.0)
        return cls(top=step * max(1, math.ceil(highest / step - 0.001)), step=step)

    def y(self, value: float) -> int:
        """Where a number stands, from the top; one outside stands at the edge."""
        return round((1 - min(max(value / self.top, 0.0), 1.0)) * HEIGHT)

    def ticks(self) -> tuple[Tick, ...]:
        """Round numbers, from the bottom to the top."""
        digits = max(0, -math.floor(math.log10(self.step)))
        return tuple(
            Tick(
                percent=self.y(self.step * n) * 100 / HEIGHT,
                label=words.number(self.step * n, digits),
            )
            for n in range(round(self.top / self.step) + 1)
        )
