"""What the run's machines cost: the spot prices of their types, in their zones, over time."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from dcp_engine import series
from dcp_engine.hookspecs import Context, Duty, DutyResult, Sample, hookimpl
from dcp_engine.model import State

# Spot prices change slowly (Amazon EC2 User Guide, "Spot Instance pricing history").
_EVERY = timedelta(hours=1)
# EC2 keeps them for so long (Amazon EC2 API Reference, DescribeSpotPriceHistory).
_KEPT = timedelta(days=90)


class _Known(msgspec.Struct, frozen=True, kw_only=True):
    """Until when prices were asked for, and since when the latest of each subject is in force."""

    until: datetime | None = None
    latest: Mapping[str, datetime] = {}


@hookimpl
def duties() -> Sequence[Duty]:
    return [
        Duty(
            name="prices",
            states=frozenset({State.PENDING, State.RUNNING, State.DRAINING}),
            every=_EVERY,
            run=ask,
            needs_roll=False,
        )
    ]


def ask(context: Context) -> DutyResult:
    """Ask for what changed since the last time, however long ago that was."""
    known = msgspec.convert(context.memory, _Known)
    now = context.clock.now()
    began = _since_when(context, known.until)
    if not began:
        # It costs nothing to look again soon.
        return DutyResult(next_in=context.settings.watch_interval)
    since = min(
        min(known.until or now, now) if series.price_of(*where) in known.latest else first
        for where, first in began.items()
    )
    found = context.aws.capacity.prices(
        sorted({type_ for type_, _ in began}), max(since, now - _KEPT), now
    )
    latest = dict(known.latest)
    samples = []
    for price in sorted(found, key=lambda price: price.at):
        first = began.get((price.type, price.zone))
        subject = series.price_of(price.type, price.zone)
        if first is None or (subject in latest and price.at <= latest[subject]):
            continue
        # What was in force when the first machine came is kept as of that moment.
        at = max(price.at, first) if subject not in known.latest else price.at
        samples.append(Sample(subject=subject, at=at, values={series.DOLLARS: price.dollars}))
        latest[subject] = price.at
    return DutyResult(samples=samples, memory=msgspec.to_builtins(_Known(until=now, latest=latest)))


def _since_when(context: Context, until: datetime | None) -> dict[tuple[str, str], datetime]:
    """Type and zone → when the first machine of them came, of those that matter since `until`."""
    began: dict[tuple[str, str], datetime] = {}
    for machine in context.roll():
        if machine.type is None or machine.zone is None:
            continue
        if until is None or machine.ended_at is None or machine.ended_at > until:
            where = machine.type, machine.zone
            began[where] = min(began.get(where, machine.began), machine.began)
    return began
