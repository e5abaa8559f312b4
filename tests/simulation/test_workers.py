"""Simulated machines really do the jobs, and fail in the ways machines fail."""

from pathlib import Path

import pytest

from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.machines import Cause, MachineState
from dcp_engine.simulation.runs import Behaviour, Scenario
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock

from .conftest import Client
from .helpers import until

pytestmark = pytest.mark.usefixtures("fleets_end")


def message_count(client: Client, name: str) -> int:
    sqs = client("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return int(told["ApproximateNumberOfMessages"]) + int(
        told["ApproximateNumberOfMessagesNotVisible"]
    )


def start(
    aws: SimulatedAws,
    tmp_path: Path,
    name: str,
    scenario: Scenario,
    *,
    jobs: int = 6,
    machines: int = 2,
    visibility_timeout: int = 600,
) -> Launch:
    return launch_run(
        aws,
        name,
        jobs=jobs,
        machines=machines,
        directory=tmp_path,
        scenario=scenario,
        visibility_timeout=visibility_timeout,
    )


def test_every_job_is_done_once_and_leaves_the_queue(
    aws: SimulatedAws, clock: VirtualClock, client: Client, tmp_path: Path
) -> None:
    launch = start(aws, tmp_path, "Plain", Scenario(), jobs=12)
    until(clock, launch.all_jobs_done)
    assert set(launch.stats.jobs_done.values()) == {1}
    assert sorted(launch.stats.jobs_done) == launch.jobs_sent
    assert message_count(client, launch.queue_name) == 0
    assert launch.killed_while_working == []
    streams = client("logs").describe_log_streams(logGroupName="Plain")["logStreams"]
    assert [stream["logStreamName"] for stream in streams] == launch.jobs_sent
    told = client("logs").filter_log_events(
        logGroupName="Plain_perInstance", filterPattern='"Instance ID"'
    )["events"]
    assert {event["message"].split()[-1] for event in told} == set(launch.instance_ids)
    assert len({event["logStreamName"] for event in told}) == len(launch.instance_ids)


def test_a_worker_names_its_machine_and_places_its_alarm(
    aws: SimulatedAws, clock: VirtualClock, client: Client, tmp_path: Path
) -> None:
    launch = start(aws, tmp_path, "Named", Scenario(), jobs=100)
    until(clock, lambda: len(launch.stats.jobs_done) > 2)
    answer = client("ec2").describe_instances(
        Filters=[{"Name": "tag:Name", "Values": ["NamedWorker"]}]
    )
    named = {i["InstanceId"] for r in answer["Reservations"] for i in r["Instances"]}
    assert named == set(launch.instance_ids)
    for instance_id in named:
        volumes = client("ec2").describe_volumes(
            Filters=[{"Name": "attachment.instance-id", "Values": [instance_id]}]
        )["Volumes"]
        assert [each["Tags"] for each in volumes] == [[{"Key": "Name", "Value": "NamedWorker"}]] * 2
    alarms = client("cloudwatch").describe_alarms(AlarmNamePrefix="Named_i-")["MetricAlarms"]
    assert {alarm["AlarmName"] for alarm in alarms} == set(launch.alarm_names)
    assert alarms[0]["AlarmActions"] == [
        "arn:aws:swf:us-east-1:123456789012:action/actions/AWS_EC2.InstanceId.Terminate/1.0"
    ]
    assert alarms[0]["Threshold"] == 1.0


def test_a_crash_gives_the_job_back_and_the_machine_is_replaced(
    aws: SimulatedAws, clock: VirtualClock, tmp_path: Path
) -> None:
    scenario = Scenario(script=(Behaviour.CRASHES,), job_duration=(100, 100))
    launch = start(aws, tmp_path, "Crash", scenario, machines=1, visibility_timeout=300)
    until(clock, lambda: len(launch.stats.crashed) == 1)
    crashed = aws.world.machines.find(launch.stats.crashed[0])
    assert crashed is not None
    assert crashed.state is MachineState.TERMINATED
    until(clock, launch.all_jobs_done)
    assert launch.stats.replaced == launch.instance_ids[1:]
    assert launch.killed_while_working == []


def test_a_short_visibility_timeout_has_jobs_done_twice(
    aws: SimulatedAws, clock: VirtualClock, tmp_path: Path
) -> None:
    launch = start(
        aws, tmp_path, "Twice", Scenario(job_duration=(300, 300)), jobs=2, visibility_timeout=60
    )
    until(clock, lambda: sum(launch.stats.jobs_done.values()) > 2)
    assert max(launch.stats.jobs_done.values()) > 1


def test_poison_ends_in_the_dead_letter_queue(
    aws: SimulatedAws, clock: VirtualClock, client: Client, tmp_path: Path
) -> None:
    scenario = Scenario(poison_jobs=frozenset({1}), job_duration=(60, 60))
    launch = start(aws, tmp_path, "Poison", scenario, visibility_timeout=90)
    until(clock, lambda: message_count(client, launch.dead_letter_queue) == 1)
    until(clock, lambda: message_count(client, launch.queue_name) == 0)
    assert sorted(launch.stats.jobs_done) == [j for j in launch.jobs_sent if j[-1] != "1"]


def test_work_that_outlives_its_visibility_timeout_too_often_ends_among_the_dead_letters(
    aws: SimulatedAws, clock: VirtualClock, client: Client, tmp_path: Path
) -> None:
    launch = start(
        aws,
        tmp_path,
        "Slow",
        Scenario(job_duration=(900, 900)),
        jobs=1,
        machines=4,
        visibility_timeout=100,
    )
    until(clock, lambda: message_count(client, launch.dead_letter_queue) == 1)
    until(clock, launch.all_jobs_done)
    assert message_count(client, launch.queue_name) == 0
    assert message_count(client, launch.dead_letter_queue) == 1


def test_a_stalled_machine_is_ended_by_its_alarm(
    aws: SimulatedAws, clock: VirtualClock, tmp_path: Path
) -> None:
    scenario = Scenario(script=(Behaviour.STALLS,), job_duration=(60, 60))
    launch = start(aws, tmp_path, "Stall", scenario, machines=1, visibility_timeout=120)
    until(clock, lambda: len(launch.stats.stalled) == 1)
    stalled = aws.world.machines.find(launch.stats.stalled[0])
    assert stalled is not None
    clock.advance(880)
    assert stalled.state is MachineState.RUNNING
    clock.advance(60)
    assert stalled.ended_by is Cause.IDLE_ALARM
    until(clock, launch.all_jobs_done)


def test_without_its_alarm_an_idle_machine_stays(
    aws: SimulatedAws, clock: VirtualClock, client: Client, tmp_path: Path
) -> None:
    launch = start(aws, tmp_path, "Idle", Scenario(job_duration=(60, 60)), jobs=1, machines=1)
    until(clock, launch.all_jobs_done)
    client("cloudwatch").delete_alarms(AlarmNames=launch.alarm_names)
    clock.advance(7200)
    assert launch.live_instance_ids == launch.instance_ids[:1]


def test_a_machine_that_never_starts_has_no_name_no_alarm_and_no_end(
    aws: SimulatedAws, clock: VirtualClock, client: Client, tmp_path: Path
) -> None:
    scenario = Scenario(script=(Behaviour.NEVER_STARTS,))
    launch = start(aws, tmp_path, "Never", scenario, machines=1)
    clock.advance(6 * 3600)
    assert launch.live_instance_ids == launch.stats.started
    found = client("ec2").describe_instances(InstanceIds=launch.instance_ids)
    tags = {tag["Key"] for tag in found["Reservations"][0]["Instances"][0]["Tags"]}
    assert tags == {"aws:ec2spot:fleet-request-id"}
    alarms = client("cloudwatch").describe_alarms(AlarmNames=launch.alarm_names)
    assert alarms["MetricAlarms"] == []
    assert not launch.stats.jobs_done


@pytest.mark.parametrize("how", ["cancel", "terminate", "shrink"])
def test_killing_a_working_machine_is_told(
    aws: SimulatedAws, clock: VirtualClock, client: Client, tmp_path: Path, how: str
) -> None:
    launch = start(aws, tmp_path, f"Kill{how}", Scenario(job_duration=(600, 600)), machines=1)
    fleet = launch.fleet_id
    until(clock, lambda: any(m.job for m in aws.world.machines.of_fleet(fleet)))
    ec2 = client("ec2")
    if how == "cancel":
        ec2.cancel_spot_fleet_requests(
            SpotFleetRequestIds=launch.fleet_ids, TerminateInstances=True
        )
    elif how == "terminate":
        ec2.terminate_instances(InstanceIds=launch.live_instance_ids)
    else:
        ec2.modify_spot_fleet_request(SpotFleetRequestId=launch.fleet_id, TargetCapacity=0)
    clock.advance(10)
    causes = {
        "cancel": Cause.FLEET_CANCELLED,
        "terminate": Cause.API_CALL,
        "shrink": Cause.FLEET_SHRUNK,
    }
    assert [kill.cause for kill in launch.killed_while_working] == [causes[how]]
    assert launch.killed_while_working[0].job in launch.jobs_sent


def test_a_second_fleet_rewrites_the_monitor_file_and_works_for_the_same_run(
    aws: SimulatedAws, clock: VirtualClock, tmp_path: Path
) -> None:
    launch = start(aws, tmp_path, "Again", Scenario(capacity_limit=0), jobs=4)
    clock.advance(600)
    assert launch.instance_ids == []
    launch.fleet.capacity_limit = 0
    before = launch.monitor_file.read_text()
    second = launch.start_another_fleet(2)
    launch.fleet.capacity_limit = None
    assert second in launch.monitor_file.read_text()
    assert second not in before
    until(clock, launch.all_jobs_done)
    fleets = {m.instance_id: m.fleet_id for m in aws.world.machines.all()}
    assert {fleets[instance_id] for instance_id in launch.stats.started} == {second}
