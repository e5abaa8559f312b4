"""PENDING, RUNNING and DRAINING against the simulated AWS, by the minute."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from dcp_engine.defaults import Settings
from dcp_engine.model import Outcome, RequestKind, Run, State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.runs import Scenario
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.engine.rig import Rig, leftovers

COUNT = "sqs:GetQueueAttributes"


def small(aws: SimulatedAws, directory: Path, **changes: object) -> Launch:
    facts: dict[str, object] = {"jobs": 12, "machines": 3, "directory": directory, **changes}
    return launch_run(aws, "Exp1", **facts)  # type: ignore[arg-type]


def target(launch: Launch) -> int:
    return launch.fleet.target


def test_one_zero_reading_among_jobs_changes_nothing(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = small(aws, tmp_path)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    aws.world.queues.bend_counts(launch.queue_name, times=2, visible=0, in_flight=0, delayed=0)
    rig.until_state(run, State.DRAINING, within=timedelta(minutes=3))
    rig.until_state(run, State.RUNNING, within=timedelta(minutes=5))
    assert launch.live_instance_ids or not launch.instance_ids
    assert launch.fleet.state == "active"
    rig.until_state(run, State.EXPORTED)
    assert launch.all_jobs_done()
    assert not launch.killed_while_working


@pytest.mark.matrix(
    "fault",
    [Fault.THROTTLED, Fault.INTERNAL, Fault.DENIED, Fault.EMPTY_BODY, Fault.HTML],
    sample=2,
)
def test_a_count_that_cannot_be_read_for_an_hour_is_never_zero(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock, fault: Fault
) -> None:
    launch = small(aws, tmp_path, jobs=1)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    aws.faults.add(COUNT, fault, times=100_000)
    for _ in range(60):
        rig.tick(run)
        clock.advance(60)
    now = rig.run(run)
    assert now.state is State.RUNNING
    assert launch.fleet.state == "active"
    problem = now.problem("queue-unreadable")
    assert problem is not None
    assert "could not be counted" in problem.text
    assert problem.since < clock.now() - timedelta(minutes=50)
    told = [e for e in rig.events(run, "problem") if e.data["problem"] == "queue-unreadable"]
    assert len(told) == 1
    aws.faults.clear()
    done = rig.until_state(run, State.EXPORTED)
    assert done.outcome is Outcome.COMPLETED
    assert not done.problems


def test_draining_goes_back_to_running_when_jobs_come(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = small(aws, tmp_path, jobs=3)
    run = rig.until_state(rig.register(launch).run, State.DRAINING)
    launch.send_jobs(6)
    rig.until_state(run, State.RUNNING, within=timedelta(minutes=3))
    rig.until_state(run, State.EXPORTED)
    assert launch.all_jobs_done()


def test_downscaling_follows_the_work_down_and_kills_nobody(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = small(aws, tmp_path, jobs=40, machines=10)
    run = rig.register(launch).run
    targets: list[int] = []

    def ended(now: Run) -> bool:
        targets.append(target(launch))
        return now.state is State.TEARDOWN

    rig.until(run, ended)
    watched = targets[:-1]
    assert watched == sorted(watched, reverse=True)
    assert watched[0] == 10
    assert 1 <= watched[-1] < 10
    assert not launch.killed_while_working
    assert rig.events(run, "downscale")


def test_a_target_raised_by_a_person_is_respected(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = small(aws, tmp_path, jobs=200, machines=2)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    clock.advance(60)
    rig.tick(run)
    aws.client("ec2").modify_spot_fleet_request(
        SpotFleetRequestId=launch.fleet_id, TargetCapacity=5
    )
    for _ in range(15):
        clock.advance(60)
        rig.tick(run)
    assert target(launch) == 5
    assert rig.events(run, "target-raised")


def test_weights_count_in_the_need(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = small(aws, tmp_path, jobs=30, machines=2, weights=(4.0,), target=16)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    for _ in range(11):
        clock.advance(60)
        now = rig.tick(run).run
        if now.reading and now.reading.total < 4:
            break
    waiting = now.reading.total if now.reading else 0
    assert target(launch) >= min(16, waiting * 4)


def test_cheapest_mode_asks_for_one_machine_and_ends_none(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = small(aws, tmp_path, jobs=60, machines=5)
    run = rig.register(launch).run
    rig.ask(run, RequestKind.CHEAPEST_ON)
    for _ in range(14):
        rig.tick(run)
        clock.advance(60)
    assert target(launch) == 5
    before = set(launch.live_instance_ids)
    clock.advance(60)
    rig.restart(died=True)
    rig.tick(run)
    assert target(launch) == 1
    assert set(launch.live_instance_ids) == before
    assert [e.text for e in rig.events(run, "cheapest") if "no more will" in e.text]
    seen: set[int] = set()

    def ended(now: Run) -> bool:
        seen.add(target(launch))
        return now.state is State.TEARDOWN

    rig.until(run, ended)
    assert seen == {1}
    assert not launch.killed_while_working
    assert launch.all_jobs_done()


def test_cheapest_mode_can_be_left_before_it_acts(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = small(aws, tmp_path, jobs=200, machines=5)
    run = rig.register(launch).run
    rig.ask(run, RequestKind.CHEAPEST_ON)
    rig.tick(run)
    clock.advance(300)
    rig.ask(run, RequestKind.CHEAPEST_OFF)
    for _ in range(20):
        rig.tick(run)
        clock.advance(60)
    assert target(launch) == 5


def test_a_queue_already_empty_at_registration(aws: SimulatedAws, rig: Rig, tmp_path: Path) -> None:
    launch = small(aws, tmp_path, jobs=0)
    run = rig.until_state(rig.register(launch).run, State.EXPORTED)
    own, _ = rig.split(launch)
    assert leftovers(own) == {}
    assert run.outcome is Outcome.COMPLETED


def test_no_machine_and_no_job_waits_for_the_grace(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = small(aws, tmp_path, jobs=0, scenario=Scenario(capacity_limit=0))
    run = rig.register(launch).run
    rig.until(run, lambda now: now.registered_at + timedelta(minutes=14) <= clock.now())
    assert rig.run(run).state is State.PENDING
    rig.until_state(run, State.EXPORTED)


def test_a_bad_launch_specification_is_told_in_aws_words(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = small(
        aws,
        tmp_path,
        scenario=Scenario(launch_error=("launchSpecUnusable", "The AMI does not exist")),
    )
    run = rig.register(launch).run
    for _ in range(4):
        now = rig.tick(run).run
        clock.advance(60)
    problem = now.problem("fleet-errors")
    assert problem is not None
    assert now.state is not State.TEARDOWN


def test_reasons_that_may_not_be_read_hide_nothing_else_of_the_fleet(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    aws.faults.add("ec2:DescribeSpotFleetRequestHistory", Fault.DENIED, times=None)
    launch = small(aws, tmp_path, scenario=Scenario(capacity_limit=0))
    run = rig.register(launch).run
    now = rig.until(run, lambda now: now.problem("fleet-history") is not None)
    problem = now.problem("fleet-history")
    assert problem is not None
    assert problem.needs_person
    assert "DescribeSpotFleetRequestHistory" in problem.text
    assert now.problem("fleet-unreadable") is None
    assert now.fleets[0].target == launch.fleet.target
    launch.fleet.capacity_limit = None
    now = rig.until(run, lambda now: bool(now.active_machines))
    assert now.problem("fleet-history") is None


def test_a_queue_that_was_never_there_keeps_the_run_pending(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = small(aws, tmp_path)
    aws.client("sqs").delete_queue(QueueUrl=launch.queue_url)
    clock.advance(120)
    run = rig.register(launch).run
    for _ in range(60):
        now = rig.tick(run).run
        clock.advance(60)
    assert now.state is State.PENDING
    problem = now.problem("queue-missing")
    assert problem is not None
    assert "dcp-engine abort Exp1" in problem.text
    assert launch.fleet.state == "active"
    rig.ask(run, RequestKind.ABORT)
    done = rig.until_state(run, State.EXPORTED)
    assert done.outcome is Outcome.ABORTED
    assert launch.fleet.state != "active"


def test_cron_every_five_minutes_ends_a_run_as_well(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    rig = make_rig()
    launch = small(aws, tmp_path)
    run = rig.register(launch).run

    def ended(now: Run) -> bool:
        rig.store.close()
        rig.restart()
        return now.state is State.EXPORTED

    done = rig.until(run, ended, every=timedelta(minutes=5))
    own, _ = rig.split(launch)
    assert leftovers(own) == {}
    assert done.outcome is Outcome.COMPLETED


def test_dead_letters_are_counted_in_the_outcome(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = small(
        aws,
        tmp_path,
        jobs=8,
        visibility_timeout=700,
        scenario=Scenario(poison_jobs=frozenset({2, 5})),
    )
    done = rig.until_state(rig.register(launch).run, State.EXPORTED)
    assert done.outcome is Outcome.COMPLETED_WITH_DEAD_LETTERS
    assert done.dead_letters == 2


def test_machines_get_their_grace_when_the_last_jobs_turn_dead_letters(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    rig = make_rig(Settings(orphan_grace=timedelta(minutes=40)))
    launch = small(aws, tmp_path, jobs=4, machines=4, scenario=Scenario(poison_jobs=frozenset({3})))
    run = rig.register(launch).run
    rig.until(run, lambda now: now.orphans_until is not None)
    waiting = rig.run(run)
    assert waiting.state is State.DRAINING
    assert launch.fleet.state == "active"
    assert rig.events(run, "orphan-grace")
    done = rig.until_state(run, State.TEARDOWN)
    assert waiting.orphans_until is not None
    assert done.state_since >= waiting.orphans_until


def test_alarms_of_machines_that_died_long_ago_go_in_the_hourly_sweep(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = small(aws, tmp_path, jobs=400, machines=3)
    cloudwatch = aws.client("cloudwatch")
    names = [f"Exp1_i-0{n:016x}" for n in range(230)]
    for name in names:
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/EC2",
            MetricName="CPUUtilization",
            Statistic="Maximum",
            Period=60,
            EvaluationPeriods=15,
            Threshold=1.0,
            ComparisonOperator="LessThanThreshold",
            AlarmActions=["arn:aws:automate:us-east-1:ec2:terminate"],
        )
    run = rig.register(launch).run
    for _ in range(62):
        rig.tick(run)
        clock.advance(60)
    own, others = rig.split(launch)
    live = {f"Exp1_{instance_id}" for instance_id in launch.live_instance_ids}
    assert live <= set(own["alarms"])
    assert not set(names) & (set(own["alarms"]) | set(others["alarms"]))


def test_a_rewritten_monitor_file_adds_its_fleet(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = small(aws, tmp_path, jobs=60)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    launch.start_another_fleet(2)
    again = rig.register(launch)
    assert not again.new
    assert again.run.id == run.id
    done = rig.until_state(run, State.EXPORTED)
    assert set(done.fleet_ids) == set(launch.fleet_ids)
    own, _ = rig.split(launch)
    assert leftovers(own) == {}
    assert not launch.killed_while_working
