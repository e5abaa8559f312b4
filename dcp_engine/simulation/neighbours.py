"""Strangers in the same account whose names are as like a run's as names can be."""

import json
from dataclasses import dataclass
from pathlib import Path

from dcp_engine.simulation.launch import (
    make_bucket,
    make_log_group,
    make_queue_alarm,
    queue_alarm_names,
    register_task,
    request_fleet,
)
from dcp_engine.simulation.server import SimulatedAws


@dataclass(frozen=True)
class Neighbours:
    """What was put there."""

    app_names: tuple[str, ...]
    """APP_NAMEs that a careless prefix or substring would take for the run's."""
    fleet_ids: tuple[str, ...]
    bucket: str
    monitor_files: tuple[Path, ...]


def launch_neighbours(
    aws: SimulatedAws, app_name: str, directory: Path, *, bucket: str | None = None
) -> Neighbours:
    """Surround the run `app_name` with others; they do nothing, and nobody may touch them.

    `bucket` is the bucket they share with the run; by default the one `launch_run` gives it.
    """
    shared = bucket or f"{app_name.lower().replace('_', '-')}-bucket"
    names = (
        f"{app_name}0",
        f"{app_name}_v2",
        f"my_{app_name}",
        f"{app_name}Queue",
        app_name.lower(),
    )
    strangers = tuple(name for name in names if name != app_name)
    make_bucket(aws, shared)
    _queues(aws, app_name, strangers)
    _alarms_and_dashboards(aws, app_name, strangers)
    _ecs(aws, app_name, strangers)
    _logs_and_objects(aws, app_name, strangers, shared)
    fleet_ids = tuple(request_fleet(aws, name, 1) for name in strangers)
    files = tuple(
        _monitor_file(directory, name, fleet_id, shared)
        for name, fleet_id in zip(strangers, fleet_ids, strict=True)
    )
    return Neighbours(strangers, fleet_ids, shared, files)


def _queues(aws: SimulatedAws, app_name: str, strangers: tuple[str, ...]) -> None:
    sqs = aws.light_client("sqs")
    names = [f"{name}Queue" for name in strangers]
    names += [f"{app_name}Queue2", f"{app_name}Queue_old", f"my_{app_name}Queue_too"]
    for name in dict.fromkeys(names):
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"job": f"{name}-job"}))


def _alarms_and_dashboards(aws: SimulatedAws, app_name: str, strangers: tuple[str, ...]) -> None:
    cloudwatch = aws.light_client("cloudwatch")
    alarms = [f"{name}_i-0123456789abcdef{n}" for n, name in enumerate(strangers)]
    alarms += [f"{app_name}_cost", f"{app_name}_i-not-a-machine", f"Watch_{app_name}"]
    alarms += [name for stranger in strangers for name in queue_alarm_names(stranger)]
    for name in alarms:
        make_queue_alarm(aws, name, f"{app_name}0Queue")
    for name in (*strangers, f"my_{app_name}_dash", f"{app_name}_costs", f"Billing{app_name}"):
        cloudwatch.put_dashboard(DashboardName=name, DashboardBody=json.dumps({"widgets": []}))


def _ecs(aws: SimulatedAws, app_name: str, strangers: tuple[str, ...]) -> None:
    ecs = aws.light_client("ecs")
    ecs.create_cluster(clusterName="default")
    families = [f"{name}Task" for name in strangers]
    families += [f"{app_name}Task_v2", f"{app_name}Task0", f"{app_name}", f"old_{app_name}Task"]
    for family in dict.fromkeys(families):
        register_task(aws, family)
    for name in (*(f"{name}Service" for name in strangers), f"{app_name}Service2"):
        ecs.create_service(
            cluster="default", serviceName=name, taskDefinition=families[0], desiredCount=1
        )
    other = f"{app_name}_cluster"
    ecs.create_cluster(clusterName=other)
    ecs.create_service(
        cluster=other,
        serviceName=f"{app_name}Service",
        taskDefinition=families[0],
        desiredCount=1,
    )


def _logs_and_objects(
    aws: SimulatedAws, app_name: str, strangers: tuple[str, ...], bucket: str
) -> None:
    s3, logs = aws.light_client("s3"), aws.light_client("logs")
    at = int(aws.clock.now().timestamp() * 1000)
    for name in (*strangers, f"{app_name}_perInstance_old"):
        for group in (name, f"{name}_perInstance"):
            make_log_group(aws, group)
        logs.create_log_stream(logGroupName=name, logStreamName="job")
        event = {"timestamp": at, "message": f"a line of {name}"}
        logs.put_log_events(logGroupName=name, logStreamName="job", logEvents=[event])
        for key in (
            f"monitors/{name}SpotFleetRequestId.json",
            f"exportedlogs/{name}/0000/job/000000.gz",
            f"exportedlogs/{name}_perInstance/0000/job/000000.gz",
        ):
            s3.put_object(Bucket=bucket, Key=key, Body=name.encode())
    for key in (f"exportedlogs/{app_name}/of-last-year/job/000000.gz", f"{app_name}/image.tif"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"precious")


def _monitor_file(directory: Path, name: str, fleet_id: str, bucket: str) -> Path:
    path = directory / f"{name}SpotFleetRequestId.json"
    values = {
        "MONITOR_FLEET_ID": fleet_id,
        "MONITOR_APP_NAME": name,
        "MONITOR_ECS_CLUSTER": "default",
        "MONITOR_QUEUE_NAME": f"{name}Queue",
        "MONITOR_BUCKET_NAME": bucket,
        "MONITOR_LOG_GROUP_NAME": name,
        "MONITOR_START_TIME": "1700000000000",
        "CLEAN_DASHBOARD": "True",
    }
    directory.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values), encoding="utf-8")
    return path
