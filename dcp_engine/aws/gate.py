"""The blast-radius gate: no changing call leaves unless what it names was recorded as the run's.

Names are compared whole and as they are, never by prefix, substring or pattern: `Exp1` must not
touch `Exp10`. An operation without a rule here is refused, and one that ends something of the run
is refused until its TEARDOWN is committed: a working machine does not die of a plugin's mistake.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from dcp_engine import driver_tag
from dcp_engine.aws import operations as op
from dcp_engine.aws.arn import Arn
from dcp_engine.aws.operations import Operation
from dcp_engine.errors import NotOurs
from dcp_engine.model import Run, State
from dcp_engine.partition import partition

ACCOUNT_FILES = ("report.html", "summary.json", "monitor.json")
"""What is written of a run's account beside its logs."""

# Amazon EC2 User Guide, "Resource IDs": 8 hexadecimal digits of old, 17 since 2016.
_INSTANCE_ID = re.compile(r"i-(?:[0-9a-f]{8}|[0-9a-f]{17})", re.ASCII)
_VOLUME_ID = re.compile(r"vol-(?:[0-9a-f]{8}|[0-9a-f]{17})", re.ASCII)

# What may be changed while jobs are still counted: none of it ends a machine or loses a job.
_WHILE_WATCHING = frozenset(
    {
        "ec2:ModifySpotFleetRequest",
        "ec2:CreateTags",
        "ec2:DeleteTags",
        "cloudwatch:PutMetricAlarm",
        "cloudwatch:DeleteAlarms",
        "cloudwatch:DisableAlarmActions",
    }
)
# What is done for a machine that works has no place once its run is taken down.
_ONLY_WHILE_WATCHING = (op.PUT_ALARM, op.LABEL_MACHINES, op.END_UNJOINED)
# A released run takes its mark away, and nothing else.
_AFTER_THE_END = frozenset({"ec2:DeleteTags"})


def instance_of_alarm(name: str, app_name: str) -> str | None:
    """The instance id in a worker's alarm name, None when it is not exactly one of this run."""
    instance_id = name.removeprefix(f"{app_name}_")
    well_formed = instance_id != name and _INSTANCE_ID.fullmatch(instance_id)
    return instance_id if well_formed else None


class Gate:
    """Checks changing calls against one run, as it is at the moment of the call."""

    def __init__(
        self,
        run: Callable[[], Run],
        machines: Callable[[], Iterable[str]],
        *,
        end_unjoined: bool = False,
    ) -> None:
        """`machines` gives every instance id ever recorded as the run's.

        `end_unjoined` is whether a person wants machines ended that never joined the cluster.
        """
        self._run = run
        self._machines = machines
        self._end_unjoined = end_unjoined

    def check(
        self,
        operation: Operation,
        params: Mapping[str, Any],
        *,
        about: Mapping[str, str] | None = None,
    ) -> None:
        """Raise NotOurs, in words, unless the run owns everything that the call would change.

        `about` is the instance id behind a volume or a container instance, whose own id or ARN does
        not tell it.
        """
        run = self._run()
        complaint = self._complaint(run, operation, params, about or {}) or self._untimely(
            run, operation
        )
        if complaint is not None:
            raise NotOurs(
                f"{operation.label} was not called for run {run.names.app_name} ({run.id}): "
                f"{complaint}. Nothing was changed by this. If it does belong to the run, remove "
                "it by hand in the AWS console; otherwise it is right to leave it alone"
            )

    def _complaint(  # noqa: PLR0911, PLR0912
        self, run: Run, operation: Operation, params: Mapping[str, Any], about: Mapping[str, str]
    ) -> str | None:
        names = run.names
        if operation == op.LABEL_MACHINES:
            return (
                _only(params, "Resources", "Tags")
                or _all_in("the machine", _behind(params["Resources"], about), self._machines())
                or _is(params, "Tags", [{"Key": "Name", "Value": names.worker}])
            )
        match operation.label:
            case "sqs:DeleteQueue":
                return _only(params, "QueueUrl") or _queue(run, params["QueueUrl"])
            case "ec2:ModifySpotFleetRequest":
                return (
                    _only(
                        params,
                        "SpotFleetRequestId",
                        "TargetCapacity",
                        "ExcessCapacityTerminationPolicy",
                    )
                    or _all_in("the fleet", [params["SpotFleetRequestId"]], run.fleet_ids)
                    or _is(params, "ExcessCapacityTerminationPolicy", "noTermination")
                )
            case "ec2:CancelSpotFleetRequests":
                return (
                    _only(params, "SpotFleetRequestIds", "TerminateInstances")
                    or _all_in("the fleet", params["SpotFleetRequestIds"], run.fleet_ids)
                    or _is(params, "TerminateInstances", True)
                )
            case "ec2:TerminateInstances":
                return _only(params, "InstanceIds") or _all_in(
                    "the machine", params["InstanceIds"], self._machines()
                )
            case "ec2:CreateTags" | "ec2:DeleteTags":
                return (
                    _only(params, "Resources", "Tags")
                    or _all_in("the fleet", params["Resources"], run.fleet_ids)
                    or _driver_tag(params["Tags"])
                )
            case "ecs:UpdateService":
                return (
                    _only(params, "cluster", "service", "desiredCount")
                    or _is(params, "cluster", names.cluster)
                    or _is(params, "service", names.service)
                    or _is(params, "desiredCount", 0)
                )
            case "ecs:DeleteService":
                return (
                    _only(params, "cluster", "service")
                    or _is(params, "cluster", names.cluster)
                    or _is(params, "service", names.service)
                )
            case "ecs:DeregisterTaskDefinition":
                return _only(params, "taskDefinition") or _task_definition(
                    run, params["taskDefinition"]
                )
            case "ecs:DeregisterContainerInstance":
                return (
                    _only(params, "cluster", "containerInstance", "force")
                    or _is(params, "cluster", names.cluster)
                    or _container_instance(run, params["containerInstance"])
                    or _all_in(
                        "the machine",
                        [about.get(params["containerInstance"])],
                        self._machines(),
                    )
                )
            case "ecs:DeleteCluster":
                return (
                    _only(params, "cluster")
                    or _is(params, "cluster", names.cluster)
                    or _not_default(params["cluster"])
                )
            case "cloudwatch:PutMetricAlarm":
                return _only(params, *idle_alarm(run, "")) or self._idle_alarm(run, params)
            case "cloudwatch:DeleteAlarms":
                return _only(params, "AlarmNames") or _alarms(run, params["AlarmNames"])
            case "cloudwatch:DisableAlarmActions":
                return _only(params, "AlarmNames") or _all_in(
                    "the alarm", params["AlarmNames"], names.queue_alarms
                )
            case "cloudwatch:DeleteDashboards":
                return _only(params, "DashboardNames") or _is(
                    params, "DashboardNames", [names.dashboard]
                )
            case "logs:CreateExportTask":
                return (
                    _only(
                        params,
                        "taskName",
                        "logGroupName",
                        "from",
                        "to",
                        "destination",
                        "destinationPrefix",
                    )
                    or _all_in("the log group", [params["logGroupName"]], names.log_groups)
                    or _is(params, "destination", names.bucket)
                    or _exported(params["destinationPrefix"], params["logGroupName"])
                )
            case "s3:PutObject":
                return (
                    _only(params, "Bucket", "Key", "Body", "ContentType")
                    or _is(params, "Bucket", names.bucket)
                    or _all_in("the object", [params["Key"]], account_keys(run))
                )
            case "s3:DeleteObject":
                return (
                    _only(params, "Bucket", "Key")
                    or _is(params, "Bucket", names.bucket)
                    or _is(params, "Key", names.monitor_key)
                )
            case _:
                return "no rule says whose resources it may change"

    def _idle_alarm(self, run: Run, params: Mapping[str, Any]) -> str | None:
        name = str(params["AlarmName"])
        instance_id = instance_of_alarm(name, run.names.app_name)
        if instance_id is None:
            return f"the alarm {name} is not this run's"
        if params != idle_alarm(run, instance_id):
            return f"the alarm {name} would not be the one that the worker places"
        return _all_in("the machine", [instance_id], self._machines())

    def _untimely(self, run: Run, operation: Operation) -> str | None:
        if operation == op.END_UNJOINED and not self._end_unjoined:
            return "nobody asked for machines to be ended that did not join the cluster"
        if run.state is State.EXPORTED and operation.label not in _AFTER_THE_END:
            return "the run has ended, and nothing of it is changed any more"
        if operation in _ONLY_WHILE_WATCHING:
            over = f"the run is {run.state}, and this is done only while its machines work"
            return None if run.state.watches else over
        if run.state.watches and operation.label not in _WHILE_WATCHING:
            return f"the run is {run.state}, and this is done only when its work is over"
        return None


def idle_alarm(run: Run, instance_id: str) -> dict[str, Any]:
    """PutMetricAlarm for a machine as Distributed-CellProfiler's `run-worker.sh` calls it.

    The action is the one by way of Simple Workflow (Amazon CloudWatch User Guide, "Create alarms
    to stop, terminate, reboot, or recover an EC2 instance").
    """
    action = f"arn:{partition(run.region)}:swf:{run.region}:{run.account}:action/actions"
    return {
        "AlarmName": run.names.alarm(instance_id),
        "AlarmActions": [f"{action}/AWS_EC2.InstanceId.Terminate/1.0"],
        "Namespace": "AWS/EC2",
        "MetricName": "CPUUtilization",
        "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 15,
        "Threshold": 1.0,
        "ComparisonOperator": "LessThanThreshold",
    }


def account_key(run: Run, name: str) -> str:
    """Where a file of the run's account lies in the bucket: beside its logs."""
    return f"exportedlogs/{run.names.log_group}/{run.id}/{name}"


def account_keys(run: Run) -> tuple[str, ...]:
    """Every file of the run's account."""
    return tuple(account_key(run, name) for name in ACCOUNT_FILES)


def _only(params: Mapping[str, Any], *keys: str) -> str | None:
    """Every parameter is one that the rule looks at, and none of them is left out."""
    if set(params) != set(keys):
        return f"its parameters are {sorted(params)}, where the rule knows {sorted(keys)}"
    return None


def _is(params: Mapping[str, Any], key: str, own: object) -> str | None:
    value = params[key]
    if type(value) is type(own) and value == own:
        return None
    return f"{key} is {value!r}, and the run's is {own!r}"


def _all_in(what: str, values: object, own: Iterable[str]) -> str | None:
    known = frozenset(own)
    if not isinstance(values, list) or not values:
        return f"{what} is not named"
    strangers = [value for value in values if value not in known]
    if not strangers:
        return None
    return f"{what} {', '.join(map(str, strangers))} was never recorded as this run's"


def _behind(resources: object, about: Mapping[str, str]) -> object:
    """Each resource, or the machine that it is attached to where it is a volume."""
    if not isinstance(resources, list):
        return resources
    return [
        about.get(each, each) if _VOLUME_ID.fullmatch(str(each)) else each for each in resources
    ]


def _driver_tag(tags: object) -> str | None:
    """Exactly one tag, the driver's mark, with a value: without one DeleteTags takes any."""
    match tags:
        case [{"Key": driver_tag.KEY, "Value": str(value), **others}] if value and not others:
            return None
        case _:
            return f"the tags {tags!r} are not just the mark {driver_tag.KEY} of who drives the run"


def _queue(run: Run, url: object) -> str | None:
    recorded = run.identities.queue_url
    if recorded is None:
        return "the run's queue was never seen, so nothing tells it from another of that name"
    if url != recorded:
        return f"the queue {url} is not the recorded one, {recorded}"
    if urlsplit(recorded).path.split("/") != ["", run.account, run.names.queue]:
        return f"the recorded queue {recorded} is not {run.names.queue} of account {run.account}"
    return None


def _task_definition(run: Run, text: object) -> str | None:
    if text not in run.identities.task_definitions:
        return f"the task definition {text} was never recorded as this run's"
    arn = Arn.parse(str(text))
    family, _, revision = ("", "", "") if arn is None else arn.name.partition(":")
    if (
        arn is None
        or not arn.within("ecs", run.region, run.account)
        or arn.kind != "task-definition"
        or family != run.names.task_family
        or not revision.isdecimal()
    ):
        return (
            f"{text} is not a revision of {run.names.task_family} in account {run.account}, "
            f"{run.region}"
        )
    return None


def _container_instance(run: Run, text: object) -> str | None:
    arn = Arn.parse(str(text))
    if arn is not None and arn.within("ecs", run.region, run.account):
        cluster, slash, _ = arn.name.partition("/")
        # ARNs of the old short form do not carry the cluster (Amazon ECS Developer Guide, "ARNs").
        if arn.kind == "container-instance" and (not slash or cluster == run.names.cluster):
            return None
    return f"{text} is not a container instance of the cluster {run.names.cluster}"


def _not_default(cluster: object) -> str | None:
    return "the cluster `default` is everybody's" if cluster == "default" else None


def _alarms(run: Run, alarms: object) -> str | None:
    if not isinstance(alarms, list) or not alarms:
        return "no alarm is named"
    strangers = [
        alarm
        for alarm in alarms
        if alarm not in run.names.queue_alarms
        and instance_of_alarm(str(alarm), run.names.app_name) is None
    ]
    return f"the alarm {', '.join(map(str, strangers))} is not this run's" if strangers else None


def _exported(prefix: object, group: object) -> str | None:
    if prefix == f"exportedlogs/{group}":
        return None
    return f"the logs would go to {prefix!r}, not to exportedlogs/{group}"
