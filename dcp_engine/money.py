"""What a run costs, as far as spot prices and the lives of its machines tell.

docs/money.md has the formulas, and an example that is worked out.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import msgspec

from dcp_engine import rates, series
from dcp_engine.model import Machine, Run
from dcp_engine.rates import HOUR
from dcp_engine.series import Bucket, Spread

# Linux machines are billed by the second, the first minute whole (Amazon EC2 User Guide, "Amazon
# EC2 billing and purchasing options"); one that EC2 takes back within its first hour is not charged
# (Amazon EC2 User Guide, "Billing for interrupted Spot Instances").
_LEAST: Final = timedelta(seconds=60)
_FREE_WHEN_TAKEN_BACK: Final = HOUR
# Amazon EC2 API Reference, StateReason: what EC2 says of a spot instance that it took back.
TAKEN_BACK: Final = ("Server.SpotInstanceTermination", "Server.SpotInstanceShutdown")
# Below that the worker's alarm calls a machine idle.
IDLE_BELOW: Final = 1.0
# So much of the machine-hours must be known of before the rest is taken to be alike.
_PRICED: Final = 0.9
_MEASURED: Final = 0.5


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """Dollars and machine-hours until now; None for what is not known.

    `cost` goes by the spot prices that were in force, `bound` by the fleets' highest bid: more it
    cannot have been. `idle` is the share of `cost` that was paid for machines that did nothing,
    `saved` what the machines would have cost that were not replaced because work ran out.
    """

    machine_hours: float | None = None
    cost: float | None = None
    bound: float | None = None
    idle_hours: float | None = None
    idle: float | None = None
    saved: float | None = None


class _Life(msgspec.Struct, frozen=True, kw_only=True):
    """One machine's: how long it was up, what of that is billed, and what that came to."""

    up: timedelta
    billed: timedelta
    cost: float | None
    bid: float | None
    measured: timedelta
    idle: timedelta


def money_of(
    run: Run, machines: Sequence[Machine], numbers: Mapping[str, Sequence[Bucket]], now: datetime
) -> Money:
    """What a run has cost so far; `numbers` are all that is kept, by subject."""
    bids = {fleet.id: fleet.bid for fleet in run.fleets}
    lives = [_life(run, machine, numbers, bids.get(machine.fleet_id), now) for machine in machines]
    looked = bool(machines) or run.machines_known
    cost = _cost(lives) if looked else None
    billed = _hours(life.billed for life in lives)
    each = cost / billed if cost is not None and billed else None
    idle_hours = _idle_hours(lives)
    saved_hours = _saved_hours(run, numbers.get(series.RUN, ()), now)
    return Money(
        machine_hours=_hours(life.up for life in lives) if looked else None,
        cost=cost,
        bound=_bound(lives) if looked else None,
        idle_hours=idle_hours,
        idle=_idle(lives, each) if idle_hours is not None else None,
        saved=None if saved_hours is None else _priced(saved_hours, each),
    )


def taken_back(machine: Machine) -> bool:
    """Whether EC2 took it back, as far as it says so."""
    return machine.reason is not None and machine.reason.startswith(TAKEN_BACK)


def _life(
    run: Run,
    machine: Machine,
    numbers: Mapping[str, Sequence[Bucket]],
    bid: float | None,
    now: datetime,
) -> _Life:
    end = max(machine.began, min(machine.ended_at or run.machines_ended_at or now, now))
    up = end - machine.began
    free = taken_back(machine) and up < _FREE_WHEN_TAKEN_BACK
    billed = timedelta(0) if free else max(up, _LEAST)
    price = None
    if machine.type and machine.zone:
        prices = numbers.get(series.price_of(machine.type, machine.zone), ())
        price = _mean_price(prices, machine.began, machine.began + billed)
    if price is not None and bid is not None:
        # A machine is taken back when its price goes above the bid.
        price = min(price, bid)
    use = [
        b.values[series.CPU] for b in numbers.get(machine.instance_id, ()) if series.CPU in b.values
    ]
    idle = sum((_idle_of(spread) for spread in use), timedelta(0))
    return _Life(
        up=up,
        billed=billed,
        cost=_priced(billed / HOUR, price),
        bid=_priced(billed / HOUR, bid),
        measured=sum((rates.PERIOD * spread.count for spread in use), timedelta(0)),
        idle=min(idle, up),
    )


def _mean_price(prices: Sequence[Bucket], since: datetime, until: datetime) -> float | None:
    """The mean of the prices in force; each holds until the next, the first from ever."""
    known = [(b.at, b.values[series.DOLLARS].mean) for b in prices if series.DOLLARS in b.values]
    if not known:
        return None
    steps = [(min(since, known[0][0]), known[0][1]), *known[1:], (max(until, known[-1][0]), 0.0)]
    paid = [
        (max(timedelta(0), min(until, end) - max(since, begin)), dollars)
        for (begin, dollars), (end, _) in pairwise(steps)
    ]
    span = until - since
    if not span:
        return known[0][1]
    return sum((part / span) * dollars for part, dollars in paid)


def _idle_of(spread: Spread) -> timedelta:
    """How much of the time that a number tells of a machine was idle.

    Of several numbers the mean, the lowest and the highest are kept: where some were below and some
    above, they are taken to have been either the lowest or the highest.
    """
    told = rates.PERIOD * spread.count
    if spread.high < IDLE_BELOW:
        return told
    if spread.low >= IDLE_BELOW:
        return timedelta(0)
    return told * ((spread.high - spread.mean) / (spread.high - spread.low))


def _cost(lives: Sequence[_Life]) -> float | None:
    """What all came to. Machines without a known price are taken to have cost what others did.

    So long as those others make up most of the time; else it is not known.
    """
    billed = _hours(life.billed for life in lives)
    priced = _hours(life.billed for life in lives if life.cost is not None)
    paid = sum(life.cost for life in lives if life.cost is not None)
    if not billed:
        return 0.0
    return paid * billed / priced if priced and priced >= _PRICED * billed else None


def _bound(lives: Sequence[_Life]) -> float | None:
    bids = [life.bid for life in lives]
    return None if None in bids else sum(bid for bid in bids if bid is not None)


def _idle_hours(lives: Sequence[_Life]) -> float | None:
    up = _hours(life.up for life in lives)
    if not up or _hours(life.measured for life in lives) < _MEASURED * up:
        return None
    return _hours(life.idle for life in lives)


def _idle(lives: Sequence[_Life], each: float | None) -> float | None:
    """What was paid for the idle time, by what each machine cost."""
    if each is None:
        return None
    paid = 0.0
    for life in lives:
        cost = life.cost if life.cost is not None else life.billed / HOUR * each
        paid += cost * (life.idle / life.up) if life.up else 0.0
    return paid


def _saved_hours(run: Run, numbers: Sequence[Bucket], now: datetime) -> float | None:
    """Machine-hours that were spared, because lost machines above the target were not replaced.

    Without shrinking there would be as many machines as when the target was last at its highest,
    until the work is over. What is missing of them is spared, except what AWS had no capacity for:
    machines below the target.
    """
    looks = [b for b in numbers if {series.TARGET, series.MACHINES} <= b.values.keys()]
    if not looks:
        return None
    until = min(run.first_cancel_at or run.machines_ended_at or now, now)
    spared, target, machines = 0.0, 0.0, 0.0
    for look, following in zip(looks, [*(b.at for b in looks[1:]), until], strict=True):
        wanted, up = look.values[series.TARGET].mean, look.values[series.MACHINES].mean
        if wanted >= target:
            target, machines = wanted, up
            continue
        lasts = min(max(timedelta(0), min(following, until) - look.at), max(HOUR, look.span))
        spared += max(0.0, machines - max(up, wanted * _machines_a_unit(look))) * (lasts / HOUR)
    return spared


def _machines_a_unit(look: Bucket) -> float:
    fulfilled = look.values.get(series.FULFILLED)
    if fulfilled is None or not fulfilled.mean:
        return 1.0
    return look.values[series.MACHINES].mean / fulfilled.mean


def _priced(hours: float, each: float | None) -> float | None:
    if not hours:
        return 0.0
    return None if each is None else hours * each


def _hours(spans: Iterable[timedelta]) -> float:
    return sum(spans, timedelta(0)) / HOUR
