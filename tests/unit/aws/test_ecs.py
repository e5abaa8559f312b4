"""The service, its task definitions and its cluster."""

from datetime import UTC, datetime
from typing import Any

import pytest

from dcp_engine.errors import AwsError, Busy, Denied, Invalid, NotOurs, Transient, Unreadable
from dcp_engine.ports import ContainerInstance

ARN = "arn:aws:ecs:us-east-1:123456789012"
SERVICE = {
    "serviceName": "Exp1Service",
    "status": "ACTIVE",
    "desiredCount": 3,
    "runningCount": 2,
    "createdAt": 1904904000.5,
    "taskDefinition": f"{ARN}:task-definition/Exp1Task:3",
}
CLUSTER = {
    "clusterName": "lab",
    "status": "ACTIVE",
    "activeServicesCount": 1,
    "runningTasksCount": 2,
    "pendingTasksCount": 3,
    "registeredContainerInstancesCount": 4,
}
DESCRIBE, CLUSTERS = "ecs:DescribeServices", "ecs:DescribeClusters"


def without(entry: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != key}


def missing(name: str, reason: str = "MISSING") -> dict[str, Any]:
    return {"arn": f"{ARN}:{name}", "reason": reason}


def test_the_service_as_it_is(bench: Any) -> None:
    other = {**SERVICE, "serviceName": "Exp1Service2"}
    bench.line.on(DESCRIBE, bench.line.json({"services": [other, SERVICE], "failures": []}))
    facts = bench.aws.service.describe()
    assert (facts.status, facts.desired, facts.running) == ("ACTIVE", 3, 2)
    assert facts.created_at == datetime.fromtimestamp(1904904000.5, UTC)
    assert facts.task_definition == SERVICE["taskDefinition"]
    asked = {"cluster": "lab", "services": ["Exp1Service"]}
    assert bench.line.params(DESCRIBE) == [asked]


def test_a_deleted_service_that_lingers_is_shown(bench: Any) -> None:
    inactive = {**without(SERVICE, "taskDefinition"), "status": "INACTIVE"}
    bench.line.on(DESCRIBE, bench.line.json({"services": [inactive], "failures": []}))
    assert bench.aws.service.describe().status == "INACTIVE"


def test_a_service_or_cluster_that_ecs_does_not_know(bench: Any) -> None:
    gone = bench.line.json({"services": [], "failures": [missing("service/Exp1Service")]})
    bench.line.on(DESCRIBE, gone)
    assert bench.aws.service.describe() is None
    bench.line.on(DESCRIBE, bench.line.error(DESCRIBE, "ClusterNotFoundException"))
    assert bench.aws.service.describe() is None
    bench.line.on(CLUSTERS, bench.line.json({"clusters": [], "failures": [missing("cluster/lab")]}))
    assert bench.aws.service.cluster() is None


@pytest.mark.parametrize(
    ("failures", "expected"),
    [
        ([], Unreadable),
        (None, Unreadable),
        ([missing("x", "ACCESS_DENIED")], Transient),
        ([missing("x"), missing("y", "INTERNAL")], Transient),
    ],
)
def test_a_failure_of_another_kind_is_not_gone(
    bench: Any, failures: list[Any] | None, expected: type[AwsError]
) -> None:
    extra = {} if failures is None else {"failures": failures}
    bench.line.on(DESCRIBE, bench.line.json({"services": [], **extra}))
    with pytest.raises(expected):
        bench.aws.service.describe()
    bench.line.on(CLUSTERS, bench.line.json({"clusters": [], **extra}))
    with pytest.raises(expected):
        bench.aws.service.cluster()


@pytest.mark.parametrize("key", [key for key in SERVICE if key != "taskDefinition"])
def test_a_service_with_a_part_missing_is_unreadable(bench: Any, key: str) -> None:
    body = {"services": [without(SERVICE, key)], "failures": []}
    bench.line.on(DESCRIBE, bench.line.json(body))
    with pytest.raises(Unreadable):
        bench.aws.service.describe()


@pytest.mark.parametrize("key", CLUSTER)
def test_a_cluster_with_a_part_missing_is_not_unused(bench: Any, key: str) -> None:
    body = {"clusters": [without(CLUSTER, key)], "failures": []}
    bench.line.on(CLUSTERS, bench.line.json(body))
    with pytest.raises(Unreadable):
        bench.aws.service.cluster()


def test_the_cluster_as_it_is(bench: Any) -> None:
    bench.line.on(CLUSTERS, bench.line.json({"clusters": [CLUSTER], "failures": []}))
    facts = bench.aws.service.cluster()
    counts = facts.services, facts.running_tasks, facts.pending_tasks, facts.container_instances
    assert counts == (1, 2, 3, 4)
    assert not facts.unused


def test_an_inactive_cluster_is_none(bench: Any) -> None:
    body = {"clusters": [{**CLUSTER, "status": "INACTIVE"}], "failures": []}
    bench.line.on(CLUSTERS, bench.line.json(body))
    assert bench.aws.service.cluster() is None


def test_scaling_and_deleting_the_service(bench: Any) -> None:
    for label in ("ecs:UpdateService", "ecs:DeleteService"):
        bench.line.on(label, bench.line.json({"service": SERVICE}))
    bench.aws.service.scale_to_zero()
    bench.aws.service.delete()
    assert bench.line.calls == [
        ("ecs:UpdateService", {"cluster": "lab", "service": "Exp1Service", "desiredCount": 0}),
        ("ecs:DeleteService", {"cluster": "lab", "service": "Exp1Service"}),
    ]


GONE = [
    ("ecs:UpdateService", "ServiceNotActiveException", ""),
    ("ecs:UpdateService", "ServiceNotFoundException", ""),
    ("ecs:UpdateService", "ClusterNotFoundException", ""),
    ("ecs:DeleteService", "ServiceNotFoundException", ""),
    ("ecs:DeleteService", "ServiceNotActiveException", ""),
    ("ecs:DeleteCluster", "ClusterNotFoundException", ""),
    ("ecs:DeregisterTaskDefinition", "ClientException", "Unable to describe task definition."),
    ("ecs:DeregisterTaskDefinition", "ClientException", "The task definition is inactive"),
    ("ecs:DeregisterContainerInstance", "InvalidParameterException", "instance not found."),
    ("ecs:DeregisterContainerInstance", "ClusterNotFoundException", ""),
]
INSTANCE = ContainerInstance(
    arn=f"{ARN}:container-instance/lab/c1", instance_id="i-0aaaaaaaaaaaaaaa1"
)


def change(bench: Any, label: str) -> None:
    service = bench.aws.service
    match label:
        case "ecs:UpdateService":
            service.scale_to_zero()
        case "ecs:DeleteService":
            service.delete()
        case "ecs:DeleteCluster":
            service.delete_cluster()
        case "ecs:DeregisterTaskDefinition":
            service.deregister_task_definition(f"{ARN}:task-definition/Exp1Task:3")
        case _:
            service.deregister_container_instance(INSTANCE)


@pytest.mark.parametrize(("label", "code", "words"), GONE)
def test_what_is_already_gone_is_fine(bench: Any, label: str, code: str, words: str) -> None:
    lost = bench.line.error(label, "ServerException", status=500)
    bench.line.on(label, lost, bench.line.error(label, code, words))
    change(bench, label)
    assert bench.line.count(label) == 2


@pytest.mark.parametrize(
    ("label", "code", "words", "expected"),
    [
        ("ecs:DeleteCluster", "ClusterContainsServicesException", "", Busy),
        ("ecs:DeleteCluster", "ClusterContainsContainerInstancesException", "", Busy),
        ("ecs:DeleteService", "InvalidParameterException", "it is scaled above 0.", Busy),
        ("ecs:DeleteService", "AccessDeniedException", "", Denied),
        ("ecs:DeregisterContainerInstance", "InvalidParameterException", "odd", Invalid),
        ("ecs:DeregisterTaskDefinition", "ClientException", "odd", Invalid),
    ],
)
def test_what_is_not_gone_is_told(
    bench: Any, label: str, code: str, words: str, expected: type[AwsError]
) -> None:
    bench.line.on(label, bench.line.error(label, code, words))
    with pytest.raises(expected):
        change(bench, label)
    assert bench.line.count(label) == 1


def test_revisions_of_exactly_the_family(bench: Any) -> None:
    families = ["Exp1Task:1", "Exp1Task_v2:1", "Exp1TaskX:9", "exp1Task:1", "Exp10Task:1"]
    arns = [f"{ARN}:task-definition/{family}" for family in families]
    label = "ecs:ListTaskDefinitions"
    bench.line.on(
        label,
        bench.line.json({"taskDefinitionArns": arns, "nextToken": "a"}),
        bench.line.json({"taskDefinitionArns": [f"{ARN}:task-definition/Exp1Task:12"]}),
    )
    assert bench.aws.service.task_definitions() == (
        f"{ARN}:task-definition/Exp1Task:1",
        f"{ARN}:task-definition/Exp1Task:12",
    )
    asked = bench.line.params(label)[0]
    assert asked == {"familyPrefix": "Exp1Task", "status": "ACTIVE", "maxResults": 100}


LIST, DETAILS = "ecs:ListContainerInstances", "ecs:DescribeContainerInstances"


def details(*names: str) -> list[dict[str, Any]]:
    return [{"containerInstanceArn": name, "ec2InstanceId": f"i-{name}"} for name in names]


def test_all_container_instances_in_batches(bench: Any) -> None:
    first, second = [f"a{n}" for n in range(100)], [f"b{n}" for n in range(20)]
    bench.line.on(
        LIST,
        bench.line.json({"containerInstanceArns": first, "nextToken": "x"}),
        bench.line.json({"containerInstanceArns": second}),
    )
    bench.line.on(
        DETAILS,
        bench.line.json({"containerInstances": details(*first), "failures": []}),
        bench.line.json({"containerInstances": details(*second), "failures": []}),
    )
    found = bench.aws.service.container_instances()
    assert [one.arn for one in found] == first + second
    assert found[0].instance_id == "i-a0"
    assert [len(asked["containerInstances"]) for asked in bench.line.params(DETAILS)] == [100, 20]


def test_a_container_instance_that_left_meanwhile_is_left_out(bench: Any) -> None:
    bench.line.on(LIST, bench.line.json({"containerInstanceArns": ["a", "b"]}))
    body = {"containerInstances": details("a"), "failures": [missing("b")]}
    bench.line.on(DETAILS, bench.line.json(body))
    assert [one.arn for one in bench.aws.service.container_instances()] == ["a"]


@pytest.mark.parametrize("failures", [[], [missing("b", "INTERNAL")]])
def test_a_container_instance_is_not_lost_from_sight(bench: Any, failures: list[Any]) -> None:
    bench.line.on(LIST, bench.line.json({"containerInstanceArns": ["a", "b"]}))
    body = {"containerInstances": details("a"), "failures": failures}
    bench.line.on(DETAILS, bench.line.json(body))
    with pytest.raises(Transient):
        bench.aws.service.container_instances()


def test_a_cluster_that_is_gone_has_no_machines(bench: Any) -> None:
    bench.line.on(LIST, bench.line.error(LIST, "ClusterNotFoundException"))
    assert bench.aws.service.container_instances() == ()


def test_only_own_machines_leave_the_cluster(bench: Any) -> None:
    label = "ecs:DeregisterContainerInstance"
    bench.line.on(label, bench.line.json({"containerInstance": {}}))
    bench.aws.service.deregister_container_instance(INSTANCE)
    assert bench.line.params(label) == [
        {"cluster": "lab", "containerInstance": INSTANCE.arn, "force": True}
    ]
    stranger = ContainerInstance(arn=INSTANCE.arn, instance_id="i-0bbbbbbbbbbbbbbbb")
    with pytest.raises(NotOurs):
        bench.aws.service.deregister_container_instance(stranger)
    assert bench.line.count(label) == 1


def test_a_revision_that_was_not_recorded_stays(bench: Any) -> None:
    with pytest.raises(NotOurs):
        bench.aws.service.deregister_task_definition(f"{ARN}:task-definition/Exp1Task:4")
    assert bench.line.calls == []
