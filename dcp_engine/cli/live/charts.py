"""Bars and curves out of characters."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import zip_longest
from math import ceil
from typing import Final

import msgspec
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style

from dcp_engine.series import Bucket

_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_FULL: Final = "█"
_REST: Final = "░"
_STEPS: Final = "▁▂▃▄▅▆▇█"
_ASCII_STEPS: Final = "_.,-=+*#"
_HIGH: Final = len(_STEPS)
# A number holds until the next one, but not for longer: then nobody has looked. The fleets are
# looked at every ten minutes.
_HOLDS: Final = timedelta(minutes=15)
# Part of a column.
_LEAST: Final = 1e-6


class Bar(msgspec.Struct, frozen=True):
    """How much of something is done, as a bar as wide as there is room; nothing where not known.

    The bar of `rich` does not show the rest of it without colours.
    """

    share: float | None
    ascii: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        share = min(1.0, max(0.0, self.share or 0.0))
        if self.ascii:
            full, part, rest = "#" * int(share * width), "", "-"
        else:
            eighths = int(share * width * 8)
            full, part, rest = _FULL * (eighths // 8), _EIGHTHS[eighths % 8].strip(), _REST
        yield Segment(full + part, Style(color="green"))
        yield Segment(rest * (width - len(full + part)), Style(dim=True))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(4, options.max_width)


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """A number over time, from one moment to another; blank where it is not known.

    Each column shows the mean of its time; `top` is the value of the highest step, by default the
    greatest that was seen.
    """

    numbers: Sequence[Bucket]
    name: str
    since: datetime
    until: datetime
    top: float | None = None
    ascii: bool = False
    colour: str = "cyan"
    rows: int = 1

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self.drawn(options.max_width):
            yield Segment(line, Style(color=self.colour))
            yield Segment.line()

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(1, options.max_width)

    @property
    def known(self) -> bool:
        """Whether there is anything to draw."""
        return any(self.name in bucket.values for bucket in self.numbers)

    def drawn(self, width: int) -> list[str]:
        """The curve in so many characters, in lines from top to bottom."""
        steps = _ASCII_STEPS if self.ascii else _STEPS
        values = self._columns(width)
        top = self.top or max((value for value in values if value is not None), default=0.0)
        # One step less than there is room for, so that curves below each other stay apart.
        heights = [None if v is None else _height(v, top, self.rows * _HIGH - 1) for v in values]
        lines = []
        for row in reversed(range(self.rows)):
            below = row * _HIGH
            lines.append(
                "".join(
                    " "
                    if height is None or height <= below
                    else steps[min(height - below, _HIGH) - 1]
                    for height in heights
                )
            )
        return lines

    def _columns(self, width: int) -> list[float | None]:
        column = max(self.until - self.since, timedelta(seconds=1)) / max(width, 1)
        totals = [0.0] * width
        weights = [0.0] * width
        for start, end, value in self._held():
            # What was seen only just now is to be seen too.
            first = min((start - self.since) / column, width - _LEAST)
            last = max((end - self.since) / column, first + _LEAST)
            for index in range(max(0, int(first)), min(width, ceil(last))):
                weight = min(last, index + 1) - max(first, index)
                totals[index] += value * weight
                weights[index] += weight
        return [t / w if w > 0 else None for t, w in zip(totals, weights, strict=True)]

    def _held(self) -> Iterator[tuple[datetime, datetime, float]]:
        """From when until when which value holds."""
        known = [bucket for bucket in self.numbers if self.name in bucket.values]
        for bucket, following in zip_longest(known, known[1:]):
            end = max(bucket.at + bucket.span, bucket.at + _HOLDS)
            if following is not None:
                end = min(end, following.at)
            yield bucket.at, min(end, self.until), bucket.values[self.name].mean


def _height(value: float, top: float, steps: int) -> int:
    """How many steps high a value is; the lowest one is for nothing at all."""
    if value <= 0 or top <= 0:
        return 1
    return 2 + min(steps - 2, int(value / top * (steps - 1) - 1e-9))
