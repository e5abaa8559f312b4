"""Numbers over time: what is kept of them, and how that grows coarser as it ages.

A `Sample` is what was seen at one moment. It is kept as it is for some hours; then all samples of a
longer and longer span become one `Spread`: their mean, and the lowest and highest among them. So a
run of a week takes hardly more room than one of a day, and no peak is lost.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

RUN: Final = ""
"""The subject of what is said of the run as a whole."""

# Of the run, from every count of the queue: numbers of jobs.
VISIBLE: Final = "visible"
IN_FLIGHT: Final = "in-flight"
DELAYED: Final = "delayed"
# From every look at the fleets: units of capacity, units of capacity, machines.
TARGET: Final = "target"
FULFILLED: Final = "fulfilled"
MACHINES: Final = "machines"
# From CloudWatch: percent, percent, and jobs a minute.
CLUSTER_CPU: Final = "cluster-cpu"
CLUSTER_MEMORY: Final = "cluster-memory"
# The same of the run's own service: a cluster may be shared by many runs.
SERVICE_CPU: Final = "service-cpu"
SERVICE_MEMORY: Final = "service-memory"
DELETED: Final = "deleted"
RECEIVED: Final = "received"
SENT: Final = "sent"
# How many messages were deleted since the run began, which is about how many jobs were done.
JOBS_DONE: Final = "jobs done"
# Of a machine, whose instance id is the subject: percent.
CPU: Final = "cpu"
# Of an instance type in a zone, whose subject is `price_of`: dollars an hour.
DOLLARS: Final = "dollars"


def price_of(type_: str, zone: str) -> str:
    """The subject of what an instance type costs in a zone."""
    return f"{type_} in {zone}"


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers seen at one moment, by name. `subject` is an instance id, or RUN for the whole run.

    A second sample of the same subject and moment adds its numbers to those of the first.
    """

    at: datetime
    values: Mapping[str, float]
    subject: str = RUN


class Spread(msgspec.Struct, frozen=True, array_like=True):
    """What is left of several numbers of one name. `count` is how many there were."""

    mean: float
    low: float
    high: float
    count: int = 1


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of the samples of one subject from `at` until `at + span`.

    One sample is kept with a span of zero.
    """

    at: datetime
    span: timedelta
    values: Mapping[str, Spread]
    subject: str = RUN


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    """From this age on, what falls within the same span becomes one."""

    age: timedelta
    span: timedelta


TIERS_OF_THE_RUN: Final = (
    Tier(age=timedelta(hours=1), span=timedelta(minutes=5)),
    Tier(age=timedelta(hours=12), span=timedelta(minutes=30)),
    Tier(age=timedelta(days=4), span=timedelta(hours=2)),
    Tier(age=timedelta(days=30), span=timedelta(days=1)),
)
"""What is said of a run is a row a minute at first."""

TIERS_OF_A_MACHINE: Final = (
    Tier(age=timedelta(hours=2), span=timedelta(hours=1)),
    Tier(age=timedelta(days=2), span=timedelta(hours=6)),
    Tier(age=timedelta(days=14), span=timedelta(days=2)),
)
"""There are thousands of machines, and a week of each must stay small."""


LONGEST_SPAN: Final = max(tier.span for tier in (*TIERS_OF_THE_RUN, *TIERS_OF_A_MACHINE))
"""No bucket tells of longer than that."""


def tiers(subject: str) -> tuple[Tier, ...]:
    """How the numbers of a subject grow coarser, the youngest first."""
    return TIERS_OF_THE_RUN if subject == RUN else TIERS_OF_A_MACHINE


def span_at(subject: str, age: timedelta) -> timedelta:
    """The span that numbers of this age are kept by; zero for those that are kept as they are."""
    spans = [tier.span for tier in tiers(subject) if age >= tier.age]
    return spans[-1] if spans else timedelta(0)


def start_of(at: datetime, span: timedelta) -> datetime:
    """The beginning of the span that a moment falls within, counted from 1970."""
    seconds = span.total_seconds()
    if not seconds:
        return at
    return datetime.fromtimestamp(at.timestamp() // seconds * seconds, UTC)


def thinned(buckets: Sequence[Bucket], now: datetime) -> list[Bucket]:
    """What is to be kept in place of these, all of one subject; in order of their moments.

    One that is coarser already than its age asks for stays as it is.
    """
    groups: dict[tuple[datetime, timedelta], list[Bucket]] = {}
    for bucket in sorted(buckets, key=lambda bucket: bucket.at):
        span = max(bucket.span, span_at(bucket.subject, now - bucket.at))
        groups.setdefault((start_of(bucket.at, span), span), []).append(bucket)
    return [_one(at, span, group) for (at, span), group in sorted(groups.items())]


def _one(at: datetime, span: timedelta, buckets: Sequence[Bucket]) -> Bucket:
    if len(buckets) == 1 and buckets[0].span == span:
        return buckets[0]
    names = dict.fromkeys(name for bucket in buckets for name in bucket.values)
    return Bucket(
        at=at,
        span=span,
        subject=buckets[0].subject,
        values={
            name: together(bucket.values[name] for bucket in buckets if name in bucket.values)
            for name in names
        },
    )


def together(spreads: Iterable[Spread]) -> Spread:
    """Several spreads as one; there must be any."""
    found = list(spreads)
    count = sum(spread.count for spread in found)
    return Spread(
        sum(spread.mean * spread.count for spread in found) / count,
        min(spread.low for spread in found),
        max(spread.high for spread in found),
        count,
    )
