"""Difficult runs on a virtual clock, each told in docs/runs.md under the sections it is for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from dcp_engine.driver_tag import KEY, DriverTag
from dcp_engine.errors import EngineError
from dcp_engine.model import RequestKind, Run, State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.runs import Behaviour, Scenario
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.engine.rig import Rig

NOBODY_COMES = Scenario(capacity_limit=0)
NEVER_DONE = Scenario(job_duration=(36_000, 36_000))
TEN_MINUTES = timedelta(minutes=10)
HOUR = timedelta(hours=1)
LOGS_LEFT = {"logs", "report", "last-look"}


@dataclass
class Stage:
    """An account, a computer, and what commands have said beside the runs' histories."""

    aws: SimulatedAws
    rig: Rig
    clock: VirtualClock
    directory: Path
    said: list[str] = field(default_factory=list)

    def launch(self, name: str = "Exp1", **changes: object) -> Launch:
        facts: dict[str, object] = {"jobs": 6, "machines": 2, "directory": self.directory}
        return launch_run(self.aws, name, **{**facts, **changes})  # type: ignore[arg-type]

    def running(self, launch: Launch) -> Run:
        return self.rig.until_state(self.rig.register(launch).run, State.RUNNING)

    def working(self, launch: Launch) -> Run:
        return self.rig.until(self.rig.register(launch).run, lambda now: bool(now.active_machines))

    def until_problem(self, run: Run, name: str) -> Run:
        return self.rig.until(run, lambda now: now.problem(name) is not None)

    def until_no_problem(self, run: Run, name: str) -> Run:
        return self.rig.until(run, lambda now: now.problem(name) is None)

    def to_the_end(self, run: Run) -> Run:
        return self.rig.until_state(run, State.EXPORTED)

    def for_minutes(self, run: Run, minutes: int) -> None:
        for _ in range(minutes):
            self.rig.tick(run)
            self.clock.advance(60)

    def refused(self, launch: Launch) -> None:
        try:
            self.rig.register(launch)
        except EngineError as error:
            self.said.append(f"dcp-engine: {error}")
        else:
            raise AssertionError("the file was not refused")


Story = Callable[[Stage], object]


def jobs_failed_for_good(stage: Stage) -> None:
    poison = Scenario(poison_jobs=frozenset({3}))
    stage.to_the_end(stage.rig.register(stage.launch(jobs=4, machines=4, scenario=poison)).run)


def jobs_expired(stage: Stage) -> None:
    launch = stage.launch(scenario=NOBODY_COMES)
    run = stage.running(launch)
    stage.rig.until(run, lambda now: len(now.readings) > 3)
    stage.aws.client("sqs").purge_queue(QueueUrl=launch.queue_url)
    stage.to_the_end(run)


def the_queue_vanished(stage: Stage) -> None:
    launch = stage.launch(jobs=60)
    run = stage.working(launch)
    stage.aws.client("sqs").delete_queue(QueueUrl=launch.queue_url)
    stage.rig.until_state(run, State.TEARDOWN)


def no_capacity_and_a_new_fleet(stage: Stage) -> None:
    launch = stage.launch(scenario=NOBODY_COMES)
    launch.fleet.config["ValidUntil"] = stage.clock.now() + timedelta(hours=5)
    run = stage.running(launch)
    stage.for_minutes(run, 5)
    stage.aws.client("ec2").cancel_spot_fleet_requests(
        SpotFleetRequestIds=[launch.fleet_id], TerminateInstances=True
    )
    stage.until_problem(run, "no-capacity")
    good = launch.monitor_file.read_text()
    launch.monitor_file.write_text("{")
    stage.until_problem(run, "monitor-file")
    launch.monitor_file.write_text(good)
    launch.start_another_fleet(2)
    stage.until_no_problem(run, "no-capacity")


def cancelled_by_hand(stage: Stage) -> None:
    launch = stage.launch(jobs=8)
    run = stage.working(launch)
    stage.aws.client("ec2").cancel_spot_fleet_requests(
        SpotFleetRequestIds=[launch.fleet_id], TerminateInstances=False
    )
    stage.until_problem(run, "fleet-cancelled")
    stage.rig.until(run, lambda _: bool(stage.rig.events(run, "terminating")))


def nothing_happens(stage: Stage) -> None:
    launch = stage.launch(jobs=60, machines=3)
    stage.aws.client("ecs").update_service(
        cluster=launch.cluster, service=launch.service, desiredCount=0
    )
    run = stage.running(launch)
    stage.rig.until(run, lambda now: now.problem("nothing-happens") is not None, every=TEN_MINUTES)


def machines_do_not_join(stage: Stage) -> None:
    never = Scenario(script=(Behaviour.NEVER_STARTS, Behaviour.WORKS))
    run = stage.working(stage.launch(jobs=60, scenario=never))
    wanted = "unjoined-machines"
    stage.rig.until(run, lambda now: now.problem(wanted) is not None, every=TEN_MINUTES)


def no_job_is_done(stage: Stage) -> None:
    launch = stage.launch(jobs=80, machines=3, visibility_timeout=3600)
    run = stage.running(launch)
    stage.rig.until(run, lambda _: stage.clock.now() >= run.registered_at + HOUR, every=TEN_MINUTES)
    works, launch.plan.scenario = launch.plan.scenario, NEVER_DONE
    stage.rig.until(run, lambda now: now.problem("stalled") is not None, every=TEN_MINUTES)
    launch.plan.scenario = works
    stage.aws.client("ec2").terminate_instances(InstanceIds=launch.live_instance_ids)
    stage.rig.until(run, lambda now: now.problem("stalled") is None, every=TEN_MINUTES)


def nobody_looked_for_months(stage: Stage) -> None:
    launch = stage.launch(jobs=30)
    run = stage.working(launch)
    stage.aws.client("ec2").cancel_spot_fleet_requests(
        SpotFleetRequestIds=[launch.fleet_id], TerminateInstances=True
    )
    stage.aws.client("sqs").purge_queue(QueueUrl=launch.queue_url)
    stage.clock.advance(90 * 24 * 3600)
    stage.to_the_end(run)


def another_runs_file(stage: Stage) -> None:
    launch = stage.launch(jobs=30)
    run = stage.running(launch)
    stranger = stage.launch("Exp2", directory=stage.directory / "other")
    launch.monitor_file.write_bytes(stranger.monitor_file.read_bytes())
    stage.clock.advance(60)
    stage.until_problem(run, "monitor-file")


def a_fleet_that_never_was(stage: Stage) -> None:
    launch = stage.launch(jobs=30)
    run = stage.running(launch)
    good = launch.monitor_file.read_text()
    mistyped = good.replace(launch.fleet_id, "sfr-00000000-1111-2222-3333-444444444444")
    launch.monitor_file.write_text(mistyped)
    stage.until_problem(run, "fleet-missing")
    stage.clock.advance(900)
    launch.monitor_file.write_text(good)
    stage.until_no_problem(run, "fleet-missing")


def the_same_name_again(stage: Stage) -> None:
    old = stage.launch(cluster="lab")
    run = stage.running(old)
    namesake = stage.launch(
        queue="AnotherQueue", cluster="desk", directory=stage.directory / "namesake"
    )
    stage.refused(namesake)
    stage.aws.faults.add("logs:*", Fault.DENIED, times=None)
    stage.rig.until(run, lambda now: {s.name for s in now.steps if not s.ended} == LOGS_LEFT)
    stage.clock.advance(3600)
    new = stage.launch(cluster="lab")
    assert new.monitor_file == old.monitor_file
    stage.refused(new)
    stage.rig.tick(run)
    stage.aws.faults.clear()
    stage.to_the_end(run)


def credentials(stage: Stage) -> None:
    run = stage.running(stage.launch(scenario=NOBODY_COMES))
    stage.aws.faults.add("*", Fault.EXPIRED, times=None)
    stage.clock.advance(60)
    stage.until_problem(run, "credentials")
    stage.aws.faults.clear()
    stage.until_no_problem(run, "credentials")


def not_there(stage: Stage) -> None:
    launch = stage.launch(scenario=NOBODY_COMES)
    text = launch.monitor_file.read_text()
    gone = "sfr-00000000-0000-0000-0000-000000000000"
    launch.monitor_file.write_text(text.replace(launch.fleet_id, gone))
    stage.refused(launch)


def late_jobs(stage: Stage) -> None:
    launch = stage.launch(jobs=4, machines=1)
    run = stage.working(launch)
    count = stage.rig.settings.empty_readings + 1
    stage.aws.world.queues.bend_counts(
        launch.queue_name, times=count, visible=0, in_flight=0, delayed=0
    )
    stage.rig.until(run, lambda _: "TEARDOWN" in stage.rig.moves(run))
    stage.aws.faults.add("sqs:DeleteQueue", Fault.DENIED, times=None)
    stage.until_problem(run, "step-queue")
    stage.rig.until(run, lambda now: now.machines_ended_at is not None)
    launch.send_jobs(2)
    stage.aws.faults.clear()
    stage.to_the_end(run)


def steps_that_cannot_end(stage: Stage) -> None:
    launch = stage.launch()
    stage.aws.client("s3").delete_bucket_policy(Bucket=launch.bucket)
    run = stage.working(launch)
    stage.aws.faults.add("sqs:DeleteQueue", Fault.DENIED, times=None)
    stage.until_problem(run, "step-queue")
    stage.until_problem(run, "step-logs")
    for step in ("queue", "logs"):
        stage.rig.ask(run, RequestKind.WAIVE, step=step)
        stage.clock.advance(1)
    stage.rig.tick(run)


def a_shared_cluster(stage: Stage) -> None:
    stage.launch("Other", jobs=20, cluster="lab", directory=stage.directory / "other")
    run = stage.rig.register(stage.launch(cluster="lab")).run
    stage.rig.until(run, lambda now: (s := now.step("cluster")) is not None and s.ended is not None)


def an_abort(stage: Stage) -> None:
    run = stage.running(stage.launch(jobs=40))
    stage.rig.ask(run, RequestKind.ABORT, keep_queue=True)
    stage.rig.tick(run)


def a_release(stage: Stage) -> None:
    run = stage.running(stage.launch(jobs=40))
    stage.rig.ask(run, RequestKind.RELEASE)
    stage.rig.tick(run)


def wishes_and_hands(stage: Stage) -> None:
    launch = stage.launch(jobs=80)
    stage.aws.client("cloudwatch").put_metric_alarm(
        AlarmName="Exp1_i-0123456789abcdef0",
        Namespace="AWS/EC2",
        MetricName="CPUUtilization",
        Dimensions=[{"Name": "InstanceId", "Value": "i-0123456789abcdef0"}],
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=15,
        Threshold=5.0,
        ComparisonOperator="LessThanThreshold",
        AlarmActions=["arn:aws:automate:us-east-1:ec2:terminate"],
    )
    run = stage.working(launch)
    stage.aws.client("ec2").modify_spot_fleet_request(
        SpotFleetRequestId=launch.fleet_id, TargetCapacity=5
    )
    stage.rig.ask(run, RequestKind.CHEAPEST_ON)
    stage.rig.until(run, lambda now: now.cheapest is not None and now.cheapest.acted_at is not None)
    stage.until_problem(run, "altered-alarms")


def other_drivers(stage: Stage) -> None:
    launch = stage.launch(jobs=40, auto_monitor=True)
    registered = stage.rig.register(launch)
    run = registered.run
    stage.rig.tick(run)
    until = stage.clock.now() + timedelta(hours=2)
    launch.fleet.tags = [{"Key": KEY, "Value": str(DriverTag(store="another", until=until))}]
    stage.until_problem(run, "driven-elsewhere")
    stage.rig.ask(run, RequestKind.TAKE_OVER)
    stage.until_no_problem(run, "driven-elsewhere")
    stage.for_minutes(run, 3)


def unreachable(stage: Stage) -> None:
    run = stage.running(stage.launch(scenario=NOBODY_COMES))
    stage.aws.faults.add("sqs:*", Fault.THROTTLED, times=None)
    stage.until_problem(run, "queue-unreadable")
    stage.aws.faults.clear()
    stage.until_no_problem(run, "queue-unreadable")


STORIES: dict[Story, tuple[str, ...]] = {
    jobs_failed_for_good: ("Jobs failed for good", "Empty, but perhaps not idle"),
    jobs_expired: ("Jobs expired",),
    the_queue_vanished: ("The queue vanished",),
    no_capacity_and_a_new_fleet: (
        "The fleet ended, or no capacity came",
        "The fleet nears its end date",
        "The cluster was started again",
        "The monitor file is gone or broken",
    ),
    cancelled_by_hand: ("The fleet was cancelled by hand",),
    nothing_happens: ("Nothing happens at all",),
    machines_do_not_join: ("Machines do not join the cluster",),
    no_job_is_done: ("No job is done any more",),
    nobody_looked_for_months: ("Nobody looked for months",),
    a_fleet_that_never_was: ("The file names a fleet that never was",),
    another_runs_file: ("The monitor file says other names",),
    the_same_name_again: (
        "The same APP_NAME again",
        "A new run while the old one is taken down",
    ),
    credentials: ("Credentials have expired",),
    not_there: ("The fleet is not where you said",),
    late_jobs: ("Jobs before anything was stopped", "Jobs after the machines were stopped"),
    steps_that_cannot_end: ("A step fails again and again", "The bucket refuses the logs"),
    a_shared_cluster: ("The cluster is shared",),
    an_abort: ("Ending it now, keeping the jobs",),
    a_release: ("Not watching any more",),
    wishes_and_hands: (
        "As cheaply as possible",
        "Somebody raised the capacity",
        "Somebody altered an idle alarm",
    ),
    other_drivers: ("Auto-Monitor is on", "Another computer drives the run"),
    unreachable: ("AWS cannot be reached or throttles",),
}
"""Each story with the sections whose output it gives."""
