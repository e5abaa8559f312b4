"""Numbers over time to test with."""

from datetime import datetime, timedelta

from dcp_engine import series
from dcp_engine.series import RUN, Bucket, Spread
from tests.unit.runs import START

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def at(minutes: float) -> datetime:
    """So many minutes after START."""
    return START + minutes * MINUTE


def seen(minutes: float, *, subject: str = RUN, **values: float) -> Bucket:
    """Numbers seen at one moment; `in_flight=3` is the number `in-flight`."""
    return Bucket(
        at=at(minutes),
        span=timedelta(0),
        subject=subject,
        values={name.replace("_", "-"): Spread(v, v, v) for name, v in values.items()},
    )


def count(minutes: float, visible: float = 0, in_flight: float = 0, delayed: float = 0) -> Bucket:
    """A count of the queue."""
    return seen(minutes, visible=visible, in_flight=in_flight, delayed=delayed)


def deleted(jobs_a_minute: float, *, since: float, until: float) -> list[Bucket]:
    """What CloudWatch tells of the jobs that were done from one minute to another."""
    periods = range(int(since), int(until), 5)
    return [seen(minute, deleted=jobs_a_minute) for minute in periods]


def machines(
    number: float, *, since: float, until: float, target: float | None = None
) -> list[Bucket]:
    """The looks at a fleet that has so many machines, one every ten minutes."""
    wanted = number if target is None else target
    return [
        seen(minute, machines=number, fulfilled=number, target=wanted)
        for minute in range(int(since), int(until), 10)
    ]


def thin(buckets: list[Bucket], minutes: float) -> list[Bucket]:
    """The same as it is kept some time later."""
    return series.thinned(buckets, at(minutes))
