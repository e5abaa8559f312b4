"""A run for each kind of trouble in which that begins and, once it is mended, ends."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from dcp_engine.defaults import Settings
from dcp_engine.model import RequestKind, Run
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.machines import Cause
from dcp_engine.simulation.runs import Behaviour, Scenario
from dcp_engine.simulation.server import SimulatedAws
from tests.engine.rig import Rig

TEN_MINUTES: Final = timedelta(minutes=10)
LONG: Final = (36_000.0, 36_000.0)
SETTINGS: Final = Settings(
    dead_letters_quiet=timedelta(minutes=20),
    few_machines_wait=timedelta(hours=4),
    fleet_end_notice=timedelta(hours=1),
    machine_log_interval=TEN_MINUTES,
    alarm_sweep_interval=TEN_MINUTES,
    # Alarms of ours would end what is to stay as it is.
    ensure_alarms=False,
)


@dataclass
class Stage:
    """An account, and a computer whose cron looks at the run every ten minutes."""

    aws: SimulatedAws
    rig: Rig
    directory: Path

    def launch(self, jobs: int = 60, machines: int = 3, **more: Any) -> Launch:
        scenario = Scenario(**{key: more.pop(key) for key in list(more) if hasattr(Scenario, key)})
        return launch_run(
            self.aws,
            "Exp1",
            jobs=jobs,
            machines=machines,
            directory=self.directory,
            scenario=scenario,
            **more,
        )

    def watched(self, launch: Launch) -> Run:
        return self.rig.register(launch).run

    def ticks(self, run: Run, minutes: int) -> Run:
        """Look at it for so long."""
        for _ in range(minutes // 10):
            now = self.rig.tick(run).run
            self.rig.clock.advance(TEN_MINUTES.total_seconds())
        return now

    def crash(self, launch: Launch, number: int | None = None) -> None:
        """Machines die, as many of them as are given."""
        machines = self.aws.world.machines
        with self.aws.world.timeline.lock:
            for instance_id in launch.live_instance_ids[:number]:
                machine = machines.find(instance_id)
                assert machine is not None
                machines.end(machine, Cause.CRASH)


Story = Callable[[Stage], Iterator[Run]]
"""Yields the run when its trouble is to begin, and goes on to mend it."""


def stalled(stage: Stage) -> Iterator[Run]:
    launch = stage.launch(jobs=80, visibility_timeout=3600)
    run = stage.watched(launch)
    stage.ticks(run, 60)
    works, launch.plan.scenario = launch.plan.scenario, Scenario(job_duration=LONG)
    yield run
    launch.plan.scenario = works
    stage.crash(launch)


def jobs_coming_back(stage: Stage) -> Iterator[Run]:
    launch = stage.launch(
        jobs=200, visibility_timeout=60, max_receive_count=1000, job_duration=(150.0, 200.0)
    )
    run = stage.watched(launch)
    yield run
    stage.aws.client("sqs").set_queue_attributes(
        QueueUrl=launch.queue_url, Attributes={"VisibilityTimeout": "600"}
    )


def dead_letters_growing(stage: Stage) -> Iterator[Run]:
    launch = stage.launch(
        jobs=60, poison_jobs=frozenset({1, 2}), visibility_timeout=650, max_receive_count=2
    )
    run = stage.watched(launch)
    yield run


def overfull(stage: Stage) -> Iterator[Run]:
    launch = stage.launch(
        jobs=75, machines=12, job_duration=(1700.0, 1900.0), visibility_timeout=9000
    )
    run = stage.watched(launch)
    stage.ticks(run, 120)
    launch.fleet.capacity_limit = 5
    stage.crash(launch, 7)
    yield run


def nothing_happens(stage: Stage) -> Iterator[Run]:
    launch = stage.launch()
    ecs = stage.aws.client("ecs")
    service = {"cluster": launch.cluster, "service": launch.service}
    ecs.update_service(**service, desiredCount=0)
    yield stage.watched(launch)
    ecs.update_service(**service, desiredCount=3)


def machine_full(stage: Stage) -> Iterator[Run]:
    launch = stage.launch()
    run = stage.watched(launch)
    stage.ticks(run, 20)
    logs = stage.aws.client("logs")
    machine = launch.live_instance_ids[0]
    where = {
        "logGroupName": launch.per_instance_log_group,
        "logStreamName": f"{machine}_{launch.task_family}",
    }
    logs.create_log_stream(**where)
    text = (
        "Filesystem      Size  Used Avail Use% Mounted on\n"
        "overlay          22G   22G     0 100% /\n"
    )
    for minutes in range(0, 50):
        at = int((stage.rig.clock.now() + timedelta(minutes=minutes)).timestamp() * 1000)
        logs.put_log_events(**where, logEvents=[{"timestamp": at, "message": text}])
    yield run


def lost_capacity(stage: Stage) -> Iterator[Run]:
    launch = stage.launch(jobs=80, machines=4, capacity_limit=1)
    yield stage.watched(launch)
    launch.fleet.capacity_limit = None


def few_machines(stage: Stage) -> Iterator[Run]:
    launch = stage.launch(jobs=150, machines=4)
    run = stage.watched(launch)
    stage.rig.ask(run, RequestKind.CHEAPEST_ON)
    stage.ticks(run, 30)
    stage.crash(launch, 3)
    yield run
    stage.aws.client("ec2").modify_spot_fleet_request(
        SpotFleetRequestId=launch.fleet_id, TargetCapacity=9
    )
    stage.aws.client("ecs").update_service(
        cluster=launch.cluster, service=launch.service, desiredCount=9
    )


def no_capacity(stage: Stage) -> Iterator[Run]:
    launch = stage.launch(capacity_limit=0)
    yield stage.watched(launch)
    launch.fleet.capacity_limit = None


def fleet_errors(stage: Stage) -> Iterator[Run]:
    why = ("launchSpecTemporarilyBlacklisted", "m5.xlarge, ami-1: no capacity in us-east-1a")
    launch = stage.launch(launch_error=why)
    yield stage.watched(launch)
    launch.fleet.launch_error = None


def fleet_cancelled(stage: Stage) -> Iterator[Run]:
    launch = stage.launch()
    run = stage.watched(launch)
    stage.ticks(run, 20)
    stage.aws.client("ec2").cancel_spot_fleet_requests(
        SpotFleetRequestIds=[launch.fleet_id], TerminateInstances=False
    )
    yield run
    stage.crash(launch)


def fleet_ends(stage: Stage) -> Iterator[Run]:
    launch = stage.launch()
    until = stage.rig.clock.now() + timedelta(minutes=110)
    launch.fleet.config["ValidUntil"] = until
    with stage.aws.world.timeline.lock:
        stage.aws.world.timeline.schedule_at(
            until, lambda: stage.aws.world.fleets._expire(launch.fleet)
        )
    yield stage.watched(launch)


def unjoined_machines(stage: Stage) -> Iterator[Run]:
    launch = stage.launch(script=(Behaviour.NEVER_STARTS,))
    yield stage.watched(launch)
    stage.crash(launch, 1)


def altered_alarms(stage: Stage) -> Iterator[Run]:
    launch = stage.launch()
    run = stage.watched(launch)
    stage.ticks(run, 10)
    cloudwatch = stage.aws.client("cloudwatch")
    name = f"Exp1_{launch.live_instance_ids[0]}"
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    kept = {
        key: alarm[key]
        for key in (
            "AlarmName",
            "Namespace",
            "MetricName",
            "Dimensions",
            "Statistic",
            "Period",
            "EvaluationPeriods",
            "ComparisonOperator",
            "AlarmActions",
            "Threshold",
        )
    }
    cloudwatch.put_metric_alarm(**{**kept, "Threshold": 5.0})
    yield run
    cloudwatch.put_metric_alarm(**kept)


STORIES: Final[dict[str, Story]] = {
    "stalled": stalled,
    "jobs-coming-back": jobs_coming_back,
    "dead-letters-growing": dead_letters_growing,
    "overfull": overfull,
    "nothing-happens": nothing_happens,
    "machine-full": machine_full,
    "lost-capacity": lost_capacity,
    "few-machines": few_machines,
    "no-capacity": no_capacity,
    "fleet-errors": fleet_errors,
    "fleet-cancelled": fleet_cancelled,
    "fleet-ends": fleet_ends,
    "unjoined-machines": unjoined_machines,
    "altered-alarms": altered_alarms,
}
"""Row → story; tests/engine/test_troubles.py has one for each row."""
