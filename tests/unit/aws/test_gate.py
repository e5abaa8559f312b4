"""Neighbours are never touched: only what was recorded as the run's passes the gate."""

from typing import Any

import msgspec
import pytest

from dcp_engine.aws import operations as op
from dcp_engine.aws.gate import Gate, instance_of_alarm
from dcp_engine.aws.operations import Operation
from dcp_engine.errors import NotOurs

ACCOUNT = "123456789012"
SQS = f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}"
ECS = f"arn:aws:ecs:us-east-1:{ACCOUNT}"
FLEET = "sfr-00000000-0000-4000-8000-000000000001"
STRANGER = "sfr-00000000-0000-4000-8000-000000000002"
MINE, MINE_TOO = "i-0aaaaaaaaaaaaaaa1", "i-0aaaaaaaaaaaaaaa2"
EXPORT = {
    "taskName": "Exp1",
    "logGroupName": "Exp1",
    "from": 0,
    "to": 1,
    "destination": "lab-bucket",
    "destinationPrefix": "exportedlogs/Exp1",
}
PER_INSTANCE = {
    **EXPORT,
    "logGroupName": "Exp1_perInstance",
    "destinationPrefix": "exportedlogs/Exp1_perInstance",
}
MODIFY = {
    "SpotFleetRequestId": FLEET,
    "TargetCapacity": 1,
    "ExcessCapacityTerminationPolicy": "noTermination",
}
UPDATE = {"cluster": "lab", "service": "Exp1Service", "desiredCount": 0}
LEAVE = {"cluster": "lab", "containerInstance": f"{ECS}:container-instance/lab/c1", "force": True}
MONITOR = {"Bucket": "lab-bucket", "Key": "monitors/Exp1SpotFleetRequestId.json"}
QUEUE_ALARMS = (
    "ApproximateNumberOfMessagesVisibleisZero_Exp1",
    "ApproximateNumberOfMessagesNotVisibleisZero_Exp1",
)
MARK = {"Key": "dcp-engine:driver", "Value": "abc 2030-05-17T12:00:00+00:00"}

OURS: list[tuple[Operation, dict[str, Any]]] = [
    (op.DELETE_QUEUE, {"QueueUrl": f"{SQS}/Exp1Queue"}),
    (op.MODIFY_FLEET, MODIFY),
    (op.CANCEL_FLEETS, {"SpotFleetRequestIds": [FLEET], "TerminateInstances": True}),
    (op.TERMINATE_INSTANCES, {"InstanceIds": [MINE, MINE_TOO]}),
    (op.UPDATE_SERVICE, UPDATE),
    (op.DELETE_SERVICE, {"cluster": "lab", "service": "Exp1Service"}),
    (op.DEREGISTER_TASK_DEFINITION, {"taskDefinition": f"{ECS}:task-definition/Exp1Task:3"}),
    (op.DEREGISTER_CONTAINER_INSTANCE, LEAVE),
    (
        op.DEREGISTER_CONTAINER_INSTANCE,
        {**LEAVE, "containerInstance": f"{ECS}:container-instance/c1"},
    ),
    (op.DELETE_CLUSTER, {"cluster": "lab"}),
    (op.DELETE_ALARMS, {"AlarmNames": [f"Exp1_{MINE}", "Exp1_i-0123abcd"]}),
    (
        op.DELETE_ALARMS,
        {
            "AlarmNames": [
                "ApproximateNumberOfMessagesVisibleisZero_Exp1",
                "ApproximateNumberOfMessagesNotVisibleisZero_Exp1",
            ]
        },
    ),
    (op.DISABLE_ALARM_ACTIONS, {"AlarmNames": list(QUEUE_ALARMS)}),
    (op.DISABLE_ALARM_ACTIONS, {"AlarmNames": [QUEUE_ALARMS[1]]}),
    (op.CREATE_TAGS, {"Resources": [FLEET], "Tags": [MARK]}),
    (op.DELETE_TAGS, {"Resources": [FLEET], "Tags": [MARK]}),
    (op.DELETE_DASHBOARDS, {"DashboardNames": ["Exp1"]}),
    (op.CREATE_EXPORT_TASK, EXPORT),
    (op.CREATE_EXPORT_TASK, PER_INSTANCE),
    (op.DELETE_OBJECT, MONITOR),
]


def alarm(*names: str) -> tuple[Operation, dict[str, Any]]:
    return op.DELETE_ALARMS, {"AlarmNames": list(names)}


NEIGHBOURS: list[tuple[Operation, dict[str, Any]]] = [
    *(
        (op.DELETE_QUEUE, {"QueueUrl": url})
        for url in (
            f"{SQS}/Exp1Queue2",
            f"{SQS}/Exp1",
            f"{SQS}/exp1queue",
            f"{SQS}/Exp1Queue/",
            f"{SQS}/Exp1Queue ",
            "https://sqs.us-east-1.amazonaws.com/999999999999/Exp1Queue",
            f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/Exp1Queue",
            "",
        )
    ),
    (op.DELETE_QUEUE, {"QueueUrl": [f"{SQS}/Exp1Queue"]}),
    (op.MODIFY_FLEET, {**MODIFY, "SpotFleetRequestId": STRANGER}),
    (op.MODIFY_FLEET, {**MODIFY, "SpotFleetRequestId": FLEET.upper()}),
    (op.MODIFY_FLEET, {**MODIFY, "ExcessCapacityTerminationPolicy": "default"}),
    (op.MODIFY_FLEET, {**MODIFY, "ExcessCapacityTerminationPolicy": "NoTermination"}),
    (op.MODIFY_FLEET, {"SpotFleetRequestId": FLEET, "TargetCapacity": 1}),
    (op.MODIFY_FLEET, {**MODIFY, "OnDemandTargetCapacity": 5}),
    (op.CANCEL_FLEETS, {"SpotFleetRequestIds": [FLEET, STRANGER], "TerminateInstances": True}),
    (op.CANCEL_FLEETS, {"SpotFleetRequestIds": [], "TerminateInstances": True}),
    (op.CANCEL_FLEETS, {"SpotFleetRequestIds": [FLEET], "TerminateInstances": False}),
    (op.CANCEL_FLEETS, {"SpotFleetRequestIds": FLEET, "TerminateInstances": True}),
    (op.TERMINATE_INSTANCES, {"InstanceIds": [MINE, "i-0bbbbbbbbbbbbbbbb"]}),
    (op.TERMINATE_INSTANCES, {"InstanceIds": []}),
    (op.TERMINATE_INSTANCES, {"InstanceIds": [MINE], "Force": True}),
    (op.UPDATE_SERVICE, {**UPDATE, "service": "Exp10Service"}),
    (op.UPDATE_SERVICE, {**UPDATE, "service": "exp1Service"}),
    (op.UPDATE_SERVICE, {**UPDATE, "cluster": "lab2"}),
    (op.UPDATE_SERVICE, {**UPDATE, "desiredCount": 1}),
    (op.UPDATE_SERVICE, {**UPDATE, "desiredCount": False}),
    (op.DELETE_SERVICE, {"cluster": "lab", "service": "Exp1Service2"}),
    (op.DELETE_SERVICE, {"cluster": "lab", "service": "Exp1Service", "force": True}),
    *(
        (op.DEREGISTER_TASK_DEFINITION, {"taskDefinition": text})
        for text in (
            f"{ECS}:task-definition/Exp1Task:4",
            f"{ECS}:task-definition/Exp1Task_v2:3",
            f"{ECS}:task-definition/Exp10Task:3",
            "Exp1Task:3",
        )
    ),
    *(
        (op.DEREGISTER_CONTAINER_INSTANCE, {**LEAVE, "containerInstance": text})
        for text in (
            f"{ECS}:container-instance/lab2/c1",
            f"arn:aws:ecs:eu-west-1:{ACCOUNT}:container-instance/lab/c1",
            "arn:aws:ecs:us-east-1:999999999999:container-instance/lab/c1",
            f"{ECS}:task-definition/lab/c1",
            "c1",
        )
    ),
    (op.DELETE_CLUSTER, {"cluster": "lab2"}),
    (op.DELETE_CLUSTER, {"cluster": "default"}),
    *(
        (operation, {"Resources": fleets, "Tags": tags})
        for operation in (op.CREATE_TAGS, op.DELETE_TAGS)
        for fleets, tags in (
            ([STRANGER], [MARK]),
            ([FLEET, STRANGER], [MARK]),
            ([MINE], [MARK]),
            ([], [MARK]),
            (FLEET, [MARK]),
            ([FLEET], [{"Key": "Name", "Value": "Exp1"}]),
            ([FLEET], [MARK, {"Key": "Name", "Value": "Exp1"}]),
            ([FLEET], [{**MARK, "Key": "dcp-engine:driver2"}]),
            ([FLEET], [{"Key": "dcp-engine:driver"}]),
            ([FLEET], [{"Key": "dcp-engine:driver", "Value": ""}]),
            ([FLEET], []),
        )
    ),
    (op.DELETE_TAGS, {"Resources": [FLEET]}),
    *(
        (op.DISABLE_ALARM_ACTIONS, {"AlarmNames": names})
        for names in (
            [f"Exp1_{MINE}"],
            ["ApproximateNumberOfMessagesVisibleisZero_Exp10"],
            [*QUEUE_ALARMS, f"Exp1_{MINE}"],
            [],
            QUEUE_ALARMS[0],
        )
    ),
    alarm(f"Exp10_{MINE}"),
    alarm(f"exp1_{MINE}"),
    alarm(f"Exp1_{MINE}", "Exp1_budget"),
    alarm(f"Exp1_{MINE}_cpu"),
    alarm(f"Exp1_{MINE}\n"),
    alarm("Exp1_i-012"),
    alarm("Exp1_i-0123ABCD"),
    alarm("Exp1_i-\uff10123abcd"),
    alarm("Exp1_"),
    alarm("Exp1"),
    alarm(f"my_Exp1_{MINE}"),
    alarm("ApproximateNumberOfMessagesVisibleisZero_Exp10"),
    alarm(),
    *(
        (op.DELETE_DASHBOARDS, {"DashboardNames": names})
        for names in (["Exp10"], ["my_Exp1_dash"], ["exp1"], ["Exp1", "Exp10"], [], "Exp1")
    ),
    (op.CREATE_EXPORT_TASK, {**EXPORT, "logGroupName": "Exp10"}),
    (op.CREATE_EXPORT_TASK, {**EXPORT, "logGroupName": "Exp1_perInstance"}),
    (op.CREATE_EXPORT_TASK, {**EXPORT, "destinationPrefix": "exportedlogs/Exp10"}),
    (op.CREATE_EXPORT_TASK, {**EXPORT, "destinationPrefix": "exportedlogs/Exp1/"}),
    (op.CREATE_EXPORT_TASK, {**EXPORT, "logGroupName": "Exp1_perinstance"}),
    (op.CREATE_EXPORT_TASK, {**EXPORT, "destination": "lab-bucket-2"}),
    (op.CREATE_EXPORT_TASK, {**EXPORT, "destinationPrefix": "images/plate1"}),
    (op.DELETE_OBJECT, {**MONITOR, "Bucket": "lab-bucket2"}),
    (op.DELETE_OBJECT, {**MONITOR, "Key": "monitors/Exp10SpotFleetRequestId.json"}),
    (op.DELETE_OBJECT, {**MONITOR, "Key": "images/plate1.tif"}),
]


def check(bench: Any, operation: Operation, params: dict[str, Any]) -> None:
    about = {params.get("containerInstance", ""): MINE}
    Gate(lambda: bench.run, lambda: bench.machines).check(operation, params, about=about)


@pytest.mark.parametrize(("operation", "params"), OURS)
def test_what_was_recorded_may_be_changed(
    bench: Any, operation: Operation, params: dict[str, Any]
) -> None:
    check(bench, operation, params)  # raises unless it passes


@pytest.mark.parametrize(("operation", "params"), NEIGHBOURS)
def test_neighbours_are_refused(bench: Any, operation: Operation, params: dict[str, Any]) -> None:
    with pytest.raises(NotOurs) as caught:
        check(bench, operation, params)
    words = str(caught.value)
    assert operation.label in words
    assert "Exp1 (run-1)" in words
    assert "Nothing was changed" in words


@pytest.mark.parametrize("name", ["Exp.", "Exp1|Exp2", "Exp*", "[Ee]xp1", "(Exp1)"])
def test_a_name_is_never_a_pattern(bench: Any, name: str) -> None:
    bench.named(app_name=name)
    for stranger in (f"Exp1_{MINE}", f"Expp_{MINE}", f"exp1_{MINE}"):
        with pytest.raises(NotOurs):
            check(bench, *alarm(stranger))
    check(bench, *alarm(f"{name}_{MINE}"))
    assert instance_of_alarm(f"{name}_{MINE}", name) == MINE


def test_a_queue_that_was_never_seen_is_nobodys(bench: Any) -> None:
    bench.known(queue_url=None)
    with pytest.raises(NotOurs, match="never seen"):
        check(bench, op.DELETE_QUEUE, {"QueueUrl": f"{SQS}/Exp1Queue"})


@pytest.mark.parametrize(
    "url", [f"{SQS}/Exp10Queue", "https://sqs.us-east-1.amazonaws.com/999999999999/Exp1Queue"]
)
def test_a_wrongly_recorded_queue_is_not_deleted_either(bench: Any, url: str) -> None:
    bench.known(queue_url=url)
    with pytest.raises(NotOurs):
        check(bench, op.DELETE_QUEUE, {"QueueUrl": url})


@pytest.mark.parametrize(
    "arn",
    [
        f"{ECS}:task-definition/Exp1Task_v2:3",
        f"arn:aws:ecs:eu-west-1:{ACCOUNT}:task-definition/Exp1Task:3",
        "arn:aws:ecs:us-east-1:999999999999:task-definition/Exp1Task:3",
        f"{ECS}:task-definition/Exp1Task",
        f"{ECS}:task-definition/Exp1Task:x",
        "Exp1Task:3",
    ],
)
def test_a_wrongly_recorded_revision_stays(bench: Any, arn: str) -> None:
    bench.known(task_definitions=(arn,))
    with pytest.raises(NotOurs):
        check(bench, op.DEREGISTER_TASK_DEFINITION, {"taskDefinition": arn})


def test_the_machine_behind_a_container_instance_must_be_recorded(bench: Any) -> None:
    gate = Gate(lambda: bench.run, lambda: bench.machines)
    for machine in ("i-0bbbbbbbbbbbbbbbb", "", None):
        about = {} if machine is None else {str(LEAVE["containerInstance"]): machine}
        with pytest.raises(NotOurs):
            gate.check(op.DEREGISTER_CONTAINER_INSTANCE, LEAVE, about=about)


def test_everybodys_cluster_stays_even_when_it_is_the_runs(bench: Any) -> None:
    bench.named(cluster="default")
    with pytest.raises(NotOurs, match="everybody"):
        check(bench, op.DELETE_CLUSTER, {"cluster": "default"})


def test_the_run_is_looked_at_when_the_call_is_made(bench: Any) -> None:
    gate = Gate(lambda: bench.run, lambda: bench.machines)
    cancel = {"SpotFleetRequestIds": [STRANGER], "TerminateInstances": True}
    with pytest.raises(NotOurs):
        gate.check(op.CANCEL_FLEETS, cancel)
    fleet = msgspec.structs.replace(bench.run.fleets[0], id=STRANGER)
    bench.run = msgspec.structs.replace(bench.run, fleets=(*bench.run.fleets, fleet))
    gate.check(op.CANCEL_FLEETS, cancel)
    assert STRANGER in bench.run.fleet_ids
