"""The cluster and what is in it (Amazon ECS API Reference: the operations named in each test)."""

import json

import pytest

from dcp_engine.aws import operations as op
from dcp_engine.errors import Busy
from dcp_engine.ports import ContainerInstance
from tests.contract.calls import calls
from tests.contract.scene import Scene


@calls(op.DESCRIBE_CLUSTERS, op.LIST_CONTAINER_INSTANCES, op.DELETE_CLUSTER)
def test_one_that_never_was_is_none_and_empty_and_can_be_deleted(scene: Scene) -> None:
    assert scene.aws.service.cluster() is None
    assert scene.aws.service.container_instances() == ()
    scene.aws.service.delete_cluster()


@calls(op.DESCRIBE_CLUSTERS, op.LIST_CONTAINER_INSTANCES)
def test_an_unused_one_is_known_for_it(scene: Scene) -> None:
    scene.make_cluster()
    facts = scene.aws.service.cluster()
    assert facts is not None
    assert facts.status == "ACTIVE"
    assert facts.unused
    assert scene.aws.service.container_instances() == ()


@calls(op.DESCRIBE_CLUSTERS)
def test_one_with_a_service_is_in_use(scene: Scene) -> None:
    scene.make_cluster()
    scene.make_service(0)
    facts = scene.aws.service.cluster()
    assert facts is not None
    assert facts.services == 1
    assert not facts.unused


@calls(op.DESCRIBE_CLUSTERS, op.DELETE_CLUSTER, op.DESCRIBE_SERVICES)
def test_a_deleted_one_is_gone_with_its_service_and_can_be_deleted_again(scene: Scene) -> None:
    scene.make_cluster()
    scene.make_service(0)
    scene.aws.service.delete()
    scene.backend.wait(120)
    scene.aws.service.delete_cluster()
    assert scene.aws.service.cluster() is None
    scene.aws.service.delete_cluster()
    facts = scene.aws.service.describe()
    assert facts is None or facts.status == "INACTIVE"


@calls(
    op.LIST_CONTAINER_INSTANCES,
    op.DESCRIBE_CONTAINER_INSTANCES,
    op.DEREGISTER_CONTAINER_INSTANCE,
    op.DELETE_CLUSTER,
)
def test_machines_are_in_the_books_until_they_are_struck_off(scene: Scene) -> None:
    scene.make_cluster()
    _, machines = scene.backend.fleet(2)
    ecs = scene.client("ecs")
    for machine in machines:
        document = json.dumps({"instanceId": machine, "region": scene.run.region})
        ecs.register_container_instance(
            cluster=scene.names.cluster, instanceIdentityDocument=document
        )
    found = scene.aws.service.container_instances()
    assert {instance.instance_id for instance in found} == set(machines)
    with pytest.raises(Busy):
        scene.aws.service.delete_cluster()
    scene.machines = tuple(machines)
    for instance in found:
        scene.aws.service.deregister_container_instance(instance)
        scene.aws.service.deregister_container_instance(instance)
    assert scene.aws.service.container_instances() == ()
    never = f"{found[0].arn.rpartition('/')[0]}/{'0' * 32}"
    scene.aws.service.deregister_container_instance(
        ContainerInstance(arn=never, instance_id=machines[0])
    )
    scene.aws.service.delete_cluster()
    assert scene.aws.service.cluster() is None
