"""The account is true: it agrees with the world, and says what is not as it should be."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.neighbours import launch_neighbours
from dcp_engine.simulation.rehearsal_account import Account, Ending, take_account
from dcp_engine.simulation.runs import Behaviour, Scenario
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.snapshot import Snapshot, snapshot
from dcp_engine.simulation.timings import Timings
from dcp_engine.simulation.virtual_clock import VirtualClock

WELL = Ending(exit_code=0, state="EXPORTED", seconds=20.0)


class Stage:
    """A run, a stranger's beside it, and nobody who looks after them."""

    def __init__(self, aws: SimulatedAws, clock: VirtualClock, directory: Path) -> None:
        self.aws, self.clock = aws, clock
        launch_neighbours(aws, "Exp1", directory)
        self.launch: Launch = launch_run(
            aws,
            "Exp1",
            jobs=6,
            machines=2,
            directory=directory,
            cluster="Exp1Cluster",
            visibility_timeout=30,
            max_receive_count=2,
            auto_monitor=True,
            scenario=Scenario(
                script=(Behaviour.CRASHES, Behaviour.STALLS), poison_jobs=frozenset({1})
            ),
        )
        clock.advance(0.5)
        self.before: Snapshot = snapshot(aws)

    def account(self, ending: Ending = WELL) -> Account:
        return take_account(
            self.aws,
            self.launch,
            machines=2,
            before=self.before,
            stranger_names=("Exp10",),
            ending=ending,
        )


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    clock = VirtualClock()
    timings = Timings.instant(job_duration=(10.0, 10.0))
    with SimulatedAws(clock=clock, timings=timings) as aws:
        yield Stage(aws, clock, tmp_path)


def test_jobs_and_machines_are_those_of_the_world(stage: Stage) -> None:
    stage.clock.advance(600)
    account, stats = stage.account(), stage.launch.stats
    assert (account.jobs, account.done, account.dead_letters) == (6, 5, 1)
    assert account.done == len(stats.jobs_done)
    assert (account.crashed, account.stalled) == (len(stats.crashed), len(stats.stalled)) == (1, 1)
    assert account.started == len(stats.started) == 3
    assert account.replacements == 1
    assert account.ended == {"by crashing": 1}


def test_what_is_left_is_named(stage: Stage) -> None:
    stage.clock.advance(600)
    account = stage.account()
    assert {thing.split()[0] for thing in account.left} == {
        "alarm", "cluster", "dashboard", "fleet", "machine", "monitor", "queue", "service", "task"
    }  # fmt: skip
    assert account.gone == ()
    assert account.exit_code() == 4
    complaints = account.complaints()
    assert f"still there: fleet {stage.launch.fleet_id}" in complaints
    assert "2 machines still run" in complaints
    assert "no log has come to s3://exp1-bucket/exportedlogs/Exp1/" in complaints


def test_what_the_stranger_lost_is_named(stage: Stage) -> None:
    stage.aws.client("cloudwatch").delete_dashboards(DashboardNames=["Exp10"])
    queue = stage.aws.client("sqs").get_queue_url(QueueName="Exp1Queue2")["QueueUrl"]
    stage.aws.client("sqs").purge_queue(QueueUrl=queue)
    stage.aws.client("logs").create_log_group(logGroupName="Exp10_more")
    assert set(stage.account().disturbed) == {
        "dashboard Exp10 is gone",
        "queue Exp1Queue2 has changed",
        "log group Exp10_more is new",
    }
    assert "the stranger's dashboard Exp10 is gone" in stage.account().complaints()


def test_dead_letters_are_no_disturbance(stage: Stage) -> None:
    stage.clock.advance(600)
    assert stage.account().dead_letters == 1
    assert stage.account().disturbed == ()


def test_machines_that_lost_their_jobs_are_counted(stage: Stage) -> None:
    stage.aws.client("ec2").cancel_spot_fleet_requests(
        SpotFleetRequestIds=[stage.launch.fleet_id], TerminateInstances=True
    )
    stage.clock.advance(1)
    account = stage.account()
    assert account.killed_while_working == len(stage.launch.killed_while_working) == 2
    assert account.ended["with the fleet"] == 2
    assert "2 machines lost a job to dcp-engine" in account.complaints()


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (Ending(exit_code=3, state="EXPORTED", seconds=1.0), "exit code 3"),
        (Ending(exit_code=0, state="RUNNING", seconds=1.0), "has the run RUNNING"),
        (Ending(exit_code=-9, state=None, seconds=1.0), "has the run not at all"),
    ],
)
def test_a_command_that_did_not_end_well_is_a_complaint(
    stage: Stage, ending: Ending, words: str
) -> None:
    assert any(words in complaint for complaint in stage.account(ending).complaints())
    assert not any("the command" in complaint for complaint in stage.account().complaints())
