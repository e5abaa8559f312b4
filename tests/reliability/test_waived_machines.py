"""A person waived the end of the machines: the run still ends, and what guards them stays."""

from pathlib import Path

import pytest

from dcp_engine.model import Ended, RequestKind, Run, State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.engine.rig import Rig

CLUSTER = "Exp1Cluster"


@pytest.fixture
def launch(aws: SimulatedAws, tmp_path: Path) -> Launch:
    return launch_run(
        aws, "Exp1", jobs=8, machines=2, directory=tmp_path, cluster=CLUSTER, weights=(1.0,)
    )


@pytest.fixture
def run(aws: SimulatedAws, rig: Rig, launch: Launch, clock: VirtualClock) -> Run:
    """Aborted, and AWS does not allow its machines to be stopped; so that is waived."""
    run = rig.until(rig.register(launch).run, lambda now: bool(now.active_machines))
    clock.advance(400)
    rig.tick(run)
    aws.faults.add("ec2:CancelSpotFleetRequests", Fault.DENIED, times=None)
    aws.faults.add("ec2:TerminateInstances", Fault.DENIED, times=None)
    rig.ask(run, RequestKind.ABORT)
    rig.until(run, lambda now: now.problem("step-fleets") is not None)
    rig.ask(run, RequestKind.WAIVE, step="fleets")
    return run


def ended(run: Run, *names: str) -> bool:
    return all(run.ended(name) for name in names)


def test_the_run_ends_and_names_what_is_up(
    aws: SimulatedAws, rig: Rig, run: Run, launch: Launch
) -> None:
    up = set(launch.live_instance_ids)
    rig.tick(run)
    aws.faults.clear()
    now = rig.until_state(run, State.EXPORTED)
    logs, last_look = now.step("logs"), now.step("last-look")
    assert logs is not None
    assert logs.ended is Ended.DONE
    assert last_look is not None
    assert last_look.ended is Ended.KEPT
    # As the person was told: nothing ends them any more, though AWS would allow it again.
    assert set(launch.live_instance_ids) == up
    assert len(up) == 2
    assert all(instance_id in (last_look.reason or "") for instance_id in up)


def test_the_logs_get_their_time_to_settle_once(
    aws: SimulatedAws, rig: Rig, run: Run, clock: VirtualClock
) -> None:
    rig.tick(run)
    waived_at = clock.now()
    rig.until(run, lambda now: ended(now, "logs"))
    asked = aws.requests.matching("logs:CreateExportTask")[0].at
    assert asked - waived_at >= rig.settings.log_settle
    assert asked - waived_at < 2 * rig.settings.log_settle


def test_machines_that_are_up_keep_their_idle_alarms_and_their_place_in_the_cluster(
    aws: SimulatedAws, rig: Rig, run: Run, launch: Launch
) -> None:
    up = set(launch.live_instance_ids)
    assert len(up) == 2
    rig.until(run, lambda now: ended(now, "alarms", "cluster"))
    own, _ = rig.split(launch)
    assert {f"Exp1_{instance_id}" for instance_id in up} <= set(own["alarms"])
    assert up <= set(own["container_instances"])
    assert aws.requests.count("ecs:DeregisterContainerInstance") == 0
