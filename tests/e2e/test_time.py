"""Long spans, clocks that jump and a drive that cannot be trusted, through the real command.

AWS and the computer's clock stand still here, but when the test moves them.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.runs import Scenario
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.snapshot import belonging_to, snapshot
from dcp_engine.simulation.surroundings import no_own_aws
from dcp_engine.simulation.timings import Timings
from dcp_engine.simulation.virtual_clock import VirtualClock
from dcp_engine.status import Status
from tests.e2e.computer import Computer
from tests.e2e.pretence import Pretence
from tests.e2e.scene import NAME
from tests.e2e.ticking import has_problem
from tests.engine.rig import leftovers

OWN_SPANS = ("POLL_INTERVAL", "EMPTY_WINDOW", "ORPHAN_GRACE", "LOG_SETTLE", "LEASE_TTL")
CANCEL = "ec2:CancelSpotFleetRequests"


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def aws(clock: VirtualClock) -> Iterator[SimulatedAws]:
    with no_own_aws(), SimulatedAws(clock=clock, seed=1, timings=Timings()) as running:
        yield running


class Standstill:
    """The run `Exp1` and a computer, whose common time only moves by `pass_by`."""

    def __init__(self, aws: SimulatedAws, clock: VirtualClock, directory: Path) -> None:
        self.aws, self.clock = aws, clock
        self.directory = directory
        self.launch = self.launch_again()
        self.before = belonging_to(snapshot(aws), self.launch)[1]
        self.computer = Computer(aws, directory / "computer")
        for name in OWN_SPANS:
            del self.computer.environment[f"DCP_ENGINE_{name}"]
        self.pretence = Pretence(self.computer)
        self.ahead = timedelta()
        self.pass_by(minutes=0)

    def launch_again(self, job_duration: float = 60) -> Launch:
        """`setup`, `submitJob` and `startCluster` under the run's name."""
        return launch_run(
            self.aws,
            NAME,
            jobs=2,
            machines=1,
            directory=self.directory,
            cluster=f"{NAME}Cluster",
            scenario=Scenario(job_duration=(job_duration, job_duration)),
        )

    def pass_by(self, **span: float) -> None:
        """Let time pass, in AWS and here."""
        self.clock.advance(timedelta(**span).total_seconds())
        self.pretence.time_of_day(self.clock.now() + self.ahead)

    def jump(self, **span: float) -> None:
        """Set the computer's clock, and only that, forward or back."""
        self.ahead += timedelta(**span)
        self.pass_by(minutes=0)

    def tick(self) -> Status:
        """One tick as by cron; how the run stands then."""
        answer = self.computer.run("tick", NAME)
        assert "Traceback" not in answer.text, answer
        stored = self.computer.stored(NAME)
        assert stored is not None
        return stored

    def until(self, reached: Callable[[Status], bool], **every: float) -> Status:
        """Tick every so often until it is so."""
        for _ in range(40):
            status = self.tick()
            if reached(status):
                return status
            self.pass_by(**every)
        raise AssertionError(status)

    def is_gone(self) -> None:
        """Nothing of the run is left, and nothing else was touched."""
        own, others = belonging_to(snapshot(self.aws), self.launch)
        assert leftovers(own) == {}
        assert others == self.before


@pytest.fixture
def standstill(aws: SimulatedAws, clock: VirtualClock, tmp_path: Path) -> Standstill:
    return Standstill(aws, clock, tmp_path)


def only_the_cluster_is_left(status: Status) -> bool:
    left = {step.name for step in status.steps if not step.ended}
    return left == {"cluster", "report", "last-look"}


def ended(status: Status) -> bool:
    return status.state == "EXPORTED"


def test_a_run_nobody_looked_at_for_three_months_is_seen_to_its_end(
    standstill: Standstill,
) -> None:
    scene = standstill
    scene.computer.run("register", scene.launch.monitor_file).fine()
    assert scene.tick().state == "RUNNING"
    # A machine that nobody ever saw could not be told from a stranger's.
    scene.until(lambda status: any(fleet.active for fleet in status.fleets), minutes=3)
    scene.pass_by(minutes=10)
    # The jobs are done. No machine takes the place of those that their idle alarm ends.
    scene.launch.fleet.capacity_limit = 0
    scene.pass_by(days=90)
    absent = scene.tick()
    assert absent.state == "DRAINING"
    assert not scene.aws.requests.count(CANCEL)
    status = scene.until(ended, minutes=6)
    # Whether anybody did the jobs cannot be known: a queue keeps them 14 days at most.
    assert (status.outcome, status.problems) == ("jobs expired", ())
    scene.is_gone()
    history = scene.computer.run("history", NAME).fine().out
    assert "90 days" in history


def test_a_clock_that_jumps_confirms_nothing(standstill: Standstill) -> None:
    scene = standstill
    scene.computer.run("register", scene.launch.monitor_file).fine()
    scene.until(lambda status: status.state == "DRAINING", minutes=3)
    scene.aws.world.queues.bend_counts(
        scene.launch.queue_name, times=10_000, visible=0, in_flight=0, delayed=0
    )
    for _ in range(2):
        scene.tick()
        scene.jump(hours=5)
    scene.tick()
    scene.jump(hours=-9)
    for _ in range(2):
        assert scene.tick().state == "DRAINING"
        scene.jump(minutes=10)
    # Seven counts in hours of the computer's time, and in no time at all of AWS's.
    assert not scene.aws.requests.count(CANCEL)
    assert scene.launch.live_instance_ids
    status = scene.until(ended, minutes=6)
    assert status.outcome == "completed"
    scene.is_gone()


def test_a_service_that_drains_for_ever_is_waited_for_a_day(standstill: Standstill) -> None:
    scene = standstill
    scene.computer.run("register", scene.launch.monitor_file).fine()
    scene.tick()
    scene.aws.world.timings = replace(
        scene.aws.world.timings, service_drain=timedelta(days=10).total_seconds()
    )
    scene.pass_by(minutes=30)
    left = scene.until(only_the_cluster_is_left, minutes=6)
    assert left.state == "TEARDOWN"
    status = scene.until(ended, hours=8)
    (cluster,) = [step for step in status.steps if step.name == "cluster"]
    assert (cluster.ended, "has been draining for a day" in (cluster.reason or "")) == (
        "kept",
        True,
    )
    own, others = belonging_to(snapshot(scene.aws), scene.launch)
    assert leftovers(own).keys() == {"clusters"}
    assert others == scene.before


def test_an_active_fleet_without_a_machine_for_half_an_hour_is_said_until_one_comes(
    standstill: Standstill,
) -> None:
    scene = standstill
    fleet = scene.launch.fleet
    fleet.capacity_limit = 0
    scene.computer.run("register", scene.launch.monitor_file).fine()
    began = scene.clock.now()
    status = scene.until(has_problem("no-capacity"), minutes=3)
    waited = scene.clock.now() - began
    assert timedelta(minutes=30) <= waited <= timedelta(minutes=36), waited
    assert (status.state, fleet.state) == ("RUNNING", "active")
    answer = scene.computer.run("tick", NAME)
    assert answer.code == 4, answer
    assert "2 jobs are left" in scene.computer.run("status", NAME).out
    assert not scene.aws.requests.count(CANCEL)

    fleet.capacity_limit = None
    scene.until(lambda status: not has_problem("no-capacity")(status), minutes=3)
    assert scene.launch.live_instance_ids
    status = scene.until(ended, minutes=6)
    assert status.outcome == "completed"
    assert scene.launch.all_jobs_done()
    scene.is_gone()


def test_a_new_runs_fleet_is_told_of_while_the_old_run_cannot_end_and_after(
    standstill: Standstill,
) -> None:
    scene = standstill
    scene.computer.run("register", scene.launch.monitor_file).fine()
    scene.aws.faults.add("logs:CreateExportTask", Fault.DENIED, times=None)
    scene.until(has_problem("step-logs"), minutes=6)
    old = scene.launch
    # Long jobs, or its machines would be gone before anybody saw them.
    new = scene.launch_again(timedelta(hours=5).total_seconds())
    scene.pass_by(hours=1)
    status = scene.until(has_problem("unwatched-fleet"), minutes=6)
    assert status.state == "TEARDOWN"
    answer = scene.computer.run("register", new.monitor_file)
    assert answer.code == 4, answer
    assert "NOBODY WATCHES IT" in answer.err
    assert new.fleet_id in scene.computer.run("status", NAME).out

    scene.aws.faults.clear()
    status = scene.until(ended, hours=1)
    assert [problem.name for problem in status.problems] == ["unwatched-fleet"]
    assert old.fleet_id != new.fleet_id
    assert new.fleet.state == "active"
    assert "billed" in scene.computer.run("status", NAME).out
    # From here on the new run can be had, and it is seen to its own end.
    scene.computer.run("register", new.monitor_file).fine()
    scene.launch = new
    assert scene.until(ended, minutes=15).outcome == "completed"
    assert new.all_jobs_done()
    for launch in (old, new):
        assert leftovers(belonging_to(snapshot(scene.aws), launch)[0]) == {}


def test_a_database_on_a_network_drive_is_refused_and_nothing_is_touched(
    standstill: Standstill,
) -> None:
    scene = standstill
    drive = scene.computer.directory / "lab"
    scene.pretence.mounted(drive, "nfs4")
    refused = scene.computer.run("monitor", scene.launch.monitor_file, "--db", drive / "runs.db")
    assert refused.code == 4, refused
    for word in ("nfs4", "Locks cannot be trusted", "--db"):
        assert word in refused.err
    assert not drive.exists()
    assert len(scene.aws.requests) == 0
    # Where the disk is the computer's own, nothing is in the way.
    scene.computer.run("register", scene.launch.monitor_file).fine()
