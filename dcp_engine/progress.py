"""How far a run has come, how fast it goes, and when it may end; docs/money.md has the formulas."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from math import floor, sqrt
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
# Counts waver, and some of the jobs that outlast the timeout are done before it.
_NEAR: Final = 0.5
_FEW: Final = 3
# More than a year from now nobody wants to know.
_NEVER: Final = 366 * 24 * HOUR


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a run's progress; None for what is not.

    `done` counts jobs, by the queue's own counts and CloudWatch's numbers of messages sent and
    deleted or, where those are not known, by the counts alone (`by_counts`). `rate` is jobs an
    hour, lately. `ends` is the earliest and the latest moment at which the work may be over; it is
    only told from ten jobs on. `job_time` is how long a machine takes for one job, at the median.
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
    there = _most_there(run, known)
    by_counts = _done_by_counts(run, there)
    done = by_counts if counted is None else counted
    if counted is not None and by_counts is not None and there is not None:
        done = _without_doubles(run, known, there, counted, by_counts)
    pace = rates.pace(known, now) if run.state.watches else None
    time = job_time(known, now, run.identities.queue_visibility)
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


def job_time(
    numbers: Sequence[Bucket], now: datetime, visibility: timedelta | None = None
) -> timedelta | None:
    """How long one job is in the hands of a worker: the median over the hours of the last day.

    For each hour that is the mean number of jobs in flight, divided by how many were done in each
    minute (Little's law: the number in a system is what comes per time, times how long each stays).
    While jobs wait each machine has one in hand at least, which tells more where a job takes
    longer than an hour. A job that takes longer than the queue's `visibility` timeout is in flight
    for only that long. So a time that comes near it says no more than that; each machine is taken
    to have had as many jobs in hand then as were ever seen in flight for one.
    """
    known = [bucket for bucket in numbers if bucket.at <= now]
    pace = rates.pace(known, now)
    spans = [
        (since, until, told / jobs)
        for since, until in _hours(known, _HOURS_OF_JOB_TIME)
        for jobs, told in [rates.flow(known, series.DELETED, since, until)]
        if jobs >= _FEW
    ]
    if not spans and pace and pace.jobs >= 1:
        spans = [(pace.until - pace.span, pace.until, pace.span / pace.jobs)]
    times = [
        each * hands
        for since, until, each in spans
        if (hands := _hands(known, since, until, of_each=1.0, waiting=True))
    ]
    middle = _middle(times) if times else _NEVER
    if visibility and middle > visibility * _NEAR:
        of_each = _jobs_of_a_machine(known)
        of_machines = [
            each * hands
            for since, until, each in spans
            if (hands := _hands(known, since, until, of_each=of_each))
        ]
        middle = max(middle, _middle(of_machines)) if of_machines else middle
    return middle if middle < _NEVER else None


def _middle(times: Sequence[timedelta]) -> timedelta:
    from statistics import median_low  # noqa: PLC0415 - slow, and not needed before a job is done

    return median_low(times)


def _hands(
    numbers: Sequence[Bucket],
    since: datetime,
    until: datetime,
    *,
    of_each: float,
    waiting: bool = False,
) -> float:
    """How many jobs were in hand at a time: those in flight, or so many for each machine if more.

    Where jobs must have been `waiting` for that, machines may have had nothing to do else.
    """
    in_flight = rates.mean(numbers, series.IN_FLIGHT, since, until) or 0.0
    machines = rates.mean(numbers, series.MACHINES, since, until) or 0.0
    if waiting and (rates.mean(numbers, series.VISIBLE, since, until) or 0.0) < machines:
        return in_flight
    return max(in_flight, machines * of_each)


def _jobs_of_a_machine(numbers: Sequence[Bucket]) -> float:
    """As many jobs as were ever seen in flight for each machine that was up; one at least."""
    both = [
        (b.values[series.IN_FLIGHT], b.values[series.MACHINES])
        for b in numbers
        if series.IN_FLIGHT in b.values and series.MACHINES in b.values
    ]
    return max([1.0, *(jobs.high / up.high for jobs, up in both if up.high)])


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


def _most_there(run: Run, numbers: Sequence[Bucket]) -> float | None:
    """The most jobs that ever were in the queue; None where it was never counted."""
    counts = [count for bucket in numbers if (count := rates.most(bucket)) is not None]
    return max([run.reading.total, *counts]) if counts and run.reading else None


def _done_by_counts(run: Run, there: float | None) -> int | None:
    """What is not left of the jobs that were `there`, and was neither dead nor lost."""
    dead = dead_letters(run)
    if run.reading is None or dead is None or there is None:
        return None
    return max(0, floor(there) - run.reading.total - dead - run.unworked_fall)


def _without_doubles(
    run: Run, numbers: Sequence[Bucket], there: float, deleted: int, by_counts: int
) -> int:
    """How many jobs are done, where CloudWatch tells how many were sent.

    A job that was done twice may have been deleted twice, and what was deleted is some minutes old
    while what is left is not. So it is what was there at the first count, was sent after it and is
    neither left nor dead; and what was deleted before anybody counted. The period in which the
    first count fell is left out, since its jobs may have been counted.
    """
    counts = [(bucket.at, count) for bucket in numbers if (count := rates.total(bucket))]
    if not counts or all(series.SENT not in b.values for b in numbers):
        return deleted
    first, count = counts[0]
    later = [bucket for bucket in numbers if bucket.at >= first]
    last = later[-1].at + max(later[-1].span, rates.PERIOD)
    sent, _ = rates.flow(later, series.SENT, first, last)
    before, _ = rates.flow(numbers, series.DELETED, run.earliest_start, first)
    return by_counts + round(before + max(0.0, count + sent - there))


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
