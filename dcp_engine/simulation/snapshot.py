"""Everything the simulated account holds, as plain data to compare."""

import json
import re
from collections.abc import Mapping
from typing import Any

from dcp_engine.simulation.launch import Launch, queue_alarm_names
from dcp_engine.simulation.server import SimulatedAws

Snapshot = dict[str, dict[str, Any]]
"""Kind, then name, then what is worth comparing."""

_COUNTS = {
    "visible": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}
_SETTINGS = ("VisibilityTimeout", "RedrivePolicy")


def snapshot(aws: SimulatedAws) -> Snapshot:
    """What AWS holds in the region at this moment.

    Kinds: alarms, clusters, container_instances, dashboards, exports, fleets, instances,
    log_groups, objects, queues, services, task_definitions, volumes. Services are named
    `cluster/service`, objects `bucket/key`. Terminated instances, INACTIVE services, clusters and
    task definitions, and ended fleets are shown with their state, as AWS does.
    """
    world = aws.world
    with world.timeline.lock:
        world.advance()
        return {
            "alarms": _alarms(aws),
            "clusters": _clusters(aws),
            "container_instances": _container_instances(aws),
            "dashboards": _dashboards(aws),
            "exports": _exports(aws),
            "fleets": _fleets(aws),
            "instances": _instances(aws),
            "log_groups": _log_groups(aws),
            "objects": _objects(aws),
            "queues": _queues(aws),
            "services": _services(aws),
            "task_definitions": _task_definitions(aws),
            "volumes": _volumes(aws),
        }


def _alarms(aws: SimulatedAws) -> dict[str, Any]:
    alarms = aws.world.moto.backend("cloudwatch", aws.region).alarms
    return {
        name: {
            "actions": list(alarm.alarm_actions),
            "armed": bool(alarm.actions_enabled),
            "threshold": alarm.threshold,
            "seconds": (alarm.period or 0) * alarm.evaluation_periods,
        }
        for name, alarm in alarms.items()
    }


def _dashboards(aws: SimulatedAws) -> dict[str, Any]:
    dashboards = aws.world.moto.backend("cloudwatch", aws.region).dashboards
    return {name: {"body": dashboard.body} for name, dashboard in dashboards.items()}


def _queues(aws: SimulatedAws) -> dict[str, Any]:
    sqs = aws.world.moto.client("sqs", aws.region)
    found: dict[str, Any] = {}
    for url in sqs.list_queues().get("QueueUrls", []):
        told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        shown: dict[str, Any] = {name: int(told[key]) for name, key in _COUNTS.items()}
        shown.update({key: told.get(key) for key in _SETTINGS})
        shown["CreatedTimestamp"] = int(float(told["CreatedTimestamp"]))
        found[url.rpartition("/")[2]] = shown
    return found


def _clusters(aws: SimulatedAws) -> dict[str, Any]:
    clusters = aws.world.moto.backend("ecs", aws.region).clusters
    return {name: {"status": cluster.status} for name, cluster in clusters.items()}


def _services(aws: SimulatedAws) -> dict[str, Any]:
    services = aws.world.moto.backend("ecs", aws.region).services.values()
    return {
        f"{service.cluster_name}/{service.name}": {
            "status": service.status,
            "desired": service.desired_count,
            "task_definition": service.task_definition,
        }
        for service in services
    }


def _task_definitions(aws: SimulatedAws) -> dict[str, Any]:
    families = aws.world.moto.backend("ecs", aws.region).task_definitions
    return {
        f"{family}:{revision}": {"status": definition.status}
        for family, revisions in families.items()
        for revision, definition in revisions.items()
    }


def _container_instances(aws: SimulatedAws) -> dict[str, Any]:
    clusters = aws.world.moto.backend("ecs", aws.region).container_instances
    return {
        each.ec2_instance_id: {"cluster": cluster, "connected": each.agent_connected}
        for cluster, instances in clusters.items()
        for each in instances.values()
    }


def _fleets(aws: SimulatedAws) -> dict[str, Any]:
    return {
        fleet.fleet_id: {"state": fleet.state, "target": fleet.target}
        for fleet in aws.world.fleets.all()
        if fleet.region == aws.region
    }


def _instances(aws: SimulatedAws) -> dict[str, Any]:
    ec2 = aws.world.moto.backend("ec2", aws.region)
    return {
        instance.id: {"state": instance.state, "tags": dict(ec2.tags.get(instance.id, {}))}
        for reservation in ec2.reservations.values()
        for instance in reservation.instances
    }


def _volumes(aws: SimulatedAws) -> dict[str, Any]:
    ec2 = aws.world.moto.backend("ec2", aws.region)
    return {
        volume.id: {
            "of": volume.attachment.instance_id if volume.attachment else None,
            "tags": dict(ec2.tags.get(volume.id, {})),
        }
        for volume in ec2.volumes.values()
    }


def _log_groups(aws: SimulatedAws) -> dict[str, Any]:
    groups = aws.world.moto.backend("logs", aws.region).groups
    return {
        name: {"events": {key: len(stream.events) for key, stream in group.streams.items()}}
        for name, group in groups.items()
    }


def _objects(aws: SimulatedAws) -> dict[str, Any]:
    s3 = aws.world.moto.client("s3", aws.region)
    found: dict[str, Any] = {}
    for bucket in s3.list_buckets()["Buckets"]:
        token: dict[str, str] = {}
        while True:
            page = s3.list_objects_v2(Bucket=bucket["Name"], **token)
            for each in page.get("Contents", []):
                shown = {"size": each["Size"], "etag": each["ETag"]}
                found[f"{bucket['Name']}/{each['Key']}"] = shown
            if not page.get("IsTruncated"):
                break
            token = {"ContinuationToken": page["NextContinuationToken"]}
    return found


def _exports(aws: SimulatedAws) -> dict[str, Any]:
    return {
        task.task_id: {
            "status": task.status,
            "log_group": task.log_group,
            "from": task.start,
            "to": task.end,
            "bucket": task.bucket,
            "prefix": task.prefix,
        }
        for task in aws.world.exports.tasks
        if task.region == aws.region
    }


def belonging_to(taken: Snapshot, launch: Launch) -> tuple[Snapshot, Snapshot]:
    """Split a snapshot into what is the run's own and what is its neighbours'.

    By the launch's own records, not by likeness of names. The dead letter queue, the bucket's
    other objects and the `default` cluster count as neighbours': they may serve others.
    """
    own_exports = {
        task_id: task
        for task_id, task in taken["exports"].items()
        if task["log_group"] in (launch.log_group, launch.per_instance_log_group)
    }
    names: Mapping[str, set[str]] = {
        "alarms": {*launch.alarm_names, *queue_alarm_names(launch.app_name)},
        "clusters": {launch.cluster} - {"default"},
        "container_instances": set(launch.instance_ids),
        "dashboards": {launch.app_name},
        "exports": set(own_exports),
        "fleets": set(launch.fleet_ids),
        "instances": set(launch.instance_ids),
        "log_groups": {launch.log_group, launch.per_instance_log_group},
        "objects": _own_objects(taken, launch, own_exports),
        "queues": {launch.queue_name},
        "services": {f"{launch.cluster}/{launch.service}"},
        "task_definitions": {
            name
            for name in taken["task_definitions"]
            if name.rpartition(":")[0] == launch.task_family
        },
        "volumes": {
            name for name, volume in taken["volumes"].items() if volume["of"] in launch.instance_ids
        },
    }
    own: Snapshot = {}
    others: Snapshot = {}
    for kind, things in taken.items():
        own[kind] = {name: thing for name, thing in things.items() if name in names[kind]}
        others[kind] = {name: thing for name, thing in things.items() if name not in names[kind]}
    return own, others


def _own_objects(
    taken: Snapshot, launch: Launch, own_exports: Mapping[str, Mapping[str, Any]]
) -> set[str]:
    own = {f"{launch.bucket}/{launch.monitor_key}"}
    for task_id, task in own_exports.items():
        start = f"{task['bucket']}/{task['prefix']}/"
        own.add(f"{start}aws-logs-write-test")
        own |= {key for key in taken["objects"] if key.startswith(f"{start}{task_id}/")}
    account = re.compile(
        f"{re.escape(launch.bucket)}/exportedlogs/{re.escape(launch.log_group)}/"
        rf"{re.escape(launch.app_name)}-[0-9a-f]{{8}}/(?:report\.html|summary\.json|monitor\.json)"
    )
    return own | {key for key in taken["objects"] if account.fullmatch(key)}


def as_text(taken: Snapshot) -> str:
    """A snapshot as readable JSON, for showing differences."""
    return json.dumps(taken, indent=1, sort_keys=True, default=str)
