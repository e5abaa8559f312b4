"""One request for every operation that the engine makes, about things that are the run's own."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from dcp_engine import driver_tag
from dcp_engine.aws import operations as op
from dcp_engine.aws.gate import account_keys, idle_alarm
from dcp_engine.aws.operations import Operation
from tests.contract.scene import Scene

FLEET = "sfr-00000000-0000-4000-8000-00000000000a"
MACHINE = "i-0aaaaaaaaaaaaaaaa"


def own(scene: Scene) -> Mapping[Operation, dict[str, Any]]:
    """The parameters of each; what they name is recorded as the run's, as the gate asks for."""
    run, names = scene.run, scene.names
    ecs = f"arn:aws:ecs:{run.region}:{run.account}"
    revision = f"{ecs}:task-definition/{names.task_family}:1"
    machine = f"{ecs}:container-instance/{names.cluster}/{'0' * 32}"
    queue = f"{scene.backend.environment()['AWS_ENDPOINT_URL']}/{run.account}/{names.queue}"
    scene.own_fleets(FLEET)
    scene.machines = (MACHINE,)
    hour = {
        "StartTime": datetime(2030, 1, 1, tzinfo=UTC),
        "EndTime": datetime(2030, 1, 1, 1, tzinfo=UTC),
    }
    metric = {"Namespace": "AWS/SQS", "MetricName": "NumberOfMessagesDeleted"}
    deleted = {"Id": "a", "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Sum"}}
    scene.record(queue_url=queue, task_definitions=(revision,))
    fleet = {"SpotFleetRequestId": FLEET}
    fleets = {"SpotFleetRequestIds": [FLEET]}
    mark = {"Resources": [FLEET], "Tags": [{"Key": driver_tag.KEY, "Value": "us"}]}
    cluster = {"cluster": names.cluster}
    service = {**cluster, "service": names.service}
    alarms = {"AlarmNames": list(names.queue_alarms)}
    file = {"Bucket": names.bucket, "Key": names.monitor_key}
    return {
        op.GET_CALLER_IDENTITY: {},
        op.GET_QUEUE_URL: {"QueueName": names.queue},
        op.GET_QUEUE_ATTRIBUTES: {"QueueUrl": queue, "AttributeNames": ["All"]},
        op.DELETE_QUEUE: {"QueueUrl": queue},
        op.DESCRIBE_FLEETS: fleets,
        op.DESCRIBE_FLEET_INSTANCES: fleet,
        op.DESCRIBE_FLEET_HISTORY: {**fleet, "StartTime": datetime(2030, 1, 1, tzinfo=UTC)},
        op.MODIFY_FLEET: {
            **fleet,
            "TargetCapacity": 1,
            "ExcessCapacityTerminationPolicy": "noTermination",
        },
        op.CANCEL_FLEETS: {**fleets, "TerminateInstances": True},
        op.DESCRIBE_INSTANCES: {"Filters": [{"Name": "instance-id", "Values": [MACHINE]}]},
        op.TERMINATE_INSTANCES: {"InstanceIds": [MACHINE]},
        op.END_UNJOINED: {"InstanceIds": [MACHINE]},
        op.DESCRIBE_VOLUMES: {"Filters": [{"Name": "attachment.instance-id", "Values": [MACHINE]}]},
        op.DESCRIBE_SPOT_PRICES: {"InstanceTypes": ["m5.xlarge"], **hour},
        op.CREATE_TAGS: mark,
        op.LABEL_MACHINES: {
            "Resources": [MACHINE],
            "Tags": [{"Key": "Name", "Value": names.worker}],
        },
        op.DELETE_TAGS: mark,
        op.DESCRIBE_SERVICES: {**cluster, "services": [names.service]},
        op.UPDATE_SERVICE: {**service, "desiredCount": 0},
        op.DELETE_SERVICE: service,
        op.LIST_TASK_DEFINITIONS: {"familyPrefix": names.task_family},
        op.DEREGISTER_TASK_DEFINITION: {"taskDefinition": revision},
        op.DESCRIBE_CLUSTERS: {"clusters": [names.cluster]},
        op.LIST_CONTAINER_INSTANCES: cluster,
        op.DESCRIBE_CONTAINER_INSTANCES: {**cluster, "containerInstances": [machine]},
        op.DEREGISTER_CONTAINER_INSTANCE: {
            **cluster,
            "containerInstance": machine,
            "force": True,
            "about": {machine: MACHINE},
        },
        op.DELETE_CLUSTER: cluster,
        op.DESCRIBE_ALARMS: {"AlarmNamePrefix": f"{names.app_name}_"},
        op.PUT_ALARM: idle_alarm(run, MACHINE),
        op.DELETE_ALARMS: alarms,
        op.GET_METRIC_DATA: {"MetricDataQueries": [deleted], **hour},
        op.DISABLE_ALARM_ACTIONS: alarms,
        op.DELETE_DASHBOARDS: {"DashboardNames": [names.dashboard]},
        op.DESCRIBE_LOG_GROUPS: {"logGroupNamePrefix": names.log_group},
        op.FILTER_LOG_EVENTS: {"logGroupName": names.log_group},
        op.CREATE_EXPORT_TASK: {
            "taskName": names.log_group,
            "logGroupName": names.log_group,
            "from": 0,
            "to": 1000,
            "destination": names.bucket,
            "destinationPrefix": f"exportedlogs/{names.log_group}",
        },
        op.DESCRIBE_EXPORT_TASKS: {"limit": 50},
        op.HEAD_OBJECT: file,
        op.PUT_OBJECT: {
            "Bucket": names.bucket,
            "Key": account_keys(run)[0],
            "Body": b"<!doctype html>",
            "ContentType": "text/html",
        },
        op.DELETE_OBJECT: file,
    }
