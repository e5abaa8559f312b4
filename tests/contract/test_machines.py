"""EC2 instances (Amazon EC2 API Reference: DescribeInstances, TerminateInstances)."""

import pytest

from dcp_engine.aws import ec2
from dcp_engine.aws import operations as op
from dcp_engine.errors import NotOurs
from tests.contract.calls import calls
from tests.contract.scene import Scene

UNKNOWN = "i-0ffffffffffffffff"
ENDING = {"shutting-down", "terminated"}


@calls(op.DESCRIBE_INSTANCES)
def test_those_of_a_fleet_are_told_by_its_tag(scene: Scene) -> None:
    fleet_id, machines = scene.backend.fleet(2)
    other_id, others = scene.backend.fleet(1)
    never = "sfr-00000000-0000-4000-8000-ffffffffffff"
    found = scene.aws.machines.of_fleets([fleet_id, never])
    assert found == dict.fromkeys(machines, (fleet_id, "running"))
    found = scene.aws.machines.of_fleets([fleet_id, other_id])
    assert set(found) == {*machines, *others}
    assert scene.aws.machines.of_fleets([never]) == {}


@calls(op.DESCRIBE_INSTANCES)
def test_those_that_ec2_does_not_know_are_left_out(scene: Scene) -> None:
    _, machines = scene.backend.fleet(1)
    assert scene.aws.machines.states([*machines, UNKNOWN]) == dict.fromkeys(machines, "running")
    assert scene.aws.machines.states([UNKNOWN]) == {}
    assert scene.aws.machines.states([]) == {}


@calls(op.DESCRIBE_INSTANCES)
def test_all_pages_are_read(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    # 5 is the least that EC2 takes for a page.
    monkeypatch.setattr(ec2, "_PAGE", 5)
    fleet_id, machines = scene.backend.fleet(12)
    assert len(machines) == 12
    assert set(scene.aws.machines.of_fleets([fleet_id])) == set(machines)


@calls(op.TERMINATE_INSTANCES, op.DESCRIBE_INSTANCES)
def test_exactly_the_named_ones_end_though_one_is_unknown(scene: Scene) -> None:
    _, (first, second, third) = scene.backend.fleet(3)
    with pytest.raises(NotOurs):
        scene.aws.machines.terminate([first])
    scene.machines = (first, second, UNKNOWN)
    scene.aws.machines.terminate([first, UNKNOWN, second])
    states = scene.aws.machines.states([first, second, third])
    assert {states[first], states[second]} <= ENDING
    assert states[third] == "running"
    scene.aws.machines.terminate([first, second])
    assert scene.aws.machines.states([third]) == {third: "running"}


@calls(op.TERMINATE_INSTANCES)
def test_ending_only_unknown_ones_is_fine(scene: Scene) -> None:
    scene.machines = (UNKNOWN,)
    scene.aws.machines.terminate([UNKNOWN])
    assert scene.aws.machines.states([UNKNOWN]) == {}
