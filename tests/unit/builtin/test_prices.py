"""Prices: of the types and zones that the run has, without a gap, each change once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace

from dcp_engine import series
from dcp_engine.builtin import prices
from dcp_engine.model import Machine
from dcp_engine.ports import SpotPrice
from dcp_engine.series import price_of
from tests.unit.builtin.watched import HOUR, MINUTE, Watched, machine
from tests.unit.runs import START

HERE = price_of("m5.xlarge", "us-east-1a")
DAYS = timedelta(days=1)


class Ec2:
    """Prices that change every five hours, in three zones; the first is from long ago."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[str], datetime, datetime]] = []
        self.all = [
            SpotPrice(type=type_, zone=zone, at=at, dollars=round(0.05 + n / 100, 2))
            for type_ in ("m5.xlarge", "c5.large")
            for zone in ("us-east-1a", "us-east-1b", "us-east-1c")
            for n, at in enumerate(
                [START - 3 * DAYS, *(START + (5 * h + 2) * HOUR for h in range(9))]
            )
        ]

    def prices(
        self, types: Sequence[str], since: datetime, until: datetime
    ) -> tuple[SpotPrice, ...]:
        self.asked.append((list(types), since, until))
        found = []
        for type_ in types:
            for zone in ("us-east-1a", "us-east-1b", "us-east-1c"):
                own = [p for p in self.all if (p.type, p.zone) == (type_, zone) and p.at <= until]
                before = [p for p in own if p.at <= since][-1:]
                found += [*before, *(p for p in own if p.at > since)]
        return tuple(found)


def watched(*machines: Machine) -> tuple[Watched, Ec2]:
    ec2 = Ec2()
    rig = Watched(prices.ask, SimpleNamespace(capacity=ec2), *machines)
    return rig, ec2


def told(rig: Watched, subject: str) -> list[tuple[datetime, float]]:
    return [
        (sample.at, sample.values[series.DOLLARS])
        for result in rig.results
        for sample in result.samples
        if sample.subject == subject
    ]


def hourly(rig: Watched, hours: int) -> None:
    for _ in range(hours):
        rig.do()
        rig.clock.advance(3600)


def test_without_a_machine_nothing_is_asked() -> None:
    rig, ec2 = watched(machine(1, type=None, zone=None))
    hourly(rig, 3)
    assert ec2.asked == []


def test_each_change_of_a_type_and_zone_that_the_run_has_is_kept_once() -> None:
    rig, ec2 = watched(machine(1), machine(2), machine(3, zone="us-east-1b"))
    hourly(rig, 14)
    assert told(rig, HERE) == [
        (START, 0.05),
        (START + 2 * HOUR, 0.06),
        (START + 7 * HOUR, 0.07),
        (START + 12 * HOUR, 0.08),
    ]
    subjects = {sample.subject for result in rig.results for sample in result.samples}
    assert subjects == {HERE, price_of("m5.xlarge", "us-east-1b")}
    assert len(ec2.asked) == 14
    assert all(types == ["m5.xlarge"] for types, _, _ in ec2.asked)
    assert ec2.asked[-1][1] >= START + 12 * HOUR


def test_what_was_missed_is_made_up_for() -> None:
    rig, ec2 = watched(machine(1))
    hourly(rig, 1)
    rig.clock.advance(30 * 3600)
    rig.do()
    assert len(told(rig, HERE)) == 7
    assert len(ec2.asked) == 2


def test_a_run_that_was_watched_late_is_told_from_its_first_machine_on() -> None:
    rig, ec2 = watched(machine(1, began=START - 2 * DAYS, first_seen=START))
    rig.do()
    assert told(rig, HERE) == [(START - 2 * DAYS, 0.05)]
    assert ec2.asked[0][1] == START - 2 * DAYS


def test_a_new_type_is_told_from_its_first_machine_on() -> None:
    rig, _ = watched(machine(1))
    hourly(rig, 10)
    came = rig.clock.now() - 10 * MINUTE
    rig.machines_there.append(machine(2, began=came, type="c5.large"))
    hourly(rig, 4)
    other = price_of("c5.large", "us-east-1a")
    assert told(rig, other) == [(came, 0.07), (START + 12 * HOUR, 0.08)]
    assert len(told(rig, HERE)) == 4


def test_a_type_whose_last_machine_has_long_ended_is_not_asked_for_any_more() -> None:
    rig, ec2 = watched(machine(1), machine(2, type="c5.large"))
    hourly(rig, 2)
    rig.end(machine(2).instance_id)
    hourly(rig, 3)
    assert [types for types, _, _ in ec2.asked] == [
        ["c5.large", "m5.xlarge"],
        ["c5.large", "m5.xlarge"],
        ["c5.large", "m5.xlarge"],
        ["m5.xlarge"],
        ["m5.xlarge"],
    ]


def test_a_process_that_dies_before_its_result_is_written_asks_again() -> None:
    rig, _ = watched(machine(1))
    hourly(rig, 1)
    rig.clock.advance(2 * 3600)
    lost = rig.do(lose=True)
    assert rig.do().samples == lost.samples
