"""What ECS's answers look like, as far as the engine reads them.

The counts have no defaults: a cluster whose services are not told is not an unused one.
"""

from datetime import datetime

import msgspec


class Failure(msgspec.Struct, frozen=True):
    """What could not be described, and why."""

    arn: str = ""
    reason: str = ""


class ServiceEntry(msgspec.Struct, frozen=True):
    """Service. Those of an external deployment controller have no task definition."""

    name: str = msgspec.field(name="serviceName")
    status: str
    desired: int = msgspec.field(name="desiredCount")
    running: int = msgspec.field(name="runningCount")
    created_at: datetime = msgspec.field(name="createdAt")
    task_definition: str = msgspec.field(name="taskDefinition", default="")


class Services(msgspec.Struct, frozen=True):
    """DescribeServices."""

    services: tuple[ServiceEntry, ...]
    failures: tuple[Failure, ...] = ()


class ClusterEntry(msgspec.Struct, frozen=True):
    """Cluster."""

    name: str = msgspec.field(name="clusterName")
    status: str
    services: int = msgspec.field(name="activeServicesCount")
    running_tasks: int = msgspec.field(name="runningTasksCount")
    pending_tasks: int = msgspec.field(name="pendingTasksCount")
    container_instances: int = msgspec.field(name="registeredContainerInstancesCount")


class Clusters(msgspec.Struct, frozen=True):
    """DescribeClusters."""

    clusters: tuple[ClusterEntry, ...]
    failures: tuple[Failure, ...] = ()


class TaskDefinitions(msgspec.Struct, frozen=True):
    """ListTaskDefinitions."""

    arns: tuple[str, ...] = msgspec.field(name="taskDefinitionArns")


class ContainerInstanceArns(msgspec.Struct, frozen=True):
    """ListContainerInstances."""

    arns: tuple[str, ...] = msgspec.field(name="containerInstanceArns")


class ContainerInstanceEntry(msgspec.Struct, frozen=True):
    """ContainerInstance. `instance_id` is empty for a machine outside EC2."""

    arn: str = msgspec.field(name="containerInstanceArn")
    instance_id: str = msgspec.field(name="ec2InstanceId", default="")


class ContainerInstances(msgspec.Struct, frozen=True):
    """DescribeContainerInstances."""

    instances: tuple[ContainerInstanceEntry, ...] = msgspec.field(name="containerInstances")
    failures: tuple[Failure, ...] = ()
