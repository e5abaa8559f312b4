"""How many jobs went, and how fast, out of a run's numbers over time; pure.

There are two sources. CloudWatch tells how many messages were deleted, which is what the worker
does with a job that it has finished; that comes some minutes late. The queue's own counts are
there at once, and fall with jobs that failed for good or expired as well.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, TypeVar

import msgspec

from dcp_engine import series
from dcp_engine.series import Bucket

T = TypeVar("T")

PERIOD: Final = timedelta(minutes=5)
"""What CloudWatch's numbers are asked for by; one of them tells of so long."""

HOUR: Final = timedelta(hours=1)
# CloudWatch's numbers come some minutes late and are asked for every ten minutes or so.
_STALE: Final = timedelta(minutes=45)
# A rate of less than that says more about single jobs than about the run.
_SHORTEST: Final = timedelta(minutes=15)
_LONGEST: Final = 12 * HOUR
_TELLING: Final = 10
# Jobs may have come and gone in between.
_LONGEST_GAP: Final = timedelta(minutes=30)


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """So many jobs in so much time, which ended at `until`; `by_counts` is by the queue's own."""

    jobs: float
    span: timedelta
    until: datetime
    by_counts: bool = False

    @property
    def rate(self) -> float:
        """Jobs an hour."""
        return self.jobs / (self.span / HOUR)


def pace(numbers: Sequence[Bucket], now: datetime) -> Pace | None:
    """How fast jobs went lately; None where that is not known.

    Lately is the last hour that is known of, or as many as it takes to find ten jobs in, at most
    twelve.
    """
    known = [bucket for bucket in numbers if bucket.at <= now]
    return _by_deletes(known, now) or _by_counts(known, now)


def told_until(numbers: Iterable[Bucket], name: str) -> datetime | None:
    """The end of the last period that CloudWatch has told of."""
    ends = [bucket.at + max(bucket.span, PERIOD) for bucket in numbers if name in bucket.values]
    return max(ends, default=None)


def flow(
    numbers: Sequence[Bucket], name: str, since: datetime, until: datetime
) -> tuple[float, timedelta]:
    """How many jobs CloudWatch told of from `since` until `until`, and of how long it told.

    Of a period that lies in that time in part, a part is counted.
    """
    jobs, told = 0.0, timedelta(0)
    for bucket in _about(numbers, since, until):
        spread = bucket.values.get(name)
        if spread is None:
            continue
        length = max(bucket.span, PERIOD)
        within = min(until, bucket.at + length) - max(since, bucket.at)
        if within > timedelta(0):
            known = PERIOD * spread.count * (within / length)
            jobs += spread.mean * (known / timedelta(minutes=1))
            told += known
    return jobs, told


def _about(
    numbers: Sequence[Bucket], since: datetime, until: datetime, *, until_too: bool = False
) -> Sequence[Bucket]:
    """Those of the buckets, which are sorted, that may tell of that time."""
    begin = bisect_left(numbers, since - series.LONGEST_SPAN, key=_at)
    end = (bisect_right if until_too else bisect_left)(numbers, until, lo=begin, key=_at)
    return numbers[begin:end]


def _at(bucket: Bucket) -> datetime:
    return bucket.at


def mean(numbers: Sequence[Bucket], name: str, since: datetime, until: datetime) -> float | None:
    """The mean of a number from `since` until `until`; None where there is none."""
    found = [
        bucket.values[name]
        for bucket in _about(numbers, since, until)
        if name in bucket.values and since <= bucket.at
    ]
    return series.together(found).mean if found else None


def total(bucket: Bucket) -> float | None:
    """How many jobs were in the queue, at the mean; None where it was not counted then."""
    names = (series.VISIBLE, series.IN_FLIGHT, series.DELAYED)
    if any(name not in bucket.values for name in names):
        return None
    return sum(bucket.values[name].mean for name in names)


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What the queue's counts tell of a time in which nobody stopped counting for long.

    By so many jobs together they `fell` and `rose`, from one count to the next.
    """

    since: datetime
    until: datetime
    fell: float
    rose: float


def counted(numbers: Sequence[Bucket], since: datetime, until: datetime) -> Counts | None:
    """Of the latest counts from `since` until `until`; None where there are not two of them."""
    counts = [
        (bucket, count)
        for bucket in _about(numbers, since, until, until_too=True)
        if since <= bucket.at and (count := total(bucket)) is not None
    ]
    fell, rose, begin = 0.0, 0.0, None
    for (later, after), (earlier, before) in pairwise(reversed(counts)):
        if later.at - (earlier.at + earlier.span) > _LONGEST_GAP:
            break
        begin = earlier.at
        fell += max(0.0, before - after)
        rose += max(0.0, after - before)
    if begin is None:
        return None
    return Counts(since=begin, until=counts[-1][0].at, fell=fell, rose=rose)


def most(bucket: Bucket) -> float | None:
    """As many jobs as were certainly in the queue at one moment of it.

    Of several counts only each number's lowest and highest are kept. When one was at its highest
    the others were at their lowest or above.
    """
    average = total(bucket)
    if average is None:
        return None
    spreads = [bucket.values[n] for n in (series.VISIBLE, series.IN_FLIGHT, series.DELAYED)]
    lowest = sum(spread.low for spread in spreads)
    return max(average, *(lowest - spread.low + spread.high for spread in spreads))


def enough_of(look: Callable[[timedelta], T], enough: Callable[[T], bool], longest: timedelta) -> T:
    """What the fewest hours show that show enough, or the longest time where none do.

    A longer time shows as much as a shorter one at least. So it is asked first whether any will do:
    where nothing moves, that is all there is to ask.
    """
    span, found = HOUR, look(HOUR)
    if not enough(found) and not enough(whole := look(longest)):
        return whole
    while not enough(found):
        span += HOUR
        found = look(span)
    return found


def _by_deletes(numbers: Sequence[Bucket], now: datetime) -> Pace | None:
    end = told_until(numbers, series.DELETED)
    if end is None or now - end > _STALE:
        return None
    jobs, told = enough_of(
        lambda span: flow(numbers, series.DELETED, end - span, end),
        lambda found: found[0] >= _TELLING,
        _LONGEST,
    )
    return Pace(jobs=jobs, span=told, until=min(end, now)) if told >= _SHORTEST else None


def _by_counts(numbers: Sequence[Bucket], now: datetime) -> Pace | None:
    counts = [
        (bucket.at, count)
        for bucket in numbers
        if bucket.at >= now - _LONGEST and (count := total(bucket)) is not None
    ]
    if not counts or now - counts[-1][0] > _STALE:
        return None
    end = counts[-1][0]
    found = enough_of(
        lambda span: _fall(counts, end - span), lambda found: found.jobs >= _TELLING, _LONGEST
    )
    return found if found.span >= _SHORTEST else None


def _fall(counts: Sequence[tuple[datetime, float]], since: datetime) -> Pace:
    """From the moment when most jobs were there: what was submitted before that is over."""
    end, left = counts[-1]
    begin, highest = max(
        (one for one in counts if one[0] >= since), key=lambda one: (one[1], -one[0].timestamp())
    )
    return Pace(jobs=highest - left, span=end - begin, until=end, by_counts=True)
