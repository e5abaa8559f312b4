"""Each machine has its turn once, and all of them again every so often."""

from datetime import timedelta
from types import SimpleNamespace

from hypothesis import given, settings
from hypothesis import strategies as st

from dcp_engine.builtin.rounds import Turns
from dcp_engine.hookspecs import DutyResult
from dcp_engine.model import Machine
from tests.unit.builtin.watched import HOUR, MINUTE, Watched, machine
from tests.unit.runs import START

GRACE = 10 * MINUTE
SELDOM = timedelta(days=365)


class Goer:
    """A duty that notes whose turn it was, as many in a pass as it is told."""

    def __init__(self, every: timedelta = SELDOM, most: int = 1000, at_once: int = 3) -> None:
        self.every, self.most, self.at_once = every, most, at_once
        self.turns: list[str] = []

    def __call__(self, context: Watched) -> DutyResult | None:
        turns = Turns(context, grace=GRACE, every=self.every)
        left = self.most
        for batch in turns.batches(self.at_once):
            some = batch[:left]
            self.turns += [machine.instance_id for machine in some]
            left -= len(some)
            if left <= 0:
                turns.had(some[-1])
                return DutyResult(next_in=timedelta(0))
        return None


def watched(goer: Goer, *machines: Machine) -> Watched:
    return Watched(goer, SimpleNamespace(), *machines)


def names(machines: list[Machine]) -> list[str]:
    return [machine.instance_id for machine in machines]


@settings(max_examples=50, deadline=None)
@given(
    came=st.lists(st.integers(0, 120), max_size=25),
    late=st.lists(st.integers(0, 12), min_size=25, max_size=25),
    most=st.integers(1, 9),
    pauses=st.lists(st.integers(1, 25), min_size=4, max_size=12),
)
def test_each_has_one_turn_whenever_it_came_and_however_few_get_theirs_in_a_pass(
    came: list[int], late: list[int], most: int, pauses: list[int]
) -> None:
    goer = Goer(most=most)
    # A look sees a machine some minutes after it came.
    all_of_them = [
        machine(n, began=START + m * MINUTE, first_seen=START + (m + late[n]) * MINUTE)
        for n, m in enumerate(came)
    ]
    rig = watched(goer, machine(1000))
    for pause in [*pauses, 150, *[1] * 40]:
        rig.machines_there = [
            machine(1000),
            *(one for one in all_of_them if one.first_seen <= rig.clock.now()),
        ]
        rig.do()
        rig.clock.advance(60 * pause)
    assert sorted(goer.turns) == sorted([*names(all_of_them), machine(1000).instance_id])


def test_nobody_has_a_turn_before_their_grace() -> None:
    goer = Goer()
    rig = watched(goer, machine(1), machine(2, began=START + MINUTE))
    rig.clock.advance(GRACE.total_seconds() - 1)
    rig.do()
    assert goer.turns == []
    rig.clock.advance(1)
    rig.do()
    assert goer.turns == [machine(1).instance_id]


def test_the_dead_have_none() -> None:
    goer = Goer()
    rig = watched(goer, machine(1), machine(2))
    rig.end(machine(1).instance_id)
    rig.clock.advance(3600)
    rig.do()
    assert goer.turns == [machine(2).instance_id]


def test_all_have_another_turn_every_so_often() -> None:
    goer = Goer(every=HOUR)
    rig = watched(goer, *map(machine, range(5)))
    rig.clock.advance(3600)
    rig.tick(59)
    assert goer.turns == names(list(map(machine, range(5))))
    rig.tick(12)
    assert goer.turns == names(list(map(machine, range(5)))) * 2


def test_a_round_that_nobody_is_in_is_not_written_down() -> None:
    goer = Goer()
    rig = watched(goer, machine(1))
    rig.do()
    assert rig.remembered == {}
    rig.clock.advance(3600)
    rig.do()
    before = rig.remembered
    rig.clock.advance(3600)
    rig.do()
    assert rig.remembered == before


def test_a_clock_that_was_set_back_lets_nobody_out() -> None:
    goer = Goer()
    rig = watched(goer, machine(1))
    rig.clock.advance(36000)
    rig.do()
    rig.clock.set_back(18000)
    new = machine(2, began=rig.clock.now())
    rig.machines_there.append(new)
    rig.clock.advance(GRACE.total_seconds())
    rig.do()
    assert new.instance_id in goer.turns


def test_a_clock_that_is_set_back_within_a_round_does_not_stop_it() -> None:
    goer = Goer(most=1, at_once=1)
    rig = watched(goer, machine(1), machine(2))
    rig.clock.advance(36000)
    rig.do()
    rig.clock.set_back(18000)
    rig.do()
    rig.do()
    assert {*goer.turns} == {machine(1).instance_id, machine(2).instance_id}


def test_what_is_about_to_be_done_is_told_once_in_a_round() -> None:
    def refused(context: Watched) -> None:
        turns = Turns(context, grace=GRACE, every=HOUR)
        for batch in turns.batches(2):
            turns.announce(batch[-1], "labels", "Naming them.", {"count": len(batch)})
            raise RuntimeError("refused")

    rig = Watched(refused, SimpleNamespace(), *map(machine, range(3)))
    rig.clock.advance(3600)
    for _ in range(5):
        try:
            rig.do()
        except RuntimeError:
            rig.clock.advance(7200)
    assert rig.told == [("labels", "Naming them.", {"count": 2})]
