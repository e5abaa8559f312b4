"""Names that are alike: what is refused as a name, and what one run's gate keeps from another."""

import json
import string
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from dcp_engine import monitor_file
from dcp_engine.aws import operations as op
from dcp_engine.aws.gate import Gate, account_keys, idle_alarm
from dcp_engine.aws.operations import Operation
from dcp_engine.aws_names import LONGEST_APP_NAME, app_name_trouble
from dcp_engine.driver_tag import KEY
from dcp_engine.errors import BadInput, NotOurs
from dcp_engine.model import Fleet, Identities, Names, Run, State

ACCOUNT, REGION = "123456789012", "us-east-1"
NOW = datetime(2030, 1, 1, tzinfo=UTC)
GOOD = {
    "MONITOR_FLEET_ID": "sfr-11111111-2222-3333-4444-555555555555",
    "MONITOR_APP_NAME": "Exp1",
    "MONITOR_ECS_CLUSTER": "lab",
    "MONITOR_QUEUE_NAME": "Exp1Queue",
    "MONITOR_BUCKET_NAME": "lab-bucket",
    "MONITOR_LOG_GROUP_NAME": "Exp1",
    "MONITOR_START_TIME": "1649187798951",
}
NAMES = [key for key in GOOD if key != "MONITOR_START_TIME"]
# Characters that patterns, paths, shells and IAM take for more than themselves, look-alikes of
# plain letters, and what nobody sees.
SPOILERS = [
    *"*?.+[]()|^$\\{}/ \t\n\r\0%&;'\"`<>:@,=~!",
    "\N{CYRILLIC CAPITAL LETTER IE}",
    "\N{FULLWIDTH LATIN SMALL LETTER E}",
    "é",
    "\u200b",
    "\u202e",
    "\N{NON-BREAKING HYPHEN}",
    "\N{FULLWIDTH DIGIT ONE}",
]

plain = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=12)
kin = st.sampled_from(
    ["", "0", "2", "_v2", "_old", "Queue", "Task", "Service", "_perInstance", "_"]
)
machine_ids = st.integers(0, 16**17 - 1).map("i-{:017x}".format)


@settings(deadline=None, max_examples=150)
@given(
    key=st.sampled_from(NAMES),
    at=st.integers(0, 50),
    spoiler=st.sampled_from(SPOILERS),
)
def test_a_name_with_more_than_plain_characters_is_refused(key: str, at: int, spoiler: str) -> None:
    value = GOOD[key]
    spoilt = value[:at] + spoiler + value[at:]
    allowed = {"MONITOR_LOG_GROUP_NAME": "./", "MONITOR_BUCKET_NAME": "."}.get(key, "")
    assume(spoiler not in allowed)
    with pytest.raises(BadInput) as refused:
        monitor_file.parse(json.dumps({**GOOD, key: spoilt}), "the file")
    assert key in str(refused.value)


@pytest.mark.parametrize("key", NAMES)
@pytest.mark.parametrize(
    "value",
    [
        "*",
        "",
        " ",
        "../Exp1",
        "/etc/passwd",
        "arn:aws:sqs:us-east-1:123456789012:Exp10Queue",
        "https://sqs.us-east-1.amazonaws.com/123456789012/Exp10Queue",
        "s3://lab-bucket",
        "Exp1\nExp10",
        "x" * 10_000,
    ],
)
def test_what_is_more_than_a_name_is_refused(key: str, value: str) -> None:
    if key == "MONITOR_LOG_GROUP_NAME" and value in {"../Exp1", "/etc/passwd"}:
        # Log groups are called like paths; they are no more than names to AWS.
        assert monitor_file.parse(json.dumps({**GOOD, key: value}), "f").names.log_group == value
        return
    with pytest.raises(BadInput):
        monitor_file.parse(json.dumps({**GOOD, key: value}), "the file")


def test_names_end_before_what_aws_makes_of_them_is_too_long() -> None:
    assert app_name_trouble("x" * LONGEST_APP_NAME) is None
    assert app_name_trouble("x" * (LONGEST_APP_NAME + 1)) is not None


def a_run(app_name: str, number: int, cluster: str) -> Run:
    return Run(
        id=f"{app_name}-{number}",
        names=Names(
            app_name=app_name,
            cluster=cluster,
            queue=f"{app_name}Queue",
            bucket="lab-bucket",
            log_group=app_name,
            clean_dashboard=True,
        ),
        account=ACCOUNT,
        region=REGION,
        registered_at=NOW,
        earliest_start=NOW,
        state=State.TEARDOWN,
        state_since=NOW,
        fleets=(Fleet(id=f"sfr-{number:08d}", added_at=NOW, start_time=NOW),),
        identities=Identities(
            queue_url=f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{app_name}Queue",
            task_definitions=(
                f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{app_name}Task:{number}",
            ),
        ),
    )


def endings(
    run: Run, machine: str
) -> Iterator[tuple[Operation, dict[str, Any], dict[str, str] | None]]:
    """Every call that ends something of the run."""
    names, fleets = run.names, list(run.fleet_ids)
    own = {"cluster": names.cluster, "service": names.service}
    mark = [{"Key": KEY, "Value": "x"}]
    here = f"arn:aws:ecs:{REGION}:{ACCOUNT}:container-instance/{names.cluster}/c1"
    yield op.DELETE_QUEUE, {"QueueUrl": run.identities.queue_url}, None
    yield (
        op.MODIFY_FLEET,
        {
            "SpotFleetRequestId": fleets[0],
            "TargetCapacity": 1,
            "ExcessCapacityTerminationPolicy": "noTermination",
        },
        None,
    )
    yield op.CANCEL_FLEETS, {"SpotFleetRequestIds": fleets, "TerminateInstances": True}, None
    yield op.TERMINATE_INSTANCES, {"InstanceIds": [machine]}, None
    for key in account_keys(run):
        object_ = {"Bucket": names.bucket, "Key": key}
        yield op.PUT_OBJECT, {**object_, "Body": b"", "ContentType": "text/html"}, None
    yield op.CREATE_TAGS, {"Resources": fleets, "Tags": mark}, None
    yield op.DELETE_TAGS, {"Resources": fleets, "Tags": mark}, None
    yield op.UPDATE_SERVICE, {**own, "desiredCount": 0}, None
    yield op.DELETE_SERVICE, own, None
    revision = run.identities.task_definitions[0]
    yield op.DEREGISTER_TASK_DEFINITION, {"taskDefinition": revision}, None
    yield (
        op.DEREGISTER_CONTAINER_INSTANCE,
        {"cluster": names.cluster, "containerInstance": here, "force": True},
        {here: machine},
    )
    yield op.DELETE_ALARMS, {"AlarmNames": [names.alarm(machine)]}, None
    yield op.DELETE_ALARMS, {"AlarmNames": [names.queue_alarms[0]]}, None
    yield op.DISABLE_ALARM_ACTIONS, {"AlarmNames": [names.queue_alarms[1]]}, None
    yield op.DELETE_DASHBOARDS, {"DashboardNames": [names.dashboard]}, None
    yield op.DELETE_OBJECT, {"Bucket": names.bucket, "Key": names.monitor_key}, None


def services(
    run: Run, machine: str
) -> Iterator[tuple[Operation, dict[str, Any], dict[str, str] | None]]:
    """Every call that is made for machines that work, and for no others."""
    name, volume = [{"Key": "Name", "Value": run.names.worker}], f"vol-{machine[2:]}"
    yield op.PUT_ALARM, idle_alarm(run, machine), None
    yield op.LABEL_MACHINES, {"Resources": [machine], "Tags": name}, None
    yield op.LABEL_MACHINES, {"Resources": [volume], "Tags": name}, {volume: machine}
    yield op.END_UNJOINED, {"InstanceIds": [machine]}, None


@settings(deadline=None, max_examples=100)
@given(
    stem=plain,
    mine=st.tuples(kin, kin),
    theirs=st.tuples(kin, kin),
    swap=st.booleans(),
    machine=machine_ids,
    other=machine_ids,
)
def test_no_gate_opens_for_what_another_run_calls_its_own(
    stem: str,
    mine: tuple[str, str],
    theirs: tuple[str, str],
    swap: bool,
    machine: str,
    other: str,
) -> None:
    one = f"{mine[0]}{stem}{mine[1]}"
    two = f"{theirs[0]}{stem.swapcase() if swap else stem}{theirs[1]}"
    assume(one != two and machine != other)
    run, neighbour = a_run(one, 1, "lab"), a_run(two, 2, "lab")
    gate = Gate(lambda: run, lambda: [machine])
    for operation, params, behind in endings(run, machine):
        gate.check(operation, params, about=behind)
    for operation, params, behind in endings(neighbour, other):
        with pytest.raises(NotOurs):
            gate.check(operation, params, about=behind)
    run, neighbour = (replace(each, state=State.RUNNING) for each in (run, neighbour))
    gate = Gate(lambda: run, lambda: [machine], end_unjoined=True)
    for operation, params, behind in services(run, machine):
        gate.check(operation, params, about=behind)
    for operation, params, behind in services(neighbour, other):
        with pytest.raises(NotOurs):
            gate.check(operation, params, about=behind)


def test_the_endings_are_all_that_changes_and_no_copy_of_it_is_made() -> None:
    run = a_run("Exp1", 1, "lab")
    calls = (*endings(run, "i-0123abcd"), *services(run, "i-0123abcd"))
    # A cluster may be shared; an export copies the logs to the run's own bucket.
    left = {op.DELETE_CLUSTER, op.CREATE_EXPORT_TASK}
    assert {call[0] for call in calls} | left == {each for each in op.OPERATIONS if each.changes}
