"""Idle alarms for fleets of thousands: paced, in short passes, each machine asked after once."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from types import SimpleNamespace

import pytest

from dcp_engine.builtin import idle_alarms
from dcp_engine.defaults import Settings
from dcp_engine.errors import Denied, Invalid, Missing, OutOfTime, Transient
from dcp_engine.model import Machine
from dcp_engine.ports import AlarmFacts
from tests.unit.builtin.watched import MINUTE, Watched, machine
from tests.unit.runs import START

PUT = "cloudwatch:PutMetricAlarm"
THROTTLED = Transient(PUT, "Throttling", "Rate exceeded")


class CloudWatch:
    """Alarms by instance id. `refuse` raises what a call is refused with."""

    def __init__(self) -> None:
        self.context: Watched | None = None
        self.alarms: dict[str, AlarmFacts] = {}
        self.looked_up: list[int] = []
        self.placed: list[tuple[float, str]] = []
        self.refuse: Callable[[str], None] = lambda instance_id: None
        self.states: dict[str, str] = {}

    def have(self, *instance_ids: str, altered: str | None = None) -> None:
        for i in instance_ids:
            self.alarms[i] = AlarmFacts(name=f"Exp1_{i}", instance_id=i, altered=altered)

    def of_these(self, instance_ids: Sequence[str]) -> tuple[AlarmFacts, ...]:
        self.looked_up.append(len(instance_ids))
        return tuple(self.alarms[i] for i in instance_ids if i in self.alarms)

    def place(self, instance_id: str) -> None:
        assert self.context is not None
        self.placed.append((self.context.clock.monotonic(), instance_id))
        self.refuse(instance_id)
        self.have(instance_id)


def watched(
    cloudwatch: CloudWatch, *machines: Machine, settings: Settings | None = None
) -> Watched:
    aws = SimpleNamespace(
        alarms=cloudwatch, machines=SimpleNamespace(states=lambda ids: cloudwatch.states)
    )
    rig = Watched(idle_alarms.ensure, aws, *machines, settings=settings)
    cloudwatch.context = rig
    return rig


def ids(*machines: Machine) -> set[str]:
    return {machine.instance_id for machine in machines}


def test_two_thousand_without_an_alarm_have_one_within_an_hour_of_the_grace() -> None:
    cloudwatch = CloudWatch()
    fleet = [machine(n) for n in range(2000)]
    rig = watched(cloudwatch, *fleet)
    rig.tick(85)
    assert {*cloudwatch.alarms} == ids(*fleet)
    assert len(cloudwatch.placed) == 2000
    # Never more than two in a second, and no pass that an abort has to wait for for long.
    moments = [at for at, _ in cloudwatch.placed]
    assert min(later - earlier for earlier, later in pairwise(moments)) >= 0.5
    assert rig.longest <= 21
    # A pass takes some forty, and asks once for those.
    assert len(cloudwatch.looked_up) < 80
    assert max(cloudwatch.looked_up) <= 100


def test_five_thousand_that_have_theirs_cost_fifty_questions_an_hour() -> None:
    cloudwatch = CloudWatch()
    fleet = [machine(n) for n in range(5000)]
    cloudwatch.have(*ids(*fleet))
    rig = watched(cloudwatch, *fleet)
    rig.tick(30)
    assert cloudwatch.looked_up == [100] * 50
    rig.tick(60)
    assert cloudwatch.looked_up == [100] * 100
    assert cloudwatch.placed == []
    assert rig.told == []


def test_a_few_in_thousands_are_told_of_in_one_event_each_batch() -> None:
    cloudwatch = CloudWatch()
    fleet = [machine(n) for n in range(1000)]
    cloudwatch.have(*ids(*fleet) - ids(machine(7), machine(8), machine(950)))
    rig = watched(cloudwatch, *fleet)
    rig.tick(22)
    assert [(kind, data["count"]) for kind, _, data in rig.told] == [
        ("idle-alarms", 2),
        ("idle-alarms", 1),
    ]
    assert rig.told[0][1] == (
        "Placing 2 idle alarms that the workers have not placed: Exp1_i-00000000000000007, "
        "Exp1_i-00000000000000008."
    )
    assert len(cloudwatch.looked_up) == 10


def test_one_that_is_there_is_never_placed_again_altered_or_not() -> None:
    cloudwatch = CloudWatch()
    cloudwatch.have(machine(1).instance_id, altered="it does not end the machine")
    cloudwatch.have(machine(2).instance_id)
    watched(cloudwatch, machine(1), machine(2)).tick(300)
    assert cloudwatch.placed == []


def test_the_worker_has_the_grace_for_its_own() -> None:
    cloudwatch = CloudWatch()
    rig = watched(cloudwatch, machine(1), settings=Settings(watch_interval=MINUTE))
    rig.tick(20)
    assert cloudwatch.looked_up == []
    rig.tick(1)
    assert [instance_id for _, instance_id in cloudwatch.placed] == [machine(1).instance_id]


def test_somebody_deleted_one_and_it_is_back_within_the_hour() -> None:
    cloudwatch = CloudWatch()
    rig = watched(cloudwatch, *map(machine, range(3)))
    rig.tick(30)
    del cloudwatch.alarms[machine(1).instance_id]
    rig.tick(61)
    assert {*cloudwatch.alarms} == ids(*map(machine, range(3)))
    assert len(cloudwatch.placed) == 4


def test_with_the_setting_off_nothing_is_asked() -> None:
    assert len(idle_alarms.duties(Settings())) == 1
    assert idle_alarms.duties(Settings(ensure_alarms=False)) == []


def test_throttling_slows_it_down_and_loses_nobody() -> None:
    cloudwatch = CloudWatch()
    fleet = [machine(n) for n in range(60)]
    rig = watched(cloudwatch, *fleet)

    def refuse(instance_id: str) -> None:
        # As the edge does: it has tried for some seconds before it gives up.
        if len(cloudwatch.placed) % 7 == 0:
            rig.clock.advance(4)
            raise THROTTLED

    cloudwatch.refuse = refuse
    rig.tick(60)
    assert {*cloudwatch.alarms} == ids(*fleet)
    assert rig.longest < 30


def test_throttled_each_time_it_waits_longer_and_is_told_in_the_end() -> None:
    cloudwatch = CloudWatch()
    rig = watched(cloudwatch, *map(machine, range(60)))

    def refuse(instance_id: str) -> None:
        raise THROTTLED

    cloudwatch.refuse = refuse
    rig.clock.advance(1200)
    pauses = []
    for _ in range(4):
        pauses.append(rig.do().next_in)
    assert pauses == [1 * MINUTE, 2 * MINUTE, 3 * MINUTE, 4 * MINUTE]
    with pytest.raises(Transient, match="Rate exceeded"):
        rig.do()
    assert len(cloudwatch.placed) == 5
    assert len(rig.told) == 1
    cloudwatch.refuse = lambda instance_id: None
    rig.tick(10)
    assert {*cloudwatch.alarms} == ids(*map(machine, range(60)))
    assert rig.remembered["refused"] == 0


@pytest.mark.parametrize("error", [Denied(PUT, "AccessDenied", "no"), OutOfTime(PUT, "x", "y")])
def test_what_time_does_not_mend_is_raised_with_all_that_was_done_kept(error: Exception) -> None:
    cloudwatch = CloudWatch()
    rig = watched(cloudwatch, *map(machine, range(10)))

    def refuse(instance_id: str) -> None:
        if len(cloudwatch.placed) == 4:
            raise error

    cloudwatch.refuse = refuse
    rig.clock.advance(1200)
    with pytest.raises(type(error)):
        rig.do()
    rig.do()
    placed = [instance_id for _, instance_id in cloudwatch.placed]
    assert sorted(placed) == sorted([*ids(*map(machine, range(10))), machine(3).instance_id])


@pytest.mark.parametrize("state", ["terminated", "shutting-down", None])
def test_one_that_has_ended_meanwhile_needs_none(state: str | None) -> None:
    cloudwatch = CloudWatch()
    gone = machine(1).instance_id
    cloudwatch.states = {} if state is None else {gone: state}

    def refuse(instance_id: str) -> None:
        if instance_id == gone:
            raise Invalid(PUT, "ValidationError", "Invalid instance")

    cloudwatch.refuse = refuse
    rig = watched(cloudwatch, *map(machine, range(3)))
    rig.tick(30)
    assert {*cloudwatch.alarms} == ids(machine(0), machine(2))


def test_one_that_is_up_and_refused_is_a_problem() -> None:
    cloudwatch = CloudWatch()
    cloudwatch.states = {machine(1).instance_id: "running"}

    def refuse(instance_id: str) -> None:
        raise Missing(PUT, "ResourceNotFound", "no such role")

    cloudwatch.refuse = refuse
    rig = watched(cloudwatch, machine(1))
    rig.clock.advance(1200)
    with pytest.raises(Missing):
        rig.do()


def test_one_that_came_meanwhile_has_its_turn_after_the_round_that_is_under_way() -> None:
    cloudwatch = CloudWatch()
    fleet = [machine(n + 10) for n in range(100)]
    rig = watched(cloudwatch, *fleet)
    rig.clock.advance(1200)
    rig.do()
    assert 30 < len(cloudwatch.placed) < 50
    new = machine(1, began=rig.clock.now())
    rig.machines_there.append(new)
    rig.end(fleet[-1].instance_id)
    rig.tick(30)
    assert {*cloudwatch.alarms} == ids(*fleet[:-1], new)
    assert len(cloudwatch.placed) == 100


def test_the_name_of_a_machine_is_no_matter() -> None:
    """In a shared cluster another run's worker may be on it, and places an alarm of that run's."""
    cloudwatch = CloudWatch()
    rig = watched(cloudwatch, machine(1, name="Exp10Worker", began=START))
    rig.tick(30)
    assert {*cloudwatch.alarms} == {machine(1).instance_id}
