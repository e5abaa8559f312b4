"""Where the two emulators disagree: what the documentation says, and who does so.

Each probe asks by plain boto3, since this is about the emulators. That the engine comes to the same
end on both is what the other tests of this package show. When one of these fails an emulator has
changed: correct the table.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError

from tests.contract.backends import OnMinistack, OnSimulation
from tests.contract.scene import Scene

ON_BOTH = pytest.mark.parametrize("backend", [OnSimulation.name, OnMinistack.name], indirect=True)


def _code(call: Callable[..., Any], **params: Any) -> str:
    """The code of the error, or that there was none."""
    try:
        call(**params)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "accepted"


def delete_a_cluster_in_use(scene: Scene) -> str:
    scene.make_cluster()
    scene.make_service(0)
    return _code(scene.client("ecs").delete_cluster, cluster=scene.names.cluster)


def update_a_deleted_service(scene: Scene) -> str:
    scene.make_cluster()
    scene.make_service(0)
    ecs, where = scene.client("ecs"), {"cluster": scene.names.cluster}
    ecs.delete_service(**where, service=scene.names.service)
    scene.backend.wait(120)
    return _code(ecs.update_service, **where, service=scene.names.service, desiredCount=0)


def list_the_machines_of_no_cluster(scene: Scene) -> str:
    return _code(scene.client("ecs").list_container_instances, cluster=scene.names.cluster)


def describe_a_machine_that_never_was(scene: Scene) -> str:
    scene.make_cluster()
    answer = scene.client("ecs").describe_container_instances(
        cluster=scene.names.cluster, containerInstances=["0" * 32]
    )
    return ", ".join(failure["reason"] for failure in answer["failures"]) or "not mentioned"


def list_a_family_beside_a_similar_one(scene: Scene) -> str:
    scene.make_task_definition(f"{scene.names.task_family}_v2")
    answer = scene.client("ecs").list_task_definitions(familyPrefix=scene.names.task_family)
    return "taken for it" if answer["taskDefinitionArns"] else "told apart"


def delete_more_than_a_hundred_alarms(scene: Scene) -> str:
    names = [scene.names.alarm(f"i-{number:017x}") for number in range(101)]
    return _code(scene.client("cloudwatch").delete_alarms, AlarmNames=names)


def delete_a_dashboard_that_never_was(scene: Scene) -> str:
    call = scene.client("cloudwatch").delete_dashboards
    return _code(call, DashboardNames=[scene.names.dashboard])


def make_a_queue_anew_at_once(scene: Scene) -> str:
    sqs = scene.client("sqs")
    sqs.delete_queue(QueueUrl=scene.make_queue())
    return _code(sqs.create_queue, QueueName=scene.names.queue)


def delete_a_tag_by_another_value(scene: Scene) -> str:
    fleet_id, _ = scene.backend.fleet(1)
    ec2 = scene.client("ec2")
    ec2.create_tags(Resources=[fleet_id], Tags=[{"Key": "driver", "Value": "theirs"}])
    ec2.delete_tags(Resources=[fleet_id], Tags=[{"Key": "driver", "Value": "ours"}])
    return "kept" if "driver" in scene.backend.tags(fleet_id) else "deleted"


def place_a_tag_of_aws(scene: Scene) -> str:
    fleet_id, _ = scene.backend.fleet(1)
    tag = {"Key": "aws:ours", "Value": "x"}
    return _code(scene.client("ec2").create_tags, Resources=[fleet_id], Tags=[tag])


def name_a_machine_that_never_was(scene: Scene) -> str:
    tag = {"Key": "Name", "Value": "x"}
    return _code(scene.client("ec2").create_tags, Resources=["i-0ffffffffffffffff"], Tags=[tag])


def ask_why_a_machine_has_ended(scene: Scene) -> str:
    _, machines = scene.backend.fleet(1)
    ec2 = scene.client("ec2")
    ec2.terminate_instances(InstanceIds=machines)
    scene.backend.wait(120)
    wanted = [{"Name": "instance-id", "Values": machines}]
    (told,) = ec2.describe_instances(Filters=wanted)["Reservations"][0]["Instances"]
    return str(told.get("StateReason", {}).get("Code") or "not told")


class Difference(msgspec.Struct, frozen=True):
    """What one request leads to; `page` says that `documented` is right."""

    probe: Callable[[Scene], str]
    page: str
    documented: str
    simulation: str
    ministack: str

    def __str__(self) -> str:
        return self.probe.__name__


DIFFERENCES = (
    Difference(
        delete_a_cluster_in_use,
        page="Amazon ECS API Reference, DeleteCluster, Errors",
        documented="ClusterContainsServicesException",
        simulation="ClusterContainsServicesException",
        ministack="accepted",
    ),
    Difference(
        update_a_deleted_service,
        page="Amazon ECS API Reference, UpdateService, Errors",
        documented="ServiceNotActiveException",
        simulation="ServiceNotActiveException",
        ministack="accepted",
    ),
    Difference(
        list_the_machines_of_no_cluster,
        page="Amazon ECS API Reference, ListContainerInstances, Errors",
        documented="ClusterNotFoundException",
        simulation="ClusterNotFoundException",
        ministack="accepted",
    ),
    Difference(
        describe_a_machine_that_never_was,
        page="Amazon ECS Developer Guide, API failure reasons",
        documented="MISSING",
        simulation="MISSING",
        ministack="not mentioned",
    ),
    Difference(
        list_a_family_beside_a_similar_one,
        page="Amazon ECS API Reference, ListTaskDefinitions, familyPrefix",
        documented="told apart",
        simulation="told apart",
        ministack="taken for it",
    ),
    Difference(
        delete_more_than_a_hundred_alarms,
        page="Amazon CloudWatch API Reference, DeleteAlarms, AlarmNames; CommonErrors",
        documented="ValidationError",
        simulation="ValidationError",
        ministack="accepted",
    ),
    Difference(
        delete_a_dashboard_that_never_was,
        page="botocore's model of CloudWatch, DashboardNotFoundError, error code",
        documented="ResourceNotFound",
        simulation="ResourceNotFound",
        ministack="DashboardNotFoundError",
    ),
    Difference(
        make_a_queue_anew_at_once,
        page="Amazon SQS API Reference, CreateQueue, Errors",
        documented="AWS.SimpleQueueService.QueueDeletedRecently",
        simulation="AWS.SimpleQueueService.QueueDeletedRecently",
        ministack="accepted",
    ),
    Difference(
        delete_a_tag_by_another_value,
        page="Amazon EC2 API Reference, DeleteTags, Tag.N",
        documented="kept",
        simulation="kept",
        ministack="deleted",
    ),
    Difference(
        place_a_tag_of_aws,
        page="Amazon EC2 User Guide, Tag restrictions",
        documented="InvalidParameterValue",
        simulation="InvalidParameterValue",
        ministack="accepted",
    ),
    Difference(
        name_a_machine_that_never_was,
        page="Amazon EC2 API Reference, Error codes",
        documented="InvalidInstanceID.NotFound",
        simulation="InvalidInstanceID.NotFound",
        ministack="accepted",
    ),
    Difference(
        ask_why_a_machine_has_ended,
        page="Amazon EC2 API Reference, StateReason",
        documented="Client.UserInitiatedShutdown",
        simulation="Client.UserInitiatedShutdown",
        ministack="not told",
    ),
)


@ON_BOTH
@pytest.mark.parametrize("difference", DIFFERENCES, ids=str)
def test_difference(difference: Difference, scene: Scene) -> None:
    told = {OnSimulation.name: difference.simulation, OnMinistack.name: difference.ministack}
    assert difference.probe(scene) == told[scene.backend.name]
    assert difference.documented in told.values()
    assert len(set(told.values())) == 2
