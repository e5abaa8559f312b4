"""How far a run has come, how fast it goes, and when it may end; docs/money.md has the formulas."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from math import floor, sqrt
from statistics import median_low
from typing import Final

import msgspec

from dcp_engine import rates, series
from dcp_engine.model import Run
from dcp_engine.rates import HOUR, Pace
from dcp_engine.series import Bucket

DEAD_LETTERS: Final = "dead letters"
"""The observation of how many jobs of the run have failed for good."""

# An end is only told from so many jobs on; fewer say too little.
_ENOUGH: Final = 10
# CloudWatch's number belongs to a count of the queue that is not much younger.
_RECENT: Final = timedelta(minutes=30)
# An hour in which more jobs than that were done has a pace of its own to tell.
_HOURS: Final = 6
_HOURS_OF_JOB_TIME: Final = 24
_FEW: Final = 3
# More than a year from now nobody wants to know.
_NEVER: Final = 366 * 24 * HOUR


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a run's progress; None for what is not.

    `done` counts jobs, by CloudWatch's number of deleted messages or, where that is not known, by
    the queue's own counts (`by_counts`). `rate` is jobs an hour, lately. `ends` is the earliest and
    the latest moment at which the work may be over; it is only told from ten jobs on. `job_time` is
    how long a machine takes for one job, at the median.
    """

    done: int | None = None
    left: int | None = None
    by_counts: bool = False
    rate: float | None = None
    ends: tuple[datetime, datetime] | None = None
    job_time: timedelta | None = None

    @property
    def share(self) -> float | None:
        """How much of the work is done, from 0 to 1."""
        if self.done is None or self.left is None or not self.done + self.left:
            return None
        return self.done / (self.done + self.left)


def progress_of(run: Run, numbers: Sequence[Bucket], now: datetime) -> Progress:
    """What a run's own numbers over time tell of its progress."""
    known = [bucket for bucket in numbers if bucket.subject == series.RUN and bucket.at <= now]
    left = run.reading.total if run.reading else None
    counted = _done_by_cloudwatch(run, now)
    done = _done_by_counts(run, known) if counted is None else counted
    pace = rates.pace(known, now) if run.state.watches else None
    time = job_time(known, now)
    ends = None
    if pace and left and done is not None and done >= _ENOUGH:
        ends = _ends(run, known, pace, now, tail=time or timedelta(0))
    return Progress(
        done=done,
        left=left,
        by_counts=counted is None and done is not None,
        rate=pace.rate if pace else None,
        ends=ends,
        job_time=time,
    )


def job_time(numbers: Sequence[Bucket], now: datetime) -> timedelta | None:
    """How long one job is in the hands of a worker: the median over the hours of the last day.

    For each hour that is the mean number of jobs in flight, divided by how many were done in each
    minute (Little's law: the number in a system is what comes per time, times how long each stays).
    """
    known = [bucket for bucket in numbers if bucket.at <= now]
    times = [
        in_flight * told / jobs
        for since, until in _hours(known, _HOURS_OF_JOB_TIME)
        for jobs, told in [rates.flow(known, series.DELETED, since, until)]
        for in_flight in [rates.mean(known, series.IN_FLIGHT, since, until)]
        if jobs >= _FEW and in_flight
    ]
    pace = rates.pace(known, now)
    if not times and pace and pace.jobs >= 1:
        in_flight = rates.mean(known, series.IN_FLIGHT, pace.until - pace.span, pace.until)
        times = [in_flight * pace.span / pace.jobs] if in_flight else []
    middle = median_low(times) if times else _NEVER
    return middle if middle < _NEVER else None


def dead_letters(run: Run) -> int | None:
    """How many jobs of the run have failed for good; None where that is not known."""
    seen = _observed(run, DEAD_LETTERS)
    if seen is not None:
        return max(run.dead_letters or 0, round(seen[1]))
    if run.dead_letters is not None:
        return run.dead_letters
    counted = run.identities.queue_created_at is not None
    return 0 if counted and run.identities.dead_letter_queue_arn is None else None


def _done_by_cloudwatch(run: Run, now: datetime) -> int | None:
    seen = _observed(run, series.JOBS_DONE)
    if seen is None:
        return None
    counted_at = min(now, run.reading.at) if run.reading else now
    return round(seen[1]) if seen[0] >= counted_at - _RECENT else None


def _done_by_counts(run: Run, numbers: Sequence[Bucket]) -> int | None:
    """What is not there any more of the most jobs that ever were, and was neither dead nor lost."""
    dead = dead_letters(run)
    if run.reading is None or dead is None:
        return None
    left = run.reading.total
    there = [count for bucket in numbers if (count := rates.most(bucket)) is not None]
    if not there:
        return None
    return max(0, floor(max([left, *there])) - left - dead - run.unworked_fall)


def _observed(run: Run, name: str) -> tuple[datetime, float] | None:
    return next(
        ((seen.at, seen.value) for seen in run.observations if seen.name == name and seen.at), None
    )


def _hours(numbers: Sequence[Bucket], most: int) -> Iterator[tuple[datetime, datetime]]:
    """The last hours that CloudWatch has told of, the youngest first."""
    end = rates.told_until(numbers, series.DELETED)
    if end is not None:
        yield from ((end - (n + 1) * HOUR, end - n * HOUR) for n in range(most))


def _ends(
    run: Run, numbers: Sequence[Bucket], pace: Pace, now: datetime, *, tail: timedelta
) -> tuple[datetime, datetime] | None:
    """The earliest and the latest end, from the fastest and the slowest that it may go.

    The last jobs begin when none waits any more, and take `tail` then.
    """
    if run.reading is None or run.active_machines == 0 or pace.jobs < 1:
        return None
    spans = [(pace.rate, pace.until - max(pace.span, HOUR), pace.until)]
    for since, until in _hours(numbers, _HOURS):
        jobs, told = rates.flow(numbers, series.DELETED, since, until)
        if jobs >= _ENOUGH:
            spans.append((jobs / (told / HOUR), since, until))
    possible = [rate * _machines_now(run, numbers, since, until) for rate, since, until in spans]
    # So many jobs are not counted more exactly than that; twice the deviation of a random number.
    doubt = 1 + 2 / sqrt(pace.jobs)
    more, fewer = _changes(run)
    fastest, slowest = max(possible) * doubt * more, min(possible) / doubt * fewer
    first, last = run.reading.total / fastest, run.reading.total / slowest
    if last > _NEVER / HOUR:
        return None
    return now + first * HOUR, now + last * HOUR + tail


def _machines_now(run: Run, numbers: Sequence[Bucket], since: datetime, until: datetime) -> float:
    """How many times as many machines there are now as in a time, as far as is known."""
    then = rates.mean(numbers, series.MACHINES, since, until)
    return run.active_machines / then if then and run.active_machines else 1.0


def _changes(run: Run) -> tuple[float, float]:
    """By how much the fleets may still grow to what is asked for, and shrink down to it.

    Nobody ends the machines above the requested capacity, but none that dies is replaced: of those,
    half are counted on.
    """
    fleets = [fleet for fleet in run.fleets if fleet.live]
    target = sum(fleet.target or 0 for fleet in fleets)
    fulfilled = sum(fleet.fulfilled or 0 for fleet in fleets)
    if not fulfilled:
        return 1.0, 1.0
    share = target / fulfilled
    return max(1.0, share), min(1.0, (1 + share) / 2)
