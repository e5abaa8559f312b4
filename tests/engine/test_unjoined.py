"""Machines that never join their cluster are told of, and ended where that is asked for."""

from collections.abc import Callable
from pathlib import Path

from dcp_engine.defaults import Settings
from dcp_engine.model import State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.machines import Cause
from dcp_engine.simulation.server import SimulatedAws
from tests.engine.fleet_watch import NEVER, WORKS, end, scene, watch, watched
from tests.engine.rig import Rig

PROBLEM = "unjoined-machines"
# The idle alarm would end them first.
TOLD = Settings(ensure_alarms=False)
ENDED = Settings(ensure_alarms=False, end_unjoined=True)
LIST = "ecs:ListContainerInstances"


def test_one_is_told_of_until_it_has_ended(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    rig = make_rig(TOLD)
    launch = scene(aws, tmp_path, NEVER, WORKS)
    scene(aws, tmp_path, NEVER, WORKS, name="Exp10")
    run = watched(rig, launch)
    assert watch(rig, run, 15).problem(PROBLEM) is None
    problem = watch(rig, run, 30).problem(PROBLEM)
    assert problem is not None
    never = launch.instance_ids[0]
    assert problem.text.startswith(
        "1 machine of Exp1 has been up for more than 20 minutes and never joined the ECS cluster "
        f"default: {never}, the first since 2030-01-01 00:0"
    )
    launch.fleet.capacity_limit = 1
    end(aws, never)
    assert watch(rig, run, 30).problem(PROBLEM) is None
    kinds = [(e.kind, e.data["problem"]) for e in rig.events(run) if "problem" in e.data]
    assert kinds == [("problem", PROBLEM), ("problem-over", PROBLEM)]
    assert not aws.requests.count("ec2:TerminateInstances")


def test_those_that_joined_are_never_asked_after_again(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    rig = make_rig(ENDED)
    launch = scene(aws, tmp_path, WORKS, WORKS)
    run = watched(rig, launch)
    watch(rig, run, 40)
    asked = aws.requests.count(LIST)
    assert asked
    # Somebody deregisters one; its container works on.
    ecs = aws.client("ecs")
    for arn in ecs.list_container_instances(cluster="default")["containerInstanceArns"]:
        ecs.deregister_container_instance(cluster="default", containerInstance=arn, force=True)
    now = watch(rig, run, 60, step=10)
    assert aws.requests.count(LIST) == asked
    assert now.problem(PROBLEM) is None
    assert len(launch.live_instance_ids) == 2


def test_where_that_is_asked_for_it_is_ended_and_the_fleet_replaces_it(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    rig = make_rig(ENDED)
    launch = scene(aws, tmp_path, NEVER, WORKS)
    neighbour = scene(aws, tmp_path, NEVER, name="Exp10")
    run = watched(rig, launch)
    never, works = launch.instance_ids
    now = watch(rig, run, 75)
    asked = aws.requests.matching("ec2:TerminateInstances")
    assert [request.params["InstanceIds"] for request in asked] == [[never]]
    machine = aws.world.machines.find(never)
    assert machine is not None
    assert machine.ended_by is Cause.API_CALL
    assert works in launch.live_instance_ids
    assert len(launch.live_instance_ids) == 2
    assert neighbour.live_instance_ids == neighbour.instance_ids
    assert not launch.killed_while_working
    assert now.problem(PROBLEM) is None
    (told,) = rig.events(run, "unjoined")
    assert told.text == (
        f"Ending 1 machine that never joined the cluster default: {never}. The settings ask for "
        "that (end_unjoined)."
    )
    assert [seen.value for seen in now.observations if "unjoined" in seen.name] == [1]


def test_what_ecs_does_not_tell_is_not_a_machine_that_is_missing(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    rig = make_rig(ENDED)
    launch = scene(aws, tmp_path, WORKS, WORKS)
    aws.faults.add(LIST, Fault.DENIED, times=None)
    now = watch(rig, watched(rig, launch), 60, step=10)
    assert now.problem(PROBLEM) is None
    problem = now.problem("duty-unjoined")
    assert problem is not None
    assert "grant ecs:ListContainerInstances" in problem.text
    assert now.state is State.RUNNING
    aws.faults.clear()
    aws.faults.add("ecs:DescribeContainerInstances", Fault.ITEM_FAILED, code="THROTTLED", times=3)
    now = watch(rig, now, 60, step=10)
    assert now.problem(PROBLEM) is None
    assert now.problem("duty-unjoined") is None
    assert launch.live_instance_ids == launch.instance_ids
