"""The gate for what is done for machines that work: names, idle alarms, an end for the idle."""

from collections.abc import Callable
from typing import Any

import pytest

from dcp_engine.aws import operations as op
from dcp_engine.aws.gate import ACCOUNT_FILES, Gate, account_keys, idle_alarm
from dcp_engine.aws.operations import Operation
from dcp_engine.errors import NotOurs
from dcp_engine.model import State

MINE, MINE_TOO = "i-0aaaaaaaaaaaaaaa1", "i-0aaaaaaaaaaaaaaa2"
STRANGER = "i-0bbbbbbbbbbbbbbbb"
VOLUME, THEIRS = "vol-0aaaaaaaaaaaaaaa1", "vol-0bbbbbbbbbbbbbbbb"
ABOUT = {VOLUME: MINE, THEIRS: STRANGER}
NAME = {"Key": "Name", "Value": "Exp1Worker"}
WATCHING = [state for state in State if state.watches]
OVER = [state for state in State if not state.watches]
PUT = {"Bucket": "lab-bucket", "Body": b"", "ContentType": "text/html"}


def check(
    bench: Any, operation: Operation, params: dict[str, Any], *, end_unjoined: bool = True
) -> None:
    gate = Gate(lambda: bench.run, lambda: bench.machines, end_unjoined=end_unjoined)
    gate.check(operation, params, about=ABOUT)


def label(*resources: object, tags: object = (NAME,)) -> dict[str, Any]:
    return {
        "Resources": list(resources),
        "Tags": list(tags) if isinstance(tags, tuple) else tags,
    }


def alarm(bench: Any, instance_id: str = MINE, **changes: Any) -> dict[str, Any]:
    changed = {**idle_alarm(bench.run, instance_id), **changes}
    return {key: value for key, value in changed.items() if value is not None}


@pytest.mark.parametrize("state", WATCHING)
def test_own_machines_may_be_looked_after(bench: Any, state: State) -> None:
    bench.moved(state=state)
    for resources in ((MINE,), (MINE, MINE_TOO, VOLUME), (VOLUME,)):
        check(bench, op.LABEL_MACHINES, label(*resources))
    check(bench, op.PUT_ALARM, alarm(bench))
    check(bench, op.END_UNJOINED, {"InstanceIds": [MINE, MINE_TOO]})


@pytest.mark.parametrize("state", OVER)
def test_and_not_when_their_work_is_over(bench: Any, state: State) -> None:
    bench.moved(state=state)
    for operation, params in (
        (op.LABEL_MACHINES, label(MINE)),
        (op.LABEL_MACHINES, label(VOLUME)),
        (op.PUT_ALARM, alarm(bench)),
        (op.END_UNJOINED, {"InstanceIds": [MINE]}),
    ):
        with pytest.raises(NotOurs, match=r"ended|only while its machines work"):
            check(bench, operation, params)


@pytest.mark.parametrize("state", WATCHING)
def test_nobody_ends_a_machine_unless_that_was_asked_for(bench: Any, state: State) -> None:
    bench.moved(state=state)
    with pytest.raises(NotOurs, match="nobody asked"):
        check(bench, op.END_UNJOINED, {"InstanceIds": [MINE]}, end_unjoined=False)
    with pytest.raises(NotOurs, match="only when its work is over"):
        check(bench, op.TERMINATE_INSTANCES, {"InstanceIds": [MINE]})


@pytest.mark.parametrize(
    "params",
    [
        {"InstanceIds": [STRANGER]},
        {"InstanceIds": [MINE, STRANGER]},
        {"InstanceIds": []},
        {"InstanceIds": MINE},
        {"InstanceIds": [MINE], "Force": True},
        {},
    ],
)
def test_nor_another_machine(bench: Any, params: dict[str, Any]) -> None:
    bench.watching()
    with pytest.raises(NotOurs):
        check(bench, op.END_UNJOINED, params)


@pytest.mark.parametrize(
    "params",
    [
        label(STRANGER),
        label(MINE, STRANGER),
        label(THEIRS),
        label(MINE, THEIRS),
        label("vol-0cccccccccccccccc"),
        label("sfr-00000000-0000-4000-8000-000000000001"),
        label("ami-0aaaaaaaaaaaaaaa1"),
        label(MINE.upper()),
        label(f"{MINE} "),
        label(None),
        label(),
        label(MINE, tags=({**NAME, "Value": "Exp10Worker"},)),
        label(MINE, tags=({**NAME, "Value": ""},)),
        label(MINE, tags=({**NAME, "Key": "name"},)),
        label(MINE, tags=({**NAME, "Key": "aws:ec2spot:fleet-request-id"},)),
        label(MINE, tags=(NAME, {"Key": "Owner", "Value": "us"})),
        label(MINE, tags=()),
        label(MINE, tags=NAME),
        {**label(MINE), "DryRun": False},
        {"Resources": MINE, "Tags": [NAME]},
        {"Tags": [NAME]},
    ],
)
def test_nothing_else_is_named_and_by_no_other_name(bench: Any, params: dict[str, Any]) -> None:
    bench.watching()
    with pytest.raises(NotOurs):
        check(bench, op.LABEL_MACHINES, params)


def test_the_name_of_a_machine_is_not_put_on_as_a_mark(bench: Any) -> None:
    """Two uses of CreateTags do not open each other's door."""
    bench.watching()
    with pytest.raises(NotOurs):
        check(bench, op.CREATE_TAGS, label(MINE))
    mark = {"Key": "dcp-engine:driver", "Value": "x"}
    fleet = bench.run.fleet_ids[0]
    check(bench, op.CREATE_TAGS, label(fleet, tags=(mark,)))
    with pytest.raises(NotOurs):
        check(bench, op.LABEL_MACHINES, label(fleet, tags=(mark,)))


ALARMED: list[dict[str, Any]] = [
    {"AlarmName": f"Exp1_{STRANGER}"},
    {"AlarmName": f"Exp10_{MINE}"},
    {"AlarmName": f"exp1_{MINE}"},
    {"AlarmName": "Exp1"},
    {"AlarmName": None},
    {"AlarmActions": ["arn:aws:sns:us-east-1:123456789012:me"]},
    {"AlarmActions": ["arn:aws:automate:us-east-1:ec2:terminate"]},
    {"AlarmActions": []},
    {"Dimensions": [{"Name": "InstanceId", "Value": MINE_TOO}]},
    {"Dimensions": [{"Name": "InstanceId", "Value": STRANGER}]},
    {"Dimensions": []},
    {"Namespace": "AWS/ECS"},
    {"MetricName": "NetworkIn"},
    {"Statistic": "Average"},
    {"Period": 300},
    {"EvaluationPeriods": 1},
    {"EvaluationPeriods": 14},
    {"Threshold": 5.0},
    {"Threshold": 100.0},
    {"ComparisonOperator": "GreaterThanThreshold"},
    {"ComparisonOperator": None},
    {"ActionsEnabled": True},
    {"OKActions": ["arn:aws:automate:us-east-1:ec2:terminate"]},
    {"InsufficientDataActions": ["arn:aws:automate:us-east-1:ec2:terminate"]},
    {"TreatMissingData": "breaching"},
    {"DatapointsToAlarm": 1},
    {"Unit": "Percent"},
]


@pytest.mark.parametrize("changes", ALARMED, ids=str)
def test_an_alarm_of_any_other_shape_is_not_placed(bench: Any, changes: dict[str, Any]) -> None:
    bench.watching()
    with pytest.raises(NotOurs):
        check(bench, op.PUT_ALARM, alarm(bench, **changes))


def test_every_field_of_the_alarm_is_looked_at(bench: Any) -> None:
    assert {key for changes in ALARMED for key in changes} >= set(idle_alarm(bench.run, MINE))


def test_nor_is_one_for_a_stranger_or_with_a_stranger_in_it(bench: Any) -> None:
    bench.watching()
    with pytest.raises(NotOurs, match="never recorded"):
        check(bench, op.PUT_ALARM, idle_alarm(bench.run, STRANGER))
    bench.machines = ()
    with pytest.raises(NotOurs, match="never recorded"):
        check(bench, op.PUT_ALARM, alarm(bench))


def test_the_account_of_a_run_is_written_beside_its_logs(bench: Any) -> None:
    keys = account_keys(bench.run)
    assert keys == tuple(f"exportedlogs/Exp1/run-1/{name}" for name in ACCOUNT_FILES)
    for key in keys:
        check(bench, op.PUT_OBJECT, {**PUT, "Key": key})


@pytest.mark.parametrize(
    "changes",
    [
        {"Key": "exportedlogs/Exp1/run-1/../../images/plate1.tif"},
        {"Key": "exportedlogs/Exp1/run-1/other.html"},
        {"Key": "exportedlogs/Exp1/run-1/report.html/x"},
        {"Key": "exportedlogs/Exp1/run-10/report.html"},
        {"Key": "exportedlogs/Exp10/run-1/report.html"},
        {"Key": "exportedlogs/Exp1/report.html"},
        {"Key": "/exportedlogs/Exp1/run-1/report.html"},
        {"Key": "EXPORTEDLOGS/Exp1/run-1/report.html"},
        {"Key": "images/plate1.tif"},
        {"Key": ""},
        {"Bucket": "lab-bucket-2"},
        {"ACL": "public-read"},
        {"Tagging": "a=b"},
        {"ContentType": None},
    ],
    ids=str,
)
def test_nothing_else_is_written(bench: Any, changes: dict[str, Any]) -> None:
    params = {**PUT, "Key": account_keys(bench.run)[0], **changes}
    params = {key: value for key, value in params.items() if value is not None}
    with pytest.raises(NotOurs):
        check(bench, op.PUT_OBJECT, params)


@pytest.mark.parametrize("state", [*WATCHING, State.EXPORTED])
def test_nor_before_the_work_is_over_or_after_the_run_has_ended(bench: Any, state: State) -> None:
    bench.moved(state=state)
    with pytest.raises(NotOurs):
        check(bench, op.PUT_OBJECT, {**PUT, "Key": account_keys(bench.run)[0]})


@pytest.mark.parametrize(
    "name", ["Exp1/../x", "Exp1/run-1", "*", "Exp1 "], ids=["up", "down", "star", "space"]
)
def test_a_log_group_of_an_odd_name_leads_nowhere_else(bench: Any, name: str) -> None:
    bench.named(log_group=name)
    for key in account_keys(bench.run):
        assert key.startswith(f"exportedlogs/{name}/run-1/")
    with pytest.raises(NotOurs):
        check(bench, op.PUT_OBJECT, {**PUT, "Key": "exportedlogs/Exp1/run-1/report.html"})


def test_what_is_not_asked_for_at_all_is_refused_without_an_error_of_its_own(bench: Any) -> None:
    bench.watching()
    refused: Callable[..., None] = check
    for operation in (op.LABEL_MACHINES, op.PUT_ALARM, op.END_UNJOINED, op.PUT_OBJECT):
        with pytest.raises(NotOurs):
            refused(bench, operation, {})
