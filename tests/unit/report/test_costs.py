"""What the machines cost: the parts are the whole."""

from itertools import pairwise

import pytest
from msgspec.structs import replace

from dcp_engine.money import Money
from dcp_engine.picture import Picture, picture
from dcp_engine.report.axis import TimeAxis
from dcp_engine.report.costs import DOLLARS_SO_FAR, growth_of, kinds_of
from dcp_engine.report.lives import lives_of
from tests.unit.report.pictures import HOUR, machine, prices, small
from tests.unit.runs import START, run

AXIS = TimeAxis(start=START, end=START + 4 * HOUR)


def growth(seen: Picture) -> list[float]:
    lives = lives_of(seen.run, seen.machines, seen.numbers, seen.until)
    return [b.values[DOLLARS_SO_FAR].mean for b in growth_of(seen, lives, AXIS)]


def test_the_kinds_add_up_to_the_whole() -> None:
    seen = small()
    kinds = kinds_of(seen, lives_of(seen.run, seen.machines, seen.numbers, seen.until))
    assert [(k.zone, k.machines) for k in kinds] == [("us-east-1a", 6), ("us-east-1b", 6)]
    costs = [kind.cost_dollars for kind in kinds]
    assert None not in costs
    assert sum(cost for cost in costs if cost) == pytest.approx(seen.money.cost)
    assert sum(kind.hours for kind in kinds) == pytest.approx(seen.money.machine_hours)


def test_the_cost_grows_from_nothing_to_the_whole() -> None:
    seen = small()
    found = growth(seen)
    assert found[0] == 0
    assert found[-1] == pytest.approx(seen.money.cost)
    assert all(before <= after for before, after in pairwise(found))


def test_one_whose_price_is_not_known_costs_what_others_do() -> None:
    machines = [machine(n, START, ended_at=START + 4 * HOUR) for n in range(19)]
    odd = machine(19, START + 2 * HOUR, ended_at=START + 4 * HOUR, type="x9.huge")
    numbers = prices(START, START + 4 * HOUR)
    seen = picture(
        run(), machines=[*machines, odd], events=[], numbers=numbers, now=START + 4 * HOUR
    )
    assert seen.money.cost is not None
    found = growth(seen)
    assert found[-1] == pytest.approx(seen.money.cost)
    kinds = kinds_of(seen, lives_of(seen.run, seen.machines, seen.numbers, seen.until))
    assert kinds[-1].cost_dollars is None


def test_a_cost_that_is_not_known_is_not_drawn() -> None:
    assert growth(replace(small(), money=Money())) == []
    assert growth(replace(small(), machines=())) == []


def test_less_than_a_few_cents_is_not_drawn() -> None:
    brief = machine(1, START, ended_at=START + HOUR / 20)
    numbers = prices(START, START + HOUR)
    seen = picture(run(), machines=[brief], events=[], numbers=numbers, now=START + HOUR)
    assert seen.money.cost is not None
    assert 0 < seen.money.cost < 0.05
    assert growth(seen) == []
