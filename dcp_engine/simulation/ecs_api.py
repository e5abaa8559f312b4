"""ECS services, clusters and container instances as they really end.

Source: ECS API reference, DeleteService (from desired count 0; DRAINING, then INACTIVE; out of
ListServices at once), DeleteCluster, UpdateService (ServiceNotActiveException), and the paging
limits of the List operations.
"""

import re
from collections.abc import Mapping
from typing import Any

from dcp_engine.simulation.call import Call, Handler, page_of
from dcp_engine.simulation.placement import ServiceKey
from dcp_engine.simulation.service_error import AwsError

_MACHINES = re.compile(r"ec2InstanceId\s+(?:in\s*\[([^\]]*)\]|==\s*(\S+))")


def _short(name_or_arn: str) -> str:
    return name_or_arn.rpartition("/")[2]


def _cluster_name(call: Call) -> str:
    return _short(call.params.get("cluster", "default"))


def _active_cluster(call: Call) -> Any:
    cluster = call.backend().clusters.get(_cluster_name(call))
    if cluster is None:
        raise AwsError("ClusterNotFoundException", "Cluster not found.")
    if cluster.status != "ACTIVE":
        raise AwsError("ClusterNotFoundException", "The referenced cluster was inactive.")
    return cluster


def _service(call: Call, name_or_arn: str) -> Any:
    return call.backend().services.get(f"{_cluster_name(call)}:{_short(name_or_arn)}")


def _page(call: Call, items: list[Any], key: str, default: int) -> dict[str, Any]:
    size = int(call.params.get("maxResults", default))
    if not 1 <= size <= 100:
        raise AwsError("InvalidParameterException", "maxResults must be between 1 and 100.")
    page, token = page_of(
        items,
        call.params.get("nextToken"),
        size,
        bad_token=AwsError("InvalidParameterException", "Invalid token"),
    )
    return {key: page} if token is None else {key: page, "nextToken": token}


def _with_counts(call: Call, shown: dict[str, Any]) -> dict[str, Any]:
    """moto makes the counts up from the desired one; here they are the tasks there are."""
    key = ServiceKey(call.region, _short(shown["clusterArn"]), shown["serviceName"])
    running = len(call.world.placement.tasks(key))
    shown["runningCount"] = running
    shown["pendingCount"] = max(0, shown["desiredCount"] - running)
    shown["createdAt"] = call.world.placement.created[key]
    return shown


def create_service(call: Call) -> dict[str, Any]:
    """The name must not be taken by an ACTIVE or DRAINING service."""
    _active_cluster(call)
    taken = _service(call, call.params["serviceName"])
    if taken is not None and taken.status == "ACTIVE":
        raise AwsError("InvalidParameterException", "Creation of service was not idempotent.")
    if taken is not None and taken.status == "DRAINING":
        raise AwsError(
            "InvalidParameterException", "Unable to Start a service that is still Draining."
        )
    answer = call.moto()
    key = ServiceKey(call.region, _cluster_name(call), call.params["serviceName"])
    call.world.placement.created[key] = call.world.timeline.now()
    return {"service": _with_counts(call, answer["service"])}


def describe_services(call: Call) -> dict[str, Any]:
    """Up to 10 by name; unknown ones are failures in the answer."""
    if len(call.params["services"]) > 10:
        raise AwsError("InvalidParameterException", "No more than 10 services can be described.")
    _active_cluster(call)
    answer = call.moto()
    answer["services"] = [_with_counts(call, shown) for shown in answer["services"]]
    return answer


def list_services(call: Call) -> dict[str, Any]:
    """ACTIVE ones only, 10 a page by default."""
    _active_cluster(call)
    prefix = f"{_cluster_name(call)}:"
    arns = [
        service.arn
        for name, service in sorted(call.backend().services.items())
        if name.startswith(prefix) and service.status == "ACTIVE"
    ]
    return _page(call, arns, "serviceArns", 10)


def update_service(call: Call) -> dict[str, Any]:
    """Lowering the desired count stops tasks."""
    _active_cluster(call)
    service = _service(call, call.params["service"])
    if service is None:
        raise AwsError("ServiceNotFoundException", "Service not found.")
    if service.status != "ACTIVE":
        raise AwsError("ServiceNotActiveException", "Service was not ACTIVE.")
    answer = call.moto()
    key = ServiceKey(call.region, _cluster_name(call), service.name)
    call.world.placement.scale(key, service.desired_count)
    return {"service": _with_counts(call, answer["service"])}


def delete_service(call: Call) -> dict[str, Any]:
    """From desired count 0, or by force; drains before it is INACTIVE."""
    cluster = _active_cluster(call)
    service = _service(call, call.params["service"])
    if service is None:
        raise AwsError("ServiceNotFoundException", "Service not found.")
    if service.status == "INACTIVE":
        raise AwsError("ServiceNotActiveException", "Service was not ACTIVE.")
    if service.status == "ACTIVE":
        if service.desired_count > 0 and not call.params.get("force"):
            raise AwsError(
                "InvalidParameterException",
                "The service cannot be stopped while it is scaled above 0.",
            )
        service.desired_count = 0
        call.world.placement.scale(ServiceKey(call.region, cluster.name, service.name), 0)
        service.status = "DRAINING"
        drain = call.world.timings.service_drain
        if drain > 0:
            call.world.timeline.schedule(drain, lambda: _end(service))
        else:
            _end(service)
    moto = call.world.moto.client("ecs", call.region)
    shown = moto.describe_services(cluster=cluster.name, services=[service.name])["services"][0]
    return {"service": _with_counts(call, shown)}


def _end(service: Any) -> None:
    service.status = "INACTIVE"


def _cluster_counts(call: Call, name: str) -> dict[str, int]:
    backend = call.backend()
    placed = call.world.placement.tasks_in(call.region, name)
    others = sum(1 for t in backend.tasks.get(name, {}).values() if t.last_status == "RUNNING")
    return {
        "activeServicesCount": sum(
            1
            for key, service in backend.services.items()
            if key.startswith(f"{name}:") and service.status == "ACTIVE"
        ),
        "registeredContainerInstancesCount": len(backend.container_instances.get(name, {})),
        "runningTasksCount": placed + others,
        "pendingTasksCount": 0,
    }


def describe_clusters(call: Call) -> dict[str, Any]:
    """With counts of what is really in them."""
    answer = call.moto()
    for shown in answer["clusters"]:
        shown.update(_cluster_counts(call, shown["clusterName"]))
    return answer


def list_clusters(call: Call) -> dict[str, Any]:
    """ACTIVE ones, a page at a time."""
    arns = [c.arn for c in call.backend().clusters.values() if c.status == "ACTIVE"]
    return _page(call, arns, "clusterArns", 100)


def delete_cluster(call: Call) -> dict[str, Any]:
    """Only one with nothing in it."""
    cluster = _active_cluster(call)
    counts = _cluster_counts(call, cluster.name)
    if counts["activeServicesCount"]:
        raise AwsError(
            "ClusterContainsServicesException",
            "The Cluster cannot be deleted while Services are active.",
        )
    if counts["runningTasksCount"]:
        raise AwsError(
            "ClusterContainsTasksException",
            "The Cluster cannot be deleted while Tasks are active.",
        )
    if counts["registeredContainerInstancesCount"]:
        raise AwsError(
            "ClusterContainsContainerInstancesException",
            "The Cluster cannot be deleted while Container Instances are active or draining.",
        )
    answer = call.moto()
    answer["cluster"].update(counts)
    return answer


def list_task_definitions(call: Call) -> dict[str, Any]:
    """Up to 100 a page."""
    arns = call.moto(maxResults=None, nextToken=None)["taskDefinitionArns"]
    return _page(call, arns, "taskDefinitionArns", 100)


def list_container_instances(call: Call) -> dict[str, Any]:
    """Up to 100 a page, of all or of those that a filter means."""
    cluster = _active_cluster(call)
    wanted = _filtered(str(call.params.get("filter", "")))
    known = call.backend().container_instances.get(cluster.name, {})
    arns = [
        each.container_instance_arn
        for each in known.values()
        if wanted is None or each.ec2_instance_id in wanted
    ]
    return _page(call, arns, "containerInstanceArns", 100)


def _filtered(expression: str) -> frozenset[str] | None:
    """The machines that a filter means; None where there is none.

    Of the cluster query language (ECS developer guide, "Cluster query language") only this.
    """
    if not expression.strip():
        return None
    meant = _MACHINES.fullmatch(expression.strip())
    if meant is None:
        raise AwsError("InvalidParameterException", "Invalid filter expression.")
    return frozenset(each.strip().strip("'\"") for each in (meant[1] or meant[2]).split(","))


def describe_container_instances(call: Call) -> dict[str, Any]:
    """Up to 100 at a time; unknown ones are failures in the answer."""
    cluster = _active_cluster(call)
    if len(call.params["containerInstances"]) > 100:
        raise AwsError("InvalidParameterException", "No more than 100 can be described.")
    call.backend().container_instances.setdefault(cluster.name, {})
    return call.moto()


def deregister_container_instance(call: Call) -> dict[str, Any]:
    """With a task on it only by force; the machine itself lives on."""
    cluster = _active_cluster(call)
    container_instance_id = _short(call.params["containerInstance"])
    known = call.backend().container_instances.setdefault(cluster.name, {})
    if container_instance_id not in known:
        raise AwsError("InvalidParameterException", "Referenced container instance not found.")
    answer = call.moto(force=bool(call.params.get("force", False)))
    call.world.placement.forget_agent(container_instance_id)
    return answer


OPERATIONS: Mapping[str, Handler] = {
    "ecs:CreateService": create_service,
    "ecs:DescribeServices": describe_services,
    "ecs:ListServices": list_services,
    "ecs:UpdateService": update_service,
    "ecs:DeleteService": delete_service,
    "ecs:DescribeClusters": describe_clusters,
    "ecs:ListClusters": list_clusters,
    "ecs:DeleteCluster": delete_cluster,
    "ecs:ListTaskDefinitions": list_task_definitions,
    "ecs:ListContainerInstances": list_container_instances,
    "ecs:DescribeContainerInstances": describe_container_instances,
    "ecs:DeregisterContainerInstance": deregister_container_instance,
}
