"""What a run cost, what it may have cost at most, and what was saved."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcp_engine import series
from dcp_engine.model import Machine, Run, State
from dcp_engine.money import Money, money_of
from dcp_engine.series import Bucket, Spread, price_of
from tests.unit.numbers import HOUR, MINUTE, at, machines, seen, thin
from tests.unit.runs import FLEET_ID, fleet, run

TYPE, ZONE = "m5.xlarge", "us-east-1a"
PRICE = price_of(TYPE, ZONE)
BACK = "Server.SpotInstanceTermination: Spot instance termination"


def machine(
    name: str = "i-1", *, since: float = 0, until: float | None = None, **more: Any
) -> Machine:
    facts: dict[str, Any] = {
        "instance_id": name,
        "fleet_id": FLEET_ID,
        "first_seen": at(since + 3),
        "launched_at": at(since),
        "ended_at": None if until is None else at(until),
        "type": TYPE,
        "zone": ZONE,
    }
    return Machine(**{**facts, **more})


def price(dollars: float, minutes: float = -600) -> Bucket:
    return seen(minutes, subject=PRICE, dollars=dollars)


def bidding(bid: float | None = 0.2, **changes: Any) -> Run:
    return run(State.RUNNING, fleets=(fleet(bid=bid),), **changes)


def money(
    *roll: Machine,
    prices: list[Bucket] | None = None,
    of: Run | None = None,
    now: datetime | None = None,
    numbers: dict[str, list[Bucket]] | None = None,
) -> Money:
    kept = {PRICE: [price(0.1)] if prices is None else prices, **(numbers or {})}
    return money_of(of or bidding(), roll, kept, now or at(120))


def cpu(percent: float, *, since: int, until: int) -> list[Bucket]:
    return [seen(minute, subject="i-1", cpu=percent) for minute in range(since, until, 5)]


def test_a_run_whose_machines_were_never_looked_at_has_no_known_cost() -> None:
    never = run(fleets=(fleet(observed_at=None, active=None),))
    assert money(of=never) == Money()
    seen_itself_only = run(fleets=(fleet(active=None),))
    assert money(of=seen_itself_only) == Money()


def test_a_run_without_a_machine_has_cost_nothing() -> None:
    now = money()
    assert (now.machine_hours, now.cost, now.bound) == (0, 0, 0)
    assert (now.idle_hours, now.idle, now.saved) == (None, None, None)


def test_a_machine_is_paid_for_until_it_ends_or_until_now() -> None:
    assert money(machine()).cost == pytest.approx(0.2)
    assert money(machine(until=30)).cost == pytest.approx(0.05)
    over = bidding(machines_ended_at=at(60))
    assert money(machine(), of=over).cost == pytest.approx(0.1)


def test_a_minute_is_the_least_that_is_billed() -> None:
    now = money(machine(until=0.1))
    assert now.cost == pytest.approx(0.1 / 60)
    assert now.machine_hours == pytest.approx(0.1 / 60)


def test_what_aws_takes_back_in_its_first_hour_costs_nothing() -> None:
    free = money(machine(until=59, reason=BACK))
    assert (free.cost, free.bound) == (0, 0)
    assert free.machine_hours == pytest.approx(59 / 60)
    assert money(machine(until=61, reason=BACK)).cost == pytest.approx(0.1 * 61 / 60)
    ended = machine(until=59, reason="Client.UserInitiatedShutdown: User initiated shutdown")
    assert money(ended).cost == pytest.approx(0.1 * 59 / 60)


def test_the_price_in_force_is_paid_and_holds_until_the_next() -> None:
    prices = [price(0.06, -10), price(0.1, 60)]
    assert money(machine(), prices=prices).cost == pytest.approx(0.16)
    assert money(machine(until=60), prices=prices).cost == pytest.approx(0.06)
    assert money(machine(since=60), prices=prices).cost == pytest.approx(0.1)


def test_the_first_known_price_is_taken_to_have_held_before() -> None:
    assert money(machine(), prices=[price(0.1, 100)]).cost == pytest.approx(0.2)


def test_no_machine_costs_more_than_was_bid() -> None:
    now = money(machine(), prices=[price(0.5)])
    assert now.cost == now.bound == pytest.approx(0.4)


def test_without_a_bid_there_is_no_known_bound() -> None:
    assert money(machine(), of=bidding(bid=None)).bound is None
    assert money(machine(fleet_id="sfr-forgotten")).bound is None


def test_without_a_price_there_is_no_known_cost_and_it_is_not_zero() -> None:
    now = money(machine(), prices=[])
    assert (now.cost, now.saved) == (None, None)
    assert now.machine_hours == 2
    assert now.bound == pytest.approx(0.4)


def test_few_machines_without_a_price_are_taken_to_be_like_the_others() -> None:
    known = [machine(f"i-{n}") for n in range(9)]
    assert money(*known, machine("i-x", type=None)).cost == pytest.approx(2.0)
    assert money(*known[:8], machine("i-x", zone=None), machine("i-y", zone=None)).cost is None


def test_a_machine_is_idle_while_its_cpu_is_below_one_percent() -> None:
    use = [*cpu(97, since=0, until=60), *cpu(0.3, since=60, until=120)]
    now = money(machine(), numbers={"i-1": use})
    assert now.idle_hours == pytest.approx(1)
    assert now.idle == pytest.approx(0.1)
    old = money(machine(), numbers={"i-1": thin(use, 600)})
    assert old.idle_hours == pytest.approx(1)


def test_an_hour_of_which_only_the_extremes_are_kept_is_idle_in_part() -> None:
    use = thin([*cpu(90, since=0, until=45), *cpu(0, since=45, until=60)], 600)
    assert len(use) == 1
    assert money(machine(until=60), numbers={"i-1": use}).idle_hours == pytest.approx(0.25)


def test_what_was_hardly_measured_is_not_known_to_have_worked() -> None:
    assert money(machine(), numbers={"i-1": cpu(97, since=0, until=30)}).idle_hours is None


def test_a_machine_is_never_idle_for_longer_than_it_was_up() -> None:
    now = money(machine(until=7), numbers={"i-1": cpu(0, since=0, until=60)})
    assert now.idle_hours == pytest.approx(7 / 60)
    assert now.idle == now.cost


def saved(*looks: Bucket, **more: Any) -> float | None:
    roll = more.pop("roll", (machine(),))
    return money(*roll, prices=[price(0.1)], numbers={series.RUN: list(looks)}, **more).saved


def test_a_fleet_that_was_never_lowered_has_saved_nothing() -> None:
    assert saved(*machines(3, since=0, until=120)) == 0


def test_without_a_look_at_the_fleets_it_is_not_known_what_was_saved() -> None:
    assert saved() is None


def test_machines_that_are_not_replaced_any_more_are_saved() -> None:
    up = machines(10, since=0, until=60)
    down = machines(4, since=60, until=120, target=2)
    assert saved(*up, *down) == pytest.approx(6 * 0.1)


def test_machines_that_work_on_are_not_saved_yet() -> None:
    up = machines(10, since=0, until=60)
    assert saved(*up, *machines(10, since=60, until=120, target=2)) == 0


def test_machines_that_aws_did_not_have_are_not_saved() -> None:
    up = machines(10, since=0, until=60)
    assert saved(*up, *machines(1, since=60, until=120, target=8)) == pytest.approx(2 * 0.1)
    few = machines(1, since=0, until=60, target=10)
    assert saved(*few, *machines(1, since=60, until=120, target=8)) == 0


def test_what_a_person_raised_again_is_not_saved() -> None:
    looks = [
        *machines(10, since=0, until=30),
        *machines(4, since=30, until=60, target=4),
        *machines(4, since=60, until=120, target=12),
    ]
    assert saved(*looks) == pytest.approx(6 * 0.5 * 0.1)


def test_nothing_is_saved_after_the_work() -> None:
    looks = [*machines(10, since=0, until=60), *machines(4, since=60, until=120, target=2)]
    over = bidding(first_cancel_at=at(90))
    assert saved(*looks, of=over) == pytest.approx(6 * 0.5 * 0.1)


def test_nobody_knows_what_was_saved_while_nobody_looked() -> None:
    looks = [*machines(10, since=0, until=60), *machines(4, since=60, until=70, target=2)]
    assert saved(*looks, now=at(6000), roll=(machine(until=120),)) == pytest.approx(6 * 0.1)


def test_capacity_is_counted_in_machines_where_they_weigh_more_than_one() -> None:
    up = [seen(0, machines=5, fulfilled=10, target=10)]
    down = [seen(minute, machines=1, fulfilled=2, target=4) for minute in range(60, 120, 10)]
    assert saved(*up, *down) == pytest.approx(3 * 0.1)


MOMENTS = st.integers(-200, 400)
PERCENT = st.floats(0, 100)


@st.composite
def lives(draw: st.DrawFn) -> Machine:
    since = draw(MOMENTS)
    return machine(
        draw(st.sampled_from(["i-1", "i-2", "i-3"])),
        since=since,
        until=draw(st.none() | st.integers(-400, 400).map(lambda span: since + span)),
        type=draw(st.sampled_from([TYPE, None])),
        reason=draw(st.sampled_from([None, BACK])),
        fleet_id=draw(st.sampled_from([FLEET_ID, "sfr-forgotten"])),
    )


@st.composite
def uses(draw: st.DrawFn) -> Bucket:
    low, mean, high = sorted(draw(st.tuples(PERCENT, PERCENT, PERCENT)))
    spread = Spread(mean, low, high, draw(st.integers(1, 12)))
    return Bucket(at=at(draw(MOMENTS)), span=HOUR, values={"cpu": spread}, subject="i-1")


@st.composite
def looks(draw: st.DrawFn) -> Bucket:
    number = st.integers(0, 50)
    return seen(draw(MOMENTS), machines=draw(number), fulfilled=draw(number), target=draw(number))


@settings(max_examples=80, deadline=None)
@given(
    st.lists(lives(), max_size=6),
    st.lists(st.builds(price, st.floats(0, 5), MOMENTS), max_size=5),
    st.lists(uses(), max_size=5),
    st.lists(looks(), max_size=6),
    st.none() | st.floats(0.01, 3),
)
def test_nothing_is_negative_and_nothing_exceeds_what_holds_it(
    roll: list[Machine],
    prices: list[Bucket],
    use: list[Bucket],
    seen_looks: list[Bucket],
    bid: float | None,
) -> None:
    numbers = {"i-1": use, series.RUN: sorted(seen_looks, key=lambda look: look.at)}
    in_order = sorted(prices, key=lambda one: one.at)
    now = money(*roll, prices=in_order, of=bidding(bid=bid), numbers=numbers)
    amounts = (now.cost, now.bound, now.idle_hours, now.idle, now.saved)
    assert all(amount is None or amount >= 0 for amount in amounts)
    rounding = 1 + 1e-9
    if now.cost is not None and now.bound is not None:
        assert now.cost <= now.bound * rounding
    if now.idle is not None:
        assert now.cost is not None
        assert now.idle <= now.cost * rounding
    assert now.machine_hours is not None
    assert now.idle_hours is None or now.idle_hours <= now.machine_hours * rounding
    later = money(*roll, prices=in_order, of=bidding(bid=bid), now=at(121), numbers=numbers)
    assert later.machine_hours is not None
    assert later.machine_hours >= now.machine_hours
    assert (
        later.machine_hours - now.machine_hours
        <= len(roll) * (MINUTE / timedelta(hours=1)) * rounding
    )
