"""EC2 instances (Amazon EC2 API Reference: the operations named in each test)."""

import json

import pytest

from dcp_engine.aws import ec2
from dcp_engine.aws import operations as op
from dcp_engine.errors import Missing, NotOurs
from tests.contract.backends import OnMinistack
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


@calls(op.DESCRIBE_INSTANCES, op.DESCRIBE_VOLUMES, op.LABEL_MACHINES)
def test_nameless_ones_are_named_with_their_volumes_and_no_neighbour(scene: Scene) -> None:
    scene.watching()
    fleet_id, machines = scene.backend.fleet(2)
    other_id, others = scene.backend.fleet(1)
    scene.machines = tuple(machines)
    volumes = scene.aws.machines.volumes([*machines, UNKNOWN])
    assert {volume.instance_id for volume in volumes} == set(machines)
    assert {volume.name for volume in volumes} == {""}
    scene.aws.machines.label(machines, volumes)
    with pytest.raises(NotOurs):
        scene.aws.machines.label([*machines, *others], ())
    with pytest.raises(NotOurs):
        scene.aws.machines.label((), scene.aws.machines.volumes(others))
    facts = {machine.id: machine for machine in scene.aws.machines.facts([fleet_id, other_id])}
    worker = scene.names.worker
    assert {i: one.name for i, one in facts.items()} == {
        **dict.fromkeys(machines, worker),
        **dict.fromkeys(others, ""),
    }
    named = scene.aws.machines.volumes([*machines, *others])
    assert {volume.name for volume in named if volume.instance_id in machines} == {worker}
    assert {volume.name for volume in named if volume.instance_id in others} == {""}
    for instance_id, one in facts.items():
        own = {volume.id for volume in named if volume.instance_id == instance_id}
        assert (one.state, set(one.volumes)) == ("running", own)
        assert one.type
        assert one.zone.startswith(scene.run.region)
        assert one.launched_at is not None
        assert one.launched_at <= scene.backend.now()
        assert (one.reason, one.ended_at) == (None, None)


@calls(op.DESCRIBE_INSTANCES, op.TERMINATE_INSTANCES)
def test_why_and_when_one_has_ended_is_told(scene: Scene) -> None:
    fleet_id, machines = scene.backend.fleet(1)
    scene.machines = tuple(machines)
    before = scene.backend.now().replace(microsecond=0)
    scene.aws.machines.terminate(machines)
    scene.backend.wait(120)
    ended = {one.id: one for one in scene.aws.machines.facts([fleet_id])}[machines[0]]
    assert ended.state == "terminated"
    if ended.reason is None:
        # See `test_differences.py`.
        assert isinstance(scene.backend, OnMinistack)
    else:
        assert "User initiated" in ended.reason
        assert ended.ended_at is not None
        assert before <= ended.ended_at <= scene.backend.now()


@calls(op.LIST_CONTAINER_INSTANCES, op.DESCRIBE_CONTAINER_INSTANCES, op.END_UNJOINED)
def test_only_those_end_that_the_cluster_does_not_know(scene: Scene) -> None:
    scene.watching()
    _, (first, second, third) = scene.backend.fleet(3)
    scene.machines = (first, second)
    with pytest.raises(Missing):
        scene.aws.machines.end_unjoined([first, second])
    scene.make_cluster()
    scene.client("ecs").register_container_instance(
        cluster=scene.names.cluster,
        instanceIdentityDocument=json.dumps({"instanceId": first, "region": scene.run.region}),
    )
    assert scene.aws.service.joined([first, second, third, UNKNOWN]) == {first}
    with pytest.raises(NotOurs):
        scene.aws.machines.end_unjoined([third])
    assert scene.aws.machines.end_unjoined([first, second]) == (second,)
    with pytest.raises(Missing):
        scene.machines = (UNKNOWN,)
        scene.aws.machines.label([UNKNOWN], ())
    states = scene.aws.machines.states([first, second, third])
    assert states[second] in ENDING
    assert (states[first], states[third]) == ("running", "running")
