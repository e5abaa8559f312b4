"""What the engine has to be allowed in AWS: an IAM policy derived from the table of operations.

Which actions can be narrowed to which resources, and by which conditions, is what the Service
Authorization Reference says ("Actions, resources, and condition keys for …" Amazon EC2, Amazon
Elastic Container Service, Amazon SQS, Amazon CloudWatch, Amazon CloudWatch Logs, Amazon S3 and AWS
Identity and Access Management); an action that it shows without a resource type can only be granted
for `*`. The whole has to fit into one managed policy, of 6,144 characters.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from dcp_engine import driver_tag
from dcp_engine.access import Wanted
from dcp_engine.aws import operations as op
from dcp_engine.aws.operations import Operation
from dcp_engine.model import MonitorFile, Names, Run
from dcp_engine.partition import partition

_HEX = "0123456789abcdef0"
_ANY = Names(app_name="*", cluster="*", queue="*", bucket="*", log_group="*")


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Whose resources a policy allows to touch; `*` stands for any, as in IAM itself.

    `dead_letters` is the name of the dead-letter queue, which a monitor file does not tell.
    """

    region: str = "*"
    account: str = "*"
    names: Names = _ANY
    fleets: tuple[str, ...] = ("*",)
    dead_letters: str = "*"

    @classmethod
    def of_run(cls, run: Run) -> "Scope":
        """Only what is recorded as this run's."""
        arn = run.identities.dead_letter_queue_arn
        return cls(
            region=run.region,
            account=run.account,
            names=run.names,
            fleets=run.fleet_ids,
            dead_letters=arn.rpartition(":")[2] if arn else "*",
        )

    @classmethod
    def of_file(cls, monitor: MonitorFile, region: str | None) -> "Scope":
        """Only what the monitor file names; it tells neither the account nor the region."""
        return cls(region=region or "*", names=monitor.names, fleets=(monitor.fleet_id,))

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of this account and region."""
        return f"arn:{partition(self.region)}:{service}:{self.region}:{self.account}:{resource}"

    def everywhere(self, service: str, resource: str) -> str:
        """The ARN of a resource of this account that belongs to no region."""
        return f"arn:{partition(self.region)}:{service}::{self.account}:{resource}"

    def object(self, key: str) -> str:
        """The ARN of an object in the bucket, without account and region as in all of S3."""
        return f"{self.bucket}/{key}"

    @property
    def bucket(self) -> str:
        """The bucket's ARN."""
        return f"arn:{partition(self.region)}:s3:::{self.names.bucket}"


class _Grant(msgspec.Struct, frozen=True, kw_only=True):
    """One statement: operations whose permission needs the same resources and conditions.

    `also` are actions that AWS asks for beside the operation's own. `watching` marks what is
    needed before TEARDOWN already, `examining` what no run needs, but `dcp-engine doctor` asks.
    """

    sid: str
    operations: tuple[Operation, ...]
    resources: Callable[[Scope], Sequence[str]]
    condition: Callable[[Scope], Mapping[str, Any]] | None = None
    also: tuple[str, ...] = ()
    watching: bool = False
    examining: bool = False

    def actions(self) -> list[str]:
        actions = {each.permission for each in self.operations} | {*self.also}
        return sorted(action for action in actions if action is not None)

    def statement(self, scope: Scope) -> dict[str, Any]:
        statement: dict[str, Any] = {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": self.actions(),
            "Resource": list(dict.fromkeys(self.resources(scope))),
        }
        if self.condition is not None:
            statement["Condition"] = self.condition(scope)
        return statement

    def wanted(self, scope: Scope) -> Wanted:
        """The same as a question; what its conditions look at is as a run's own calls have it."""
        conditions = self.condition(scope) if self.condition else {}
        return Wanted(
            actions=tuple(self.actions()),
            resources=tuple(dict.fromkeys(map(_example, self.resources(scope)))),
            context={
                key: tuple(values)
                for operator, keys in conditions.items()
                for key, values in keys.items()
                if operator != "Null"
            },
        )


def _example(arn: str) -> str:
    """One resource of those that an ARN with `*` at its end stands for.

    What is asked about all alarms is asked so (`alarm:*`); a log group is one of its streams.
    """
    start = arn.removesuffix("*")
    if start == arn or not start or start.endswith(":alarm:"):
        return arn
    if start.endswith(":"):
        return f"{start}log-stream:"
    return f"{start}i-{_HEX}" if start.endswith(":instance/") else f"{start}{_HEX}"


def _anything(scope: Scope) -> Sequence[str]:
    return ("*",)


def _fleets(scope: Scope) -> Sequence[str]:
    return [scope.arn("ec2", f"spot-fleet-request/{fleet}") for fleet in scope.fleets]


def _queue(scope: Scope) -> Sequence[str]:
    return (scope.arn("sqs", scope.names.queue),)


def _queues(scope: Scope) -> Sequence[str]:
    return (*_queue(scope), scope.arn("sqs", scope.dead_letters))


def _service(scope: Scope) -> Sequence[str]:
    return (scope.arn("ecs", f"service/{scope.names.cluster}/{scope.names.service}"),)


def _cluster(scope: Scope) -> Sequence[str]:
    return (scope.arn("ecs", f"cluster/{scope.names.cluster}"),)


def _container_instances(scope: Scope) -> Sequence[str]:
    return (scope.arn("ecs", f"container-instance/{scope.names.cluster}/*"),)


def _queue_alarms(scope: Scope) -> Sequence[str]:
    return [scope.arn("cloudwatch", f"alarm:{name}") for name in scope.names.queue_alarms]


def _idle_alarms(scope: Scope) -> Sequence[str]:
    return (scope.arn("cloudwatch", f"alarm:{scope.names.alarm('i-*')}"),)


def _alarms(scope: Scope) -> Sequence[str]:
    return (*_idle_alarms(scope), *_queue_alarms(scope))


def _instances(scope: Scope) -> Sequence[str]:
    return (scope.arn("ec2", "instance/*"),)


def _volumes(scope: Scope) -> Sequence[str]:
    return (scope.arn("ec2", "volume/*"),)


def _role_for_alarms(scope: Scope) -> Sequence[str]:
    role = "aws-service-role/events.amazonaws.com/AWSServiceRoleForCloudWatchEvents"
    return (scope.everywhere("iam", f"role/{role}"),)


def _dashboard(scope: Scope) -> Sequence[str]:
    return (scope.everywhere("cloudwatch", f"dashboard/{scope.names.dashboard}"),)


def _log_groups(scope: Scope) -> Sequence[str]:
    # The form that ends in `:*` is the one for policies (CloudWatch Logs API, LogGroup, `arn`).
    return [scope.arn("logs", f"log-group:{group}:*") for group in scope.names.log_groups]


def _exports(scope: Scope) -> Sequence[str]:
    return [scope.object(f"exportedlogs/{group}/*") for group in scope.names.log_groups]


def _monitor_object(scope: Scope) -> Sequence[str]:
    return (scope.object(scope.names.monitor_key),)


def _bucket(scope: Scope) -> Sequence[str]:
    return (scope.bucket,)


def _callers(scope: Scope) -> Sequence[str]:
    # Users and roles belong to no region, and a role may have a path before its name.
    start = f"arn:{partition(scope.region)}:iam::{scope.account}"
    return (f"{start}:user/*", f"{start}:role/*")


def _only_the_mark(scope: Scope) -> Mapping[str, Any]:
    # DeleteTags without a tag would take every one, and an empty set passes ForAllValues (IAM
    # User Guide, "Multivalued context keys").
    return {
        "ForAllValues:StringEquals": {"aws:TagKeys": [driver_tag.KEY]},
        "Null": {"aws:TagKeys": "false"},
    }


def _of_the_fleets(scope: Scope) -> Mapping[str, Any]:
    # AWS's own AWSEC2SpotFleetServiceRolePolicy is narrowed by this tag in the same way.
    return {"StringLike": {"ec2:ResourceTag/aws:ec2spot:fleet-request-id": list(scope.fleets)}}


def _only_the_name(scope: Scope) -> Mapping[str, Any]:
    return {
        "ForAllValues:StringEquals": {"aws:TagKeys": ["Name"]},
        "StringLike": {"aws:RequestTag/Name": [scope.names.worker]},
    }


def _only_the_name_of_the_fleets(scope: Scope) -> Mapping[str, Any]:
    only = _only_the_name(scope)
    return {**only, "StringLike": {**only["StringLike"], **_of_the_fleets(scope)["StringLike"]}}


def _only_ending_it(scope: Scope) -> Mapping[str, Any]:
    # Amazon CloudWatch User Guide, "Using condition keys to limit alarm actions".
    action = scope.arn("swf", "action/actions/AWS_EC2.InstanceId.Terminate/1.0")
    return {"ForAllValues:StringLike": {"cloudwatch:AlarmActions": [action]}}


def _only_for_events(scope: Scope) -> Mapping[str, Any]:
    return {"StringLike": {"iam:AWSServiceName": ["events.amazonaws.com"]}}


_GRANTS = (
    _Grant(
        sid="LookAtAnything",
        operations=(
            op.DESCRIBE_FLEETS,
            op.DESCRIBE_INSTANCES,
            op.DESCRIBE_VOLUMES,
            op.DESCRIBE_SPOT_PRICES,
            op.GET_METRIC_DATA,
            op.LIST_TASK_DEFINITIONS,
        ),
        resources=_anything,
        watching=True,
    ),
    _Grant(
        sid="LookAtFleets",
        operations=(op.DESCRIBE_FLEET_INSTANCES, op.DESCRIBE_FLEET_HISTORY),
        resources=_fleets,
        watching=True,
    ),
    _Grant(
        sid="CountJobs",
        operations=(op.GET_QUEUE_URL, op.GET_QUEUE_ATTRIBUTES),
        resources=_queues,
        watching=True,
    ),
    _Grant(
        sid="LookAtService",
        operations=(op.DESCRIBE_SERVICES,),
        resources=_service,
        watching=True,
    ),
    _Grant(
        # They are listed by the beginning of their names, which is a question about any alarm.
        sid="LookAtAlarms",
        operations=(op.DESCRIBE_ALARMS,),
        resources=lambda scope: (scope.arn("cloudwatch", "alarm:*"),),
        watching=True,
    ),
    _Grant(
        # The first is asked of the cluster, the second of each machine.
        sid="LookAtClusterMachines",
        operations=(op.LIST_CONTAINER_INSTANCES, op.DESCRIBE_CONTAINER_INSTANCES),
        resources=lambda scope: (*_cluster(scope), *_container_instances(scope)),
        watching=True,
    ),
    _Grant(
        sid="SearchLogs",
        operations=(op.FILTER_LOG_EVENTS,),
        resources=_log_groups,
        watching=True,
    ),
    _Grant(
        sid="LookAtLogs",
        operations=(op.DESCRIBE_LOG_GROUPS, op.DESCRIBE_EXPORT_TASKS),
        resources=_anything,
    ),
    _Grant(
        # Without it a monitor file that is not there shows as denied (Amazon S3 API, HeadObject).
        sid="TellMissingFromDenied",
        operations=(),
        also=("s3:ListBucket",),
        resources=_bucket,
    ),
    _Grant(
        sid="ShrinkAndStopFleets",
        operations=(op.MODIFY_FLEET, op.CANCEL_FLEETS),
        resources=_fleets,
    ),
    _Grant(
        sid="MarkFleets",
        operations=(op.CREATE_TAGS, op.DELETE_TAGS),
        resources=_fleets,
        condition=_only_the_mark,
    ),
    _Grant(
        sid="NameMachines",
        operations=(op.LABEL_MACHINES,),
        resources=_instances,
        condition=_only_the_name_of_the_fleets,
    ),
    _Grant(
        # EC2 does not mark the volumes of a fleet's machines, so nothing tells them from others.
        sid="NameVolumes",
        operations=(op.LABEL_MACHINES,),
        resources=_volumes,
        condition=_only_the_name,
    ),
    _Grant(
        sid="PlaceIdleAlarms",
        operations=(op.PUT_ALARM,),
        resources=_idle_alarms,
        condition=_only_ending_it,
    ),
    _Grant(
        # For an alarm that ends a machine CloudWatch needs a role of its own, and makes it for who
        # places the first one in an account (Amazon CloudWatch API Reference, PutMetricAlarm).
        sid="LetAlarmsEndMachines",
        operations=(),
        also=("iam:CreateServiceLinkedRole",),
        resources=_role_for_alarms,
        condition=_only_for_events,
    ),
    _Grant(
        sid="StopMachines",
        operations=(op.TERMINATE_INSTANCES, op.END_UNJOINED),
        resources=_instances,
        condition=_of_the_fleets,
    ),
    _Grant(
        sid="DeleteService",
        operations=(op.UPDATE_SERVICE, op.DELETE_SERVICE),
        resources=_service,
    ),
    _Grant(
        sid="DeregisterTaskDefinitions",
        operations=(op.DEREGISTER_TASK_DEFINITION,),
        resources=_anything,
    ),
    _Grant(
        sid="DeleteCluster",
        operations=(op.DESCRIBE_CLUSTERS, op.DEREGISTER_CONTAINER_INSTANCE, op.DELETE_CLUSTER),
        resources=_cluster,
    ),
    _Grant(sid="DeleteAlarms", operations=(op.DELETE_ALARMS,), resources=_alarms),
    _Grant(
        sid="DisarmAutoMonitor",
        operations=(op.DISABLE_ALARM_ACTIONS,),
        resources=_queue_alarms,
    ),
    _Grant(sid="DeleteDashboard", operations=(op.DELETE_DASHBOARDS,), resources=_dashboard),
    _Grant(sid="DeleteQueue", operations=(op.DELETE_QUEUE,), resources=_queue),
    _Grant(sid="ExportLogs", operations=(op.CREATE_EXPORT_TASK,), resources=_log_groups),
    _Grant(
        # Who begins an export must be allowed to write there (CloudWatch Logs API,
        # CreateExportTask), although the service does the writing. The run's account is beside it.
        sid="WriteExportedLogs",
        operations=(op.PUT_OBJECT,),
        resources=_exports,
    ),
    _Grant(
        sid="DeleteMonitorFile",
        operations=(op.HEAD_OBJECT, op.DELETE_OBJECT),
        resources=_monitor_object,
    ),
    _Grant(
        sid="ExamineBucket",
        operations=(op.GET_BUCKET_POLICY, op.GET_BUCKET_ENCRYPTION),
        resources=_bucket,
        examining=True,
    ),
    _Grant(
        sid="ExamineDashboard",
        operations=(op.GET_DASHBOARD,),
        resources=_dashboard,
        examining=True,
    ),
    _Grant(
        sid="ExamineOwnPermissions",
        operations=(op.GET_ROLE, op.SIMULATE_POLICY),
        resources=_callers,
        examining=True,
    ),
)


def policy(scope: Scope, *, read_only: bool = False, doctor: bool = False) -> dict[str, Any]:
    """The IAM policy document (IAM User Guide, "IAM JSON policy elements reference").

    With `read_only` it allows to watch a run up to its teardown, and to change nothing. With
    `doctor` it is a policy of its own, for what only an examination asks: both in one would be
    longer than a managed policy may be (IAM User Guide, "IAM and AWS STS quotas").
    """
    wanted = [
        grant
        for grant in _GRANTS
        if (
            grant.examining if doctor else not grant.examining and (grant.watching or not read_only)
        )
    ]
    return {"Version": "2012-10-17", "Statement": [grant.statement(scope) for grant in wanted]}


def wanted(scope: Scope) -> tuple[Wanted, ...]:
    """Everything that a run needs to be allowed, as questions about the caller's own policies.

    What is about the same resources is one question.
    """
    questions: dict[tuple[object, ...], Wanted] = {}
    for grant in _GRANTS:
        asked = grant.wanted(scope)
        about = asked.resources, tuple(asked.context.items())
        if grant.examining:
            continue
        known = questions.get(about)
        if known is not None:
            asked = msgspec.structs.replace(known, actions=(*known.actions, *asked.actions))
        questions[about] = asked
    return tuple(questions.values())
