"""Least privilege: the engine needs the policy it prints, all of it, and nothing else."""

import ast
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import dcp_engine
from dcp_engine import monitor_file, permissions
from dcp_engine.aws import operations
from dcp_engine.aws.gate import ACCOUNT_FILES
from dcp_engine.aws.operations import OPERATIONS, Operation
from dcp_engine.cli.root import PROGRAM, cli
from dcp_engine.defaults import Settings
from dcp_engine.model import Outcome, RequestKind, State
from dcp_engine.permissions import Scope
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.neighbours import launch_neighbours
from dcp_engine.simulation.runs import Behaviour, Scenario
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.engine.rig import Rig, leftovers
from tests.reliability.iam import Iam
from tests.reliability.overseer import Overseer

LABELS = {operation.label for operation in OPERATIONS}
READS = ("Describe", "Get", "List", "Head", "Filter")


def printed(*args: str) -> dict[str, Any]:
    result = CliRunner().invoke(cli, ["iam-policy", *args], prog_name=PROGRAM)
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def launched(aws: SimulatedAws, directory: Path, app_name: str = "Exp1") -> Launch:
    return launch_run(
        aws,
        app_name,
        jobs=2,
        machines=3,
        directory=directory,
        cluster=f"{app_name}Lab",
        auto_monitor=True,
        scenario=Scenario(
            job_duration=(800.0, 900.0), script=(Behaviour.CRASHES, Behaviour.NEVER_STARTS)
        ),
        visibility_timeout=1000,
    )


def tour(aws: SimulatedAws, rig: Rig, clock: VirtualClock, launch: Launch) -> None:
    """A life in which the engine has reason to make every call that it can make.

    Auto-Monitor is disarmed, the fleet is shrunk, somebody cancels it and leaves its machines
    running, so that they have to be ended one by one; and another run is released.
    """
    run = rig.register(launch, take_over=True).run
    shrunk = "ec2:ModifySpotFleetRequest"
    rig.until(run, lambda _: aws.requests.count(shrunk) > 0, within=timedelta(hours=1))
    aws.client("ec2").cancel_spot_fleet_requests(
        SpotFleetRequestIds=[launch.fleet_id], TerminateInstances=False
    )
    done = rig.until_state(run, State.EXPORTED)
    assert done.outcome is Outcome.COMPLETED
    assert not [problem for problem in done.problems if problem.needs_person]
    assert leftovers(rig.split(launch)[0]) == {}


def released(rig: Rig, launch: Launch) -> None:
    run = rig.register(launch).run
    rig.tick(run)
    rig.ask(run, RequestKind.RELEASE)
    rig.tick(run)


def test_every_declared_operation_is_called_every_permission_needed_and_no_other(
    aws: SimulatedAws, make_rig: Callable[..., Rig], clock: VirtualClock, tmp_path: Path
) -> None:
    rig = make_rig(plugins={"overseer": Overseer()})
    launch = launched(aws, tmp_path)
    other = launched(aws, tmp_path / "other", "Exp2")
    iam = Iam(aws, printed())
    tour(aws, rig, clock, launch)
    released(rig, other)
    assert set(aws.requests.names()) == LABELS
    assert iam.denied == []
    assert iam.used == iam.granted


def test_the_policy_of_one_run_is_enough_for_it_and_opens_no_neighbours_door(
    aws: SimulatedAws, make_rig: Callable[..., Rig], clock: VirtualClock, tmp_path: Path
) -> None:
    rig = make_rig(plugins={"overseer": Overseer()})
    launch = launched(aws, tmp_path)
    neighbours = launch_neighbours(aws, "Exp1", tmp_path / "neighbours")
    clock.advance(200)
    _, before = rig.split(launch)
    iam = Iam(aws, printed(str(launch.monitor_file)))
    tour(aws, rig, clock, launch)
    _, others = rig.split(launch)
    assert others == before
    assert iam.denied == []
    for path in neighbours.monitor_files:
        refused_all(iam, changes_of(Scope.of_file(monitor_file.read(path), None)))


def test_the_policy_of_a_registered_run_is_its_account_and_region(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path)
    run = rig.register(launch).run
    rig.tick(run)
    document = printed("--db", str(rig.database), "Exp1")
    own = [
        resource
        for statement in document["Statement"]
        for resource in statement["Resource"]
        if resource != "*"
    ]
    assert own
    for resource in own:
        _, partition, service, region, account, _ = resource.split(":", 5)
        assert partition == "aws"
        everywhere = service in {"s3", "iam"} or ":dashboard/" in resource
        assert region == ("" if everywhere else run.region)
        assert account == ("" if service == "s3" else run.account)
    assert f"arn:aws:sqs:{run.region}:{run.account}:Exp1DeadMessages" in own
    iam = Iam(aws, document)
    rig.ask(run, RequestKind.ABORT)
    rig.until_state(run, State.EXPORTED)
    assert iam.denied == []


def changes_of(scope: Scope) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Calls that would harm the run whose resources `scope` names."""
    names = scope.names
    fleet = scope.fleets[0]
    url = f"https://sqs.us-east-1.amazonaws.com/123456789012/{names.queue}"
    own = {"cluster": names.cluster, "service": names.service}
    yield "sqs:DeleteQueue", {"QueueUrl": url}
    yield "ec2:ModifySpotFleetRequest", {"SpotFleetRequestId": fleet}
    yield "ec2:CancelSpotFleetRequests", {"SpotFleetRequestIds": [fleet]}
    yield "ec2:CreateTags", {"Resources": [fleet], "Tags": [{"Key": "dcp-engine:driver"}]}
    yield "ecs:UpdateService", own
    yield "ecs:DeleteService", own
    yield "ecs:DeleteCluster", {"cluster": names.cluster}
    name = {"Key": "Name", "Value": names.worker}
    yield "ec2:CreateTags", {"Resources": ["i-0123456789abcdef0"], "Tags": [name]}
    end = "arn:aws:swf:us-east-1:123456789012:action/actions/AWS_EC2.InstanceId.Terminate/1.0"
    alarm = names.alarm("i-0123456789abcdef0")
    yield "cloudwatch:PutMetricAlarm", {"AlarmName": alarm, "AlarmActions": [end]}
    yield "cloudwatch:DeleteAlarms", {"AlarmNames": [names.alarm("i-0123456789abcdef0")]}
    yield "cloudwatch:DisableAlarmActions", {"AlarmNames": list(names.queue_alarms)}
    yield "cloudwatch:DeleteDashboards", {"DashboardNames": [names.dashboard]}
    for file in ACCOUNT_FILES:
        key = f"exportedlogs/{names.log_group}/{names.app_name}-0123abcd/{file}"
        yield "s3:PutObject", {"Bucket": names.bucket, "Key": key}
    yield "s3:DeleteObject", {"Bucket": names.bucket, "Key": names.monitor_key}


def refused_all(iam: Iam, calls: Iterator[tuple[str, Mapping[str, Any]]]) -> None:
    for label, params in calls:
        assert not all(iam.allows(question) for question in iam.questions(label, params)), label


def test_a_policy_lets_nobody_touch_other_tags_or_other_machines(
    aws: SimulatedAws, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path)
    iam = Iam(aws, printed())
    fleet = {"Resources": [launch.fleet_id]}
    mark = {"Key": "dcp-engine:driver", "Value": "x"}
    stranger = aws.client("ec2").run_instances(
        ImageId="ami-0123456789abcdef0", MinCount=1, MaxCount=1
    )
    stranger_id = stranger["Instances"][0]["InstanceId"]
    name = {"Key": "Name", "Value": "Exp1Worker"}
    end = "arn:aws:swf:us-east-1:123456789012:action/actions/AWS_EC2.InstanceId.Terminate/1.0"
    alarm = {"AlarmName": "Exp1_i-0123abcd", "AlarmActions": [end]}
    for label, params in (
        ("ec2:DeleteTags", fleet),
        ("ec2:DeleteTags", {**fleet, "Tags": [{"Key": "Name"}]}),
        ("ec2:CreateTags", {**fleet, "Tags": [mark, {"Key": "Name", "Value": "x"}]}),
        ("ec2:TerminateInstances", {"InstanceIds": [stranger_id]}),
        ("ec2:CreateTags", {"Resources": [stranger_id], "Tags": [name]}),
        ("ec2:CreateTags", {"Resources": [launch.fleet_id], "Tags": [name]}),
        ("ec2:CreateTags", {"Resources": ["vol-0123abcd"], "Tags": [{**name, "Value": "mine"}]}),
        ("ec2:CreateTags", {"Resources": ["vol-0123abcd"], "Tags": [name, mark]}),
        ("cloudwatch:PutMetricAlarm", {**alarm, "AlarmName": "Billing"}),
        ("cloudwatch:PutMetricAlarm", {**alarm, "AlarmActions": ["arn:aws:sns:x:y:z"]}),
    ):
        assert not all(iam.allows(question) for question in iam.questions(label, params))
    for label, params in (
        ("ec2:DeleteTags", {**fleet, "Tags": [mark]}),
        ("ec2:CreateTags", {"Resources": ["vol-0123abcd"], "Tags": [name]}),
        ("cloudwatch:PutMetricAlarm", alarm),
    ):
        assert all(iam.allows(question) for question in iam.questions(label, params)), label


def test_reading_alone_is_enough_to_watch_and_all_of_it_is_needed(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    settings = Settings(alarm_sweep_interval=timedelta(minutes=10))
    rig = make_rig(settings, plugins={"overseer": Overseer()})
    launch = launched(aws, tmp_path)
    iam = Iam(aws, printed("--read-only"))
    run = rig.register(launch).run
    done = rig.until(run, lambda _: iam.used == iam.granted, within=timedelta(hours=1))
    assert done.state.watches
    assert done.reading is not None
    assert done.fleets[0].observed_at is not None
    assert iam.denied
    assert not [line for line in iam.denied if line.partition(":")[2].startswith(READS)]
    assert iam.used == iam.granted
    changed = [r for r in aws.requests if not r.operation.startswith(READS) and r.status == 200]
    assert changed == []
    assert launch.fleet.target == 3


def test_the_end_of_a_run_that_may_only_be_watched_is_said_in_words(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path)
    Iam(aws, printed("--read-only"))
    run = rig.until(rig.register(launch).run, lambda now: bool(now.active_machines))
    rig.ask(run, RequestKind.ABORT)
    stuck = rig.tick(run).run
    problem = stuck.problem("step-fleets")
    assert problem is not None
    assert problem.needs_person
    assert "grant ec2:CancelSpotFleetRequests" in problem.text
    assert launch.fleet.state == "active"


# What no run of the engine can prove: that there is no other way out.


@cache
def sources() -> list[tuple[Path, ast.Module]]:
    root = Path(dcp_engine.__file__).parent
    return [
        (path.relative_to(root), ast.parse(path.read_text(encoding="utf-8")))
        for path in sorted(root.rglob("*.py"))
        if "simulation" not in path.relative_to(root).parts
    ]


def places(meant: Callable[[ast.AST], bool]) -> set[str]:
    return {
        path.as_posix() for path, tree in sources() if any(meant(node) for node in ast.walk(tree))
    }


def test_operations_are_made_in_the_table_alone_and_all_of_them_are_in_it() -> None:
    made = places(
        lambda node: (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "Operation"
        )
    )
    assert made == {"aws/operations.py"}
    constants = [each for each in vars(operations).values() if isinstance(each, Operation)]
    every = (*OPERATIONS, *operations.EXAMINATION)
    assert {each.label for each in constants} == {each.label for each in every}
    assert sorted(constants, key=repr) == sorted({*every}, key=repr)


def test_only_the_edge_calls_a_client_and_only_the_sessions_make_one() -> None:
    def makes(node: ast.AST) -> bool:
        return (
            isinstance(node, ast.Attribute)
            and node.attr in {"Session", "resource"}
            and ("boto" in ast.unparse(node))
        )

    assert places(makes) == {"aws/session.py"}
    # A client's method is found by that name; the limit of time wraps the edge's own calls.
    calls = places(lambda node: isinstance(node, ast.Name) and node.id == "xform_name")
    assert calls == {"aws/edge.py", "aws/time_limit.py"}


def test_every_permission_is_granted_by_one_statement() -> None:
    statements = permissions.policy(Scope())["Statement"]
    granted = [
        (action, resource)
        for statement in statements
        for action in statement["Action"]
        for resource in statement["Resource"]
    ]
    assert len(granted) == len(set(granted))
    needed = {each.permission for each in OPERATIONS if each.permission}
    also = {"s3:ListBucket", "iam:CreateServiceLinkedRole"}
    assert {action for action, _ in granted} == needed | also


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_reading_grants_no_change(operation: Operation) -> None:
    statements = permissions.policy(Scope(), read_only=True)["Statement"]
    granted = {action for statement in statements for action in statement["Action"]}
    if operation.changes:
        assert operation.permission not in granted
    else:
        assert all(action.partition(":")[2].startswith(READS) for action in granted)
