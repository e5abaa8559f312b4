"""A monitor file that names the fleet of a run that nobody watches here."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dcp_engine.errors import Refused
from dcp_engine.model import RequestKind, State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.engine.rig import Rig

Launched = Callable[..., Launch]


@pytest.fixture
def launched(aws: SimulatedAws, tmp_path: Path) -> Launched:
    def launched(name: str, jobs: int = 60) -> Launch:
        return launch_run(
            aws, name, jobs=jobs, machines=2, directory=tmp_path / name, cluster=f"{name}-cluster"
        )

    return launched


@pytest.fixture
def neighbour(launched: Launched, clock: VirtualClock) -> Launch:
    """Exp10, at work."""
    launch = launched("Exp10", jobs=300)
    clock.advance(600)
    assert launch.live_instance_ids
    return launch


def poison(launch: Launch, fleet_id: str) -> None:
    """Put somebody's fleet id into the monitor file, and leave all else as it is."""
    values = json.loads(launch.monitor_file.read_text())
    launch.monitor_file.write_text(json.dumps({**values, "MONITOR_FLEET_ID": fleet_id}))


def is_well(launch: Launch) -> bool:
    return launch.fleet.state == "active" and not launch.killed_while_working


def test_it_is_not_registered(
    rig: Rig, launched: Launched, neighbour: Launch, aws: SimulatedAws
) -> None:
    launch = launched("Exp1")
    poison(launch, neighbour.fleet_id)
    with pytest.raises(Refused, match="named for Exp10"):
        rig.register(launch)
    assert rig.store.runs() == []
    assert is_well(neighbour)


def test_a_run_that_is_watched_does_not_take_it_over(
    rig: Rig, launched: Launched, neighbour: Launch, clock: VirtualClock
) -> None:
    launch = launched("Exp1")
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    poison(launch, neighbour.fleet_id)
    clock.advance(60)
    now = rig.tick(run).run
    assert now.fleet_ids == (launch.fleet_id,)
    problem = now.problem("monitor-file")
    assert problem is not None
    assert problem.needs_person
    assert "Exp10" in problem.text
    rig.ask(run, RequestKind.ABORT)
    rig.until_state(run, State.EXPORTED)
    assert launch.fleet.state != "active"
    assert is_well(neighbour)


def test_while_that_cannot_be_asked_nothing_is_taken_over(
    aws: SimulatedAws, rig: Rig, launched: Launched, neighbour: Launch, clock: VirtualClock
) -> None:
    launch = launched("Exp1")
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    poison(launch, neighbour.fleet_id)
    aws.faults.add("ec2:DescribeInstances", Fault.THROTTLED, times=None)
    clock.advance(60)
    assert rig.tick(run).run.fleet_ids == (launch.fleet_id,)
    aws.faults.clear()
    clock.advance(60)
    assert rig.tick(run).run.problem("monitor-file") is not None


def test_one_machine_of_the_runs_own_name_is_enough(
    aws: SimulatedAws, rig: Rig, launched: Launched, clock: VirtualClock
) -> None:
    """In a shared cluster another run's worker may name a machine of ours."""
    launch = launched("Exp1")
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    second = launch.start_another_fleet(2)
    clock.advance(600)
    mine = [one.instance_id for one in aws.world.machines.all() if one.fleet_id == second]
    assert len(mine) > 1
    tag = {"Key": "Name", "Value": "Exp10Worker"}
    aws.client("ec2").create_tags(Resources=mine[:1], Tags=[tag])
    assert set(rig.tick(run).run.fleet_ids) == {second, *run.fleet_ids}


def test_a_person_may_insist(rig: Rig, launched: Launched, neighbour: Launch) -> None:
    launch = launched("Exp1")
    poison(launch, neighbour.fleet_id)
    assert rig.register(launch, allow_missing=True).new
