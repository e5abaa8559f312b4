"""Fleets that bring nothing, that never were, and that nobody watches."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from dcp_engine.errors import Refused
from dcp_engine.model import Ended, RequestKind, Run, State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.runs import Scenario
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.engine.rig import Rig, leftovers

NEVER_THERE = "sfr-00000000-1111-2222-3333-444444444444"


@pytest.fixture
def launched(aws: SimulatedAws, tmp_path: Path) -> Callable[..., Launch]:
    def launched(jobs: int = 8, scenario: Scenario | None = None, name: str = "own") -> Launch:
        return launch_run(
            aws, "Exp1", jobs=jobs, machines=2, directory=tmp_path / name, scenario=scenario
        )

    return launched


def names_a_fleet_that_never_was(launch: Launch) -> str:
    """The file as somebody mistyped it; returns what it said before."""
    good = launch.monitor_file.read_text()
    launch.monitor_file.write_text(
        json.dumps({**json.loads(good), "MONITOR_FLEET_ID": NEVER_THERE})
    )
    return good


def test_an_active_fleet_that_gets_no_machine_is_a_problem_until_it_does(
    aws: SimulatedAws, rig: Rig, launched: Callable[..., Launch], clock: VirtualClock
) -> None:
    launch = launched(scenario=Scenario(capacity_limit=0))
    run = rig.register(launch).run
    rig.until(run, lambda now: now.registered_at + timedelta(minutes=25) <= clock.now())
    assert rig.run(run).problem("no-capacity") is None
    now = rig.until(run, lambda now: now.problem("no-capacity") is not None)
    assert clock.now() - now.registered_at < timedelta(minutes=40)
    problem = now.problem("no-capacity")
    assert problem is not None
    assert problem.needs_person
    assert "8 jobs are left" in problem.text
    assert now.next_tick_at is not None
    assert now.next_tick_at - clock.now() > timedelta(minutes=8)
    assert launch.fleet.state == "active"
    launch.fleet.capacity_limit = None
    rig.until(run, lambda now: bool(now.active_machines))
    assert rig.run(run).problem("no-capacity") is None
    done = rig.until_state(run, State.EXPORTED)
    assert leftovers(rig.split(launch)[0]) == {}
    assert done.outcome is not None
    assert launch.all_jobs_done()


def test_a_fleet_named_by_mistake_is_dropped_when_the_file_is_mended(
    rig: Rig, launched: Callable[..., Launch], clock: VirtualClock
) -> None:
    launch = launched(jobs=30)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    good = names_a_fleet_that_never_was(launch)
    now = rig.until(run, lambda now: now.problem("fleet-missing") is not None)
    assert set(now.fleet_ids) == {launch.fleet_id, NEVER_THERE}
    clock.advance(900)
    launch.monitor_file.write_text(good)
    now = rig.tick(run).run
    assert now.fleet_ids == (launch.fleet_id,)
    (event,) = rig.events(run, "fleet-dropped")
    assert NEVER_THERE in event.text
    done = rig.until_state(run, State.EXPORTED)
    assert done.problem("fleet-missing") is None
    assert leftovers(rig.split(launch)[0]) == {}


def test_a_fleet_that_could_not_be_looked_at_is_never_dropped(
    aws: SimulatedAws, rig: Rig, launched: Callable[..., Launch], clock: VirtualClock
) -> None:
    launch = launched(jobs=30)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    aws.faults.add("ec2:DescribeSpotFleetRequests", Fault.DENIED, times=None)
    good = launch.monitor_file.read_text()
    fleets = {launch.fleet_id, launch.start_another_fleet(1)}
    clock.advance(60)
    rig.tick(run)
    clock.advance(1200)
    launch.monitor_file.write_text(good)
    assert set(rig.tick(run).run.fleet_ids) == fleets


def test_a_new_runs_fleet_that_nobody_watches_is_said_even_after_the_old_runs_end(
    aws: SimulatedAws, rig: Rig, launched: Callable[..., Launch], clock: VirtualClock
) -> None:
    launch = launched()
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    aws.faults.add("logs:CreateExportTask", Fault.DENIED, times=None)
    rig.until(run, lambda now: now.problem("step-logs") is not None)
    new = launch_run(aws, "Exp1", jobs=30, machines=1, directory=launch.monitor_file.parent)
    clock.advance(60)
    problem = rig.tick(run).run.problem("unwatched-fleet")
    assert problem is not None
    assert new.fleet_id in problem.text
    assert "billed" in problem.text
    with pytest.raises(Refused, match="NOBODY WATCHES IT"):
        rig.register(new)
    aws.faults.clear()
    done = rig.until_state(run, State.EXPORTED)
    assert done.problem("unwatched-fleet") is not None
    assert new.fleet.state == "active"
    assert rig.register(new).new


def test_a_problem_that_needs_a_person_by_now_is_told_again(
    aws: SimulatedAws,
    rig: Rig,
    launched: Callable[..., Launch],
    clock: VirtualClock,
    tmp_path: Path,
) -> None:
    launch = launched(jobs=30)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    other = launch_run(aws, "Exp2", jobs=8, machines=1, directory=tmp_path)
    rig.register(other)
    values = json.loads(launch.monitor_file.read_text())
    for text in ("", json.dumps({**values, "MONITOR_FLEET_ID": other.fleet_id})):
        launch.monitor_file.write_text(text)
        for _ in range(2):
            clock.advance(60)
            rig.tick(run)
    told = [event.text for event in rig.events(run, "problem")]
    assert len(told) == 2
    assert "empty" in told[0]
    assert other.fleet_id in told[1]


def test_a_waived_fleet_that_was_never_cancelled_is_named(
    aws: SimulatedAws, rig: Rig, launched: Callable[..., Launch], clock: VirtualClock
) -> None:
    launch = launched()
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    aws.faults.add("ec2:CancelSpotFleetRequests", Fault.DENIED, times=None)
    rig.ask(run, RequestKind.ABORT)
    rig.until(run, lambda now: now.problem("step-fleets") is not None)
    rig.ask(run, RequestKind.WAIVE, step="fleets")
    rig.tick(run)
    before = aws.requests.count("ec2:TerminateInstances")
    # Between two generations of machines there may be none.
    launch.fleet.capacity_limit = 0
    aws.client("ec2").terminate_instances(InstanceIds=launch.live_instance_ids)
    done = rig.until_state(run, State.EXPORTED)
    step = done.step("last-look")
    assert step is not None
    assert step.ended is Ended.KEPT
    assert launch.fleet_id in (step.reason or "")
    assert "billed" in (step.reason or "")
    assert aws.requests.count("ec2:TerminateInstances") == before


def test_the_history_says_when_the_fleets_were_really_cancelled(
    aws: SimulatedAws, rig: Rig, launched: Callable[..., Launch], clock: VirtualClock
) -> None:
    launch = launched()
    run: Run = rig.until_state(rig.register(launch).run, State.RUNNING)
    aws.faults.add("ec2:CancelSpotFleetRequests", Fault.DENIED, times=None)
    rig.ask(run, RequestKind.ABORT)
    rig.until(run, lambda now: now.problem("step-fleets") is not None)
    assert rig.events(run, "stopping")
    assert not rig.events(run, "stopped")
    clock.advance(3600)
    aws.faults.clear()
    done = rig.until_state(run, State.EXPORTED)
    (event,) = rig.events(done, "stopped")
    assert event.at - rig.events(run, "stopping")[0].at >= timedelta(hours=1)
