"""Whatever a run is called, whatever its file says and AWS answers: neighbours are not touched."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dcp_engine.aws_names import LONGEST_APP_NAME
from dcp_engine.errors import Refused
from dcp_engine.model import Ended, Outcome, RequestKind, Run, State
from dcp_engine.simulation.launch import Launch, launch_run, monitor_values
from dcp_engine.simulation.neighbours import launch_neighbours
from dcp_engine.simulation.runs import Scenario
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.snapshot import Snapshot
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.engine.rig import Rig, leftovers
from tests.reliability.trespass import Answer, harmed, poison

SHORT = Scenario(job_duration=(60.0, 90.0))
ENDLESS = Scenario(job_duration=(80_000.0, 80_000.0))
ODD_NAMES = [
    "e",
    "_",
    "0",
    "EXP2",
    "Exp1_v3",
    "Exp1Task",
    "Exp1Service",
    "Exp1_perInstance",
    "Exp1_i-0123456789abcdef0",
    "i-0123456789abcdef0",
    "ApproximateNumberOfMessagesVisibleisZero",
    "default",
    "arn_aws_ecs",
    "None",
    "x" * LONGEST_APP_NAME,
]


def launched(
    aws: SimulatedAws, directory: Path, app_name: str = "Exp1", **changes: object
) -> Launch:
    facts: dict[str, object] = {
        "jobs": 3,
        "machines": 2,
        "directory": directory,
        "cluster": "lab",
        "auto_monitor": True,
        "scenario": SHORT,
        **changes,
    }
    return launch_run(aws, app_name, **facts)  # type: ignore[arg-type]


def surroundings(rig: Rig, launch: Launch) -> Snapshot:
    return rig.split(launch)[1]


@pytest.mark.matrix("app_name", ODD_NAMES, sample=2)
def test_an_odd_name_touches_nothing_of_those_that_are_called_alike(
    aws: SimulatedAws, rig: Rig, clock: VirtualClock, tmp_path: Path, app_name: str
) -> None:
    launch = launched(
        aws,
        tmp_path,
        app_name,
        queue="odd",
        dead_letter_queue="odd_dead",
        bucket="odd-bucket",
        log_group="odd",
    )
    if len(app_name) < 60:
        launch_neighbours(aws, app_name, tmp_path / "neighbours", bucket="odd-bucket")
    if app_name != "Exp1":
        launch_neighbours(aws, "Exp1", tmp_path / "others", bucket="odd-bucket")
    clock.advance(200)
    before = surroundings(rig, launch)
    done = rig.until_state(rig.register(launch).run, State.EXPORTED)
    own, others = rig.split(launch)
    assert harmed(before, others) == {}
    assert others == before
    assert done.outcome is Outcome.COMPLETED
    assert leftovers(own) == {}


# What the monitor file says.


def rewritten(launch: Launch, **values: str) -> None:
    path = launch.monitor_file
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}), encoding="utf-8")


NAMES = [
    "MONITOR_APP_NAME",
    "MONITOR_ECS_CLUSTER",
    "MONITOR_QUEUE_NAME",
    "MONITOR_BUCKET_NAME",
    "MONITOR_LOG_GROUP_NAME",
]


@pytest.mark.matrix("key", NAMES, sample=2)
def test_a_file_that_turns_to_a_neighbours_name_opens_no_door(
    aws: SimulatedAws, rig: Rig, clock: VirtualClock, tmp_path: Path, key: str
) -> None:
    launch = launched(aws, tmp_path, scenario=ENDLESS)
    stranger = launched(aws, tmp_path / "other", "Other", cluster="theirs", scenario=ENDLESS)
    run = rig.until(rig.register(launch).run, lambda now: bool(now.active_machines))
    theirs = monitor_values(stranger)
    rewritten(launch, **{key: theirs[key], "MONITOR_FLEET_ID": stranger.fleet_id})
    before = surroundings(rig, launch)
    rig.ask(run, RequestKind.ABORT)
    done = rig.until_state(run, State.EXPORTED)
    assert done.names == run.names
    assert done.fleet_ids == (launch.fleet_id,)
    assert untouched(before, surroundings(rig, launch), stranger)
    assert leftovers(rig.split(launch)[0]) == {}


def untouched(before: Snapshot, after: Snapshot, stranger: Launch) -> bool:
    """Nobody's thing is gone or changed, but for what their own work does meanwhile."""
    working = {"queues", "log_groups", "alarms", "container_instances", "instances", "volumes"}
    still = {kind: things for kind, things in before.items() if kind not in working}
    now = {kind: things for kind, things in after.items() if kind not in working}
    gone = {
        f"{kind} {name}" for kind in working for name in before[kind] if name not in after[kind]
    }
    assert harmed(still, now) == {}
    assert gone == set()
    return stranger.fleet.state == "active" and not stranger.killed_while_working


def test_another_watched_runs_fleet_is_not_adopted_from_a_rewritten_file(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path, scenario=ENDLESS)
    stranger = launched(aws, tmp_path / "other", "Other", cluster="theirs", scenario=ENDLESS)
    run = rig.until(rig.register(launch).run, lambda now: bool(now.active_machines))
    rig.register(stranger)
    rewritten(launch, MONITOR_FLEET_ID=stranger.fleet_id)
    before = surroundings(rig, launch)
    told = rig.tick(run).run.problem("monitor-file")
    assert told is not None
    assert told.needs_person
    assert "belongs to the run Other" in told.text
    rig.ask(run, RequestKind.ABORT)
    done = rig.until_state(run, State.EXPORTED)
    assert done.fleet_ids == (launch.fleet_id,)
    assert untouched(before, surroundings(rig, launch), stranger)


@pytest.mark.parametrize("key", ["MONITOR_FLEET_ID", "MONITOR_QUEUE_NAME"])
def test_a_file_with_another_watched_runs_things_is_not_registered(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, key: str
) -> None:
    launch = launched(aws, tmp_path)
    stranger = launched(aws, tmp_path / "other", "Other")
    rig.register(stranger)
    rewritten(launch, **{key: monitor_values(stranger)[key]})
    with pytest.raises(Refused, match="belongs to the run Other"):
        rig.register(launch)
    assert [run.names.app_name for run in rig.store.runs()] == ["Other"]


# What AWS answers.


def neighbours_queue(aws: SimulatedAws, stranger: Launch) -> None:
    poison(aws, "sqs:GetQueueUrl", lambda answer, _: {"QueueUrl": stranger.queue_url})


def another_accounts_queue(aws: SimulatedAws, stranger: Launch) -> None:
    def change(answer: Answer, _: Any) -> Answer:
        return {"QueueUrl": answer["QueueUrl"].replace(aws.account, "999999999999")}

    poison(aws, "sqs:GetQueueUrl", change)


def neighbours_alarms(aws: SimulatedAws, stranger: Launch) -> None:
    def change(answer: Answer, _: Any) -> Answer:
        every = aws.world.moto.client("cloudwatch", aws.region).describe_alarms()
        return {**answer, "MetricAlarms": every["MetricAlarms"]}

    poison(aws, "cloudwatch:DescribeAlarms", change)


def neighbours_task_definitions(aws: SimulatedAws, stranger: Launch) -> None:
    def change(answer: Answer, _: Any) -> Answer:
        ecs = aws.world.moto.client("ecs", aws.region)
        every = ecs.list_task_definitions()["taskDefinitionArns"]
        foreign = [arn.replace(aws.account, "999999999999") for arn in every]
        return {**answer, "taskDefinitionArns": [*every, *foreign, "Exp1Task:1", ""]}

    poison(aws, "ecs:ListTaskDefinitions", change)


def neighbours_machines(aws: SimulatedAws, stranger: Launch) -> None:
    def change(answer: Answer, _: Any) -> Answer:
        listed = [{"InstanceId": each} for each in stranger.live_instance_ids]
        return {**answer, "ActiveInstances": [*answer["ActiveInstances"], *listed]}

    poison(aws, "ec2:DescribeSpotFleetInstances", change)


def neighbours_fleets(aws: SimulatedAws, stranger: Launch) -> None:
    def change(answer: Answer, _: Any) -> Answer:
        own = answer["SpotFleetRequestConfigs"]
        theirs = [{**each, "SpotFleetRequestId": stranger.fleet_id} for each in own]
        return {**answer, "SpotFleetRequestConfigs": [*theirs, *own]}

    poison(aws, "ec2:DescribeSpotFleetRequests", change)


def neighbours_container_instances(aws: SimulatedAws, stranger: Launch) -> None:
    def change(answer: Answer, _: Any) -> Answer:
        ecs = aws.world.moto.client("ecs", aws.region)
        theirs = ecs.list_container_instances(cluster="theirs")["containerInstanceArns"]
        return {**answer, "containerInstanceArns": [*answer["containerInstanceArns"], *theirs]}

    poison(aws, "ecs:ListContainerInstances", change)


def neighbours_service(aws: SimulatedAws, stranger: Launch) -> None:
    def change(answer: Answer, _: Any) -> Answer:
        ecs = aws.world.moto.client("ecs", aws.region)
        theirs = ecs.describe_services(cluster="theirs", services=[stranger.service])
        return {**answer, "services": theirs["services"], "failures": []}

    poison(aws, "ecs:DescribeServices", change)


def neighbours_cluster(aws: SimulatedAws, stranger: Launch) -> None:
    def change(answer: Answer, _: Any) -> Answer:
        theirs = aws.world.moto.client("ecs", aws.region).describe_clusters(clusters=["theirs"])
        return {**answer, "clusters": theirs["clusters"], "failures": []}

    poison(aws, "ecs:DescribeClusters", change)


def another_account(aws: SimulatedAws, stranger: Launch) -> None:
    poison(aws, "sts:GetCallerIdentity", lambda answer, _: {**answer, "Account": "999999999999"})


POISONS: list[Callable[[SimulatedAws, Launch], None]] = [
    neighbours_queue,
    another_accounts_queue,
    neighbours_alarms,
    neighbours_task_definitions,
    neighbours_machines,
    neighbours_fleets,
    neighbours_container_instances,
    neighbours_service,
    neighbours_cluster,
    another_account,
]


class Named:
    """A case with a name to show."""

    def __init__(self, apply: Callable[[SimulatedAws, Launch], None]) -> None:
        self.apply = apply

    def __str__(self) -> str:
        return self.apply.__name__


CASES = [Named(each) for each in POISONS]


def for_minutes(rig: Rig, run: Run, minutes: int) -> Run:
    for _ in range(minutes):
        rig.tick(run)
        rig.clock.advance(60)
    return rig.run(run)


@pytest.mark.matrix("case", CASES, sample=3)
def test_a_poisoned_answer_harms_nobody(
    aws: SimulatedAws, rig: Rig, clock: VirtualClock, tmp_path: Path, case: Named
) -> None:
    launch = launched(aws, tmp_path, cluster="lab")
    stranger = launched(
        aws, tmp_path / "other", "Other", cluster="theirs", jobs=4, scenario=ENDLESS
    )
    clock.advance(400)
    before = surroundings(rig, launch)
    case.apply(aws, stranger)
    run = rig.register(launch).run
    now = for_minutes(rig, run, 20)
    assert now.identities.queue_url in {None, launch.queue_url}
    rig.ask(run, RequestKind.ABORT)
    now = for_minutes(rig, run, 30)
    assert now.fleet_ids == (launch.fleet_id,)
    recorded = {machine.instance_id for machine in rig.store.machines(run.id)}
    assert recorded <= set(launch.instance_ids)
    assert untouched(before, surroundings(rig, launch), stranger)


def test_a_queue_url_that_is_anothers_is_never_counted(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path, scenario=ENDLESS)
    empty = launched(aws, tmp_path / "other", "Other", jobs=0, machines=1)
    neighbours_queue(aws, empty)
    now = for_minutes(rig, rig.register(launch).run, 30)
    assert now.state in {State.PENDING, State.RUNNING}
    assert now.reading is None
    assert now.problem("queue-unreadable") is not None
    assert launch.fleet.state == "active"


def test_a_stranger_listed_among_the_runs_machines_is_no_hindrance_to_its_end(
    aws: SimulatedAws, rig: Rig, clock: VirtualClock, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path)
    stranger = launched(aws, tmp_path / "other", "Other", cluster="lab", scenario=ENDLESS)
    clock.advance(300)
    neighbours_machines(aws, stranger)
    theirs = stranger.live_instance_ids
    assert theirs
    done = rig.until_state(rig.register(launch).run, State.EXPORTED)
    cluster = done.step("cluster")
    assert cluster is not None
    assert cluster.ended is Ended.KEPT
    assert stranger.live_instance_ids == theirs
    assert set(theirs) <= set(surroundings(rig, launch)["container_instances"])
    assert leftovers(rig.split(launch)[0]).keys() <= {"clusters"}
