"""What spot instances cost, at any moment, by nothing but the seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zlib import crc32

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STEP = timedelta(hours=4)
_SIZES = {"large": 1.0, "xlarge": 2.0, "metal": 48.0}
_DOLLARS_OF_LARGE = 0.038
"""What a `large` one costs on the average; the sizes double it."""


@dataclass(frozen=True)
class Change:
    """From a moment on a type costs so many dollars an hour in a zone."""

    at: datetime
    dollars: float


@dataclass(frozen=True)
class SpotPrices:
    """Prices that change a few times a day, each type and zone by itself."""

    seed: int

    def changes(self, type_: str, zone: str, start: datetime, end: datetime) -> Iterator[Change]:
        """What was in force at `start`, and every later change up to `end`, oldest first."""
        first = (start - _EPOCH) // _STEP - 1
        last = (end - _EPOCH) // _STEP
        found = [self._change(type_, zone, number) for number in range(first, last + 1)]
        before = [change for change in found if change.at <= start]
        yield from before[-1:]
        yield from (change for change in found if start < change.at <= end)

    def at(self, type_: str, zone: str, moment: datetime) -> float:
        """Dollars an hour at a moment."""
        return next(self.changes(type_, zone, moment, moment)).dollars

    def _change(self, type_: str, zone: str, number: int) -> Change:
        """Within each step of hours there is one change."""
        within = _noise(self.seed, type_, zone, number, "moment")
        at = _EPOCH + _STEP * number + timedelta(seconds=int(within * _STEP.total_seconds()))
        swing = 0.8 + 0.5 * _noise(self.seed, type_, zone, number, "price")
        return Change(at, round(_usual(type_) * swing, 4))


def _usual(type_: str) -> float:
    family, _, size = type_.partition(".")
    multiple = size.removesuffix("xlarge")
    times = 2.0 * int(multiple) if multiple.isdecimal() else _SIZES.get(size, 1.0)
    return _DOLLARS_OF_LARGE * times * (0.8 + 0.4 * _noise(family))


@lru_cache(maxsize=4096)
def _noise(*of: object) -> float:
    """A number from 0 to 1 that is always the same for the same."""
    return crc32(repr(of).encode()) / 2**32
