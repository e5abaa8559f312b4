"""What people altered, what AWS refuses, and what lingers: reported, and no run waits for ever."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dcp_engine.model import Ended, Run, State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.runs import Scenario
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.engine.rig import Rig, leftovers

GONE = [f"Exp1_i-0{n:016x}" for n in range(3)]


# Few jobs that take long: two machines have work for a third of a day.
LONG_WORK: dict[str, object] = {
    "jobs": 8,
    "scenario": Scenario(job_duration=(7200.0, 7200.0)),
    "visibility_timeout": 10_000,
}


def launched(aws: SimulatedAws, directory: Path, **changes: object) -> Launch:
    facts: dict[str, object] = {"jobs": 6, "machines": 2, "directory": directory, **changes}
    return launch_run(aws, "Exp1", **facts)  # type: ignore[arg-type]


def place(aws: SimulatedAws, name: str, **changes: object) -> None:
    """An alarm as DCP's worker places it, but for these changes."""
    placed: dict[str, object] = {
        "Namespace": "AWS/EC2",
        "MetricName": "CPUUtilization",
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 15,
        "Threshold": 1.0,
        "ComparisonOperator": "LessThanThreshold",
        "Dimensions": [{"Name": "InstanceId", "Value": name.removeprefix("Exp1_")}],
        "AlarmActions": ["arn:aws:automate:us-east-1:ec2:terminate"],
    }
    aws.client("cloudwatch").put_metric_alarm(AlarmName=name, **{**placed, **changes})


def alarms(rig: Rig, launch: Launch) -> set[str]:
    own, others = rig.split(launch)
    return set(own["alarms"]) | set(others["alarms"])


def drain(aws: SimulatedAws, span: timedelta) -> None:
    """Services drain for so long from now on."""
    aws.world.timings = replace(aws.world.timings, service_drain=span.total_seconds())


def for_hours(rig: Rig, run: Run, hours: float) -> Run:
    end = rig.clock.now() + timedelta(hours=hours)
    while rig.clock.now() < end:
        rig.tick(run)
        rig.clock.advance(60)
    return rig.run(run)


def test_an_altered_alarm_is_reported_once_left_alone_and_goes_with_the_run(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path, **LONG_WORK)
    place(aws, GONE[0])
    place(aws, GONE[1], Threshold=5.0)
    place(aws, GONE[2], AlarmActions=[])
    run = rig.register(launch).run
    now = for_hours(rig, run, 3.5)
    there = alarms(rig, launch)
    assert GONE[0] not in there
    assert {GONE[1], GONE[2]} <= there
    problem = now.problem("altered-alarms")
    assert problem is not None
    assert "2 idle alarms" in problem.text
    assert "LessThanThreshold 5 instead of LessThanThreshold 1" in problem.text
    told = rig.events(run, "altered-alarm")
    assert sorted(event.data["alarm"] for event in told) == [GONE[1], GONE[2]]
    rig.until_state(run, State.EXPORTED, within=timedelta(days=3))
    assert not alarms(rig, launch) & set(GONE)


def test_the_problem_ends_when_the_alarm_is_as_it_was(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path, **LONG_WORK)
    place(aws, GONE[0], Period=300)
    run = rig.register(launch).run
    assert for_hours(rig, run, 1.2).problem("altered-alarms") is not None
    place(aws, GONE[0])
    assert for_hours(rig, run, 1.2).problem("altered-alarms") is None
    assert GONE[0] not in alarms(rig, launch)


def test_a_neighbours_alarm_of_another_kind_is_no_matter(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path, **LONG_WORK)
    place(aws, "Exp1_budget", MetricName="Cost", AlarmActions=[])
    place(aws, GONE[0])
    now = for_hours(rig, rig.register(launch).run, 1.2)
    assert now.problem("altered-alarms") is None
    assert now.problem("duty-alarm-cleanup") is None
    there = alarms(rig, launch)
    assert "Exp1_budget" in there
    assert GONE[0] not in there


def test_a_bucket_policy_that_refuses_the_export_shows_what_to_add_and_goes_on_by_itself(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path)
    s3 = aws.client("s3")
    s3.delete_bucket_policy(Bucket=launch.bucket)
    run = rig.register(launch).run
    stuck = rig.until(run, lambda now: now.problem("step-logs") is not None)
    problem = stuck.problem("step-logs")
    assert problem is not None
    assert problem.needs_person
    assert "goes on by itself" in problem.text
    shown = re.search(r"\[\{.*\}\]", problem.text)
    assert shown is not None
    statements = json.loads(shown[0])
    assert [(s["Action"], s["Resource"]) for s in statements] == [
        ("s3:GetBucketAcl", "arn:aws:s3:::exp1-bucket"),
        ("s3:PutObject", "arn:aws:s3:::exp1-bucket/*"),
    ]
    for statement in statements:
        assert statement["Principal"] == {"Service": f"logs.{run.region}.amazonaws.com"}
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": run.account}}
    policy = {"Version": "2012-10-17", "Statement": statements}
    s3.put_bucket_policy(Bucket=launch.bucket, Policy=json.dumps(policy))
    done = rig.until_state(run, State.EXPORTED)
    step = done.step("logs")
    assert step is not None
    assert step.ended is Ended.DONE
    assert len(aws.world.exports.tasks) == 2


def test_credentials_that_may_not_export_are_not_blamed_on_the_bucket(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path)
    aws.faults.add("logs:CreateExportTask", Fault.DENIED, times=None)
    run = rig.register(launch).run
    stuck = rig.until(run, lambda now: now.problem("step-logs") is not None)
    problem = stuck.problem("step-logs")
    assert problem is not None
    assert "grant logs:CreateExportTask" in problem.text
    assert "s3:PutObject" not in problem.text


def test_a_service_that_drains_for_ever_does_not_keep_the_run_from_ending(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path, cluster="lab")
    drain(aws, timedelta(days=10))
    run = rig.until_state(rig.register(launch).run, State.TEARDOWN)
    since = clock.now()
    done = rig.until_state(run, State.EXPORTED, within=timedelta(days=3))
    step = done.step("cluster")
    assert step is not None
    assert step.ended is Ended.KEPT
    assert "Exp1Service has been draining for a day" in (step.reason or "")
    assert timedelta(hours=23) < clock.now() - since < timedelta(hours=27)
    own, _ = rig.split(launch)
    assert own["clusters"]["lab"]["status"] == "ACTIVE"
    assert not launch.live_instance_ids


def test_a_service_that_drains_for_an_hour_is_waited_for(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path, cluster="lab")
    drain(aws, timedelta(hours=1))
    rig.until_state(rig.register(launch).run, State.EXPORTED)
    own, _ = rig.split(launch)
    assert leftovers(own) == {}


@pytest.mark.parametrize("cluster", ["lab", "default"])
def test_machines_that_cannot_be_deregistered_are_kept_with_the_reason_after_a_day(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock, cluster: str
) -> None:
    launch = launched(aws, tmp_path, cluster=cluster)
    aws.faults.add("ecs:DeregisterContainerInstance", Fault.DENIED, times=None)
    run = rig.until_state(rig.register(launch).run, State.TEARDOWN)
    since = clock.now()
    stuck = rig.until(run, lambda now: now.problem("step-cluster") is not None)
    problem = stuck.problem("step-cluster")
    assert problem is not None
    assert problem.needs_person
    done = rig.until_state(run, State.EXPORTED, within=timedelta(days=3))
    step = done.step("cluster")
    assert step is not None
    assert step.ended is Ended.KEPT
    assert "could not be deregistered" in (step.reason or "")
    assert timedelta(hours=23) < clock.now() - since < timedelta(hours=27)
    tried = [e for e in rig.events(run, "cluster") if "Deregistering" in e.text]
    assert len(tried) == 1


def test_machines_that_can_be_deregistered_later_are(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path, cluster="lab")
    aws.faults.add("ecs:DeregisterContainerInstance", Fault.DENIED, times=None)
    run = rig.until(rig.register(launch).run, lambda now: now.problem("step-cluster") is not None)
    aws.faults.clear()
    rig.until_state(run, State.EXPORTED)
    own, _ = rig.split(launch)
    assert leftovers(own) == {}
