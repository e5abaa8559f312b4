"""A small IAM: whether a policy document allows a call, as AWS would judge it.

Which action and which resource a call is judged by is written down here a second time, from the
Service Authorization Reference, so that the product's own table is not its own witness.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from dcp_engine.aws.operations import OPERATIONS
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.server import SimulatedAws

Params = Mapping[str, Any]
Context = Mapping[str, tuple[str, ...]]
Question = tuple[str, str, Context]
"""An action, the ARN it is about (`*` where AWS knows none), and what conditions may look at."""


class Iam:
    """The simulated AWS under a policy: what it does not allow is denied."""

    def __init__(self, aws: SimulatedAws, document: Mapping[str, Any]) -> None:
        self._aws = aws
        self._document = document
        self.used: set[str] = set()
        """`Sid action` of everything that allowed a call."""
        self.denied: list[str] = []
        for operation in OPERATIONS:
            if operation.permission is not None:
                aws.faults.add(
                    operation.label,
                    Fault.DENIED,
                    times=None,
                    match=self._refuses(operation.label),
                )

    @property
    def granted(self) -> set[str]:
        """`Sid action` of everything that the policy allows."""
        return {
            f"{statement['Sid']} {action}"
            for statement in self._document["Statement"]
            for action in statement["Action"]
        }

    def _refuses(self, label: str) -> Callable[[Params], bool]:
        def refuses(params: Params) -> bool:
            refused = [q for q in self.questions(label, params) if not self.allows(q)]
            self.denied += [f"{action} on {arn}" for action, arn, _ in refused]
            return bool(refused)

        return refuses

    def allows(self, question: Question) -> bool:
        """Whether any statement allows it."""
        action, arn, context = question
        sids = [
            statement["Sid"]
            for statement in self._document["Statement"]
            if action in statement["Action"]
            and any(_like_arn(pattern, arn) for pattern in statement["Resource"])
            and _holds(statement.get("Condition", {}), context)
        ]
        self.used |= {f"{sid} {action}" for sid in sids}
        return bool(sids)

    def questions(self, label: str, params: Params) -> Iterable[Question]:
        """Everything that must be allowed for a call to be."""
        service, _, name = label.partition(":")
        cluster = params.get("cluster") or "default"
        match name:
            case "DescribeSpotFleetInstances" | "DescribeSpotFleetRequestHistory":
                yield label, self._ec2_fleet(params["SpotFleetRequestId"]), {}
            case "ModifySpotFleetRequest":
                yield label, self._ec2_fleet(params["SpotFleetRequestId"]), {}
            case "CancelSpotFleetRequests":
                for fleet in params["SpotFleetRequestIds"]:
                    yield label, self._ec2_fleet(fleet), {}
            case "CreateTags" | "DeleteTags":
                tags = {str(tag["Key"]): tag.get("Value", "") for tag in params.get("Tags", ())}
                asked: Context = {"aws:TagKeys": tuple(tags)} | {
                    f"aws:RequestTag/{key}": (str(value),) for key, value in tags.items()
                }
                for resource in params["Resources"]:
                    yield label, self._ec2(resource), {**asked, **self._tags(resource)}
            case "PutMetricAlarm":
                actions = tuple(map(str, params["AlarmActions"]))
                alarm = self._arn("cloudwatch", f"alarm:{params['AlarmName']}")
                yield label, alarm, {"cloudwatch:AlarmActions": actions}
                role = "aws-service-role/events.amazonaws.com/AWSServiceRoleForCloudWatchEvents"
                yield (
                    "iam:CreateServiceLinkedRole",
                    f"arn:aws:iam::{self._aws.account}:role/{role}",
                    {"iam:AWSServiceName": ("events.amazonaws.com",)},
                )
            case "FilterLogEvents":
                group = f"log-group:{params['logGroupName']}:log-stream:"
                yield label, self._arn("logs", group), {}
            case "TerminateInstances":
                for instance in params["InstanceIds"]:
                    yield label, self._arn("ec2", f"instance/{instance}"), self._tags(instance)
            case "GetQueueUrl":
                yield label, self._arn("sqs", params["QueueName"]), {}
            case "GetQueueAttributes" | "DeleteQueue":
                queue = urlsplit(params["QueueUrl"]).path.rpartition("/")[2]
                yield label, self._arn("sqs", queue), {}
            case "DescribeServices":
                for each in params["services"]:
                    yield label, self._arn("ecs", f"service/{cluster}/{each}"), {}
            case "UpdateService" | "DeleteService":
                yield label, self._arn("ecs", f"service/{cluster}/{params['service']}"), {}
            case "DescribeClusters":
                for each in params["clusters"]:
                    yield label, self._arn("ecs", f"cluster/{each}"), {}
            case "ListContainerInstances" | "DeregisterContainerInstance" | "DeleteCluster":
                yield label, self._arn("ecs", f"cluster/{cluster}"), {}
            case "DescribeContainerInstances":
                for each in params["containerInstances"]:
                    machine = each.rpartition("/")[2]
                    yield label, self._arn("ecs", f"container-instance/{cluster}/{machine}"), {}
            case "DescribeAlarms":
                for each in params.get("AlarmNames") or ["*"]:
                    yield label, self._arn("cloudwatch", f"alarm:{each}"), {}
            case "DeleteAlarms" | "DisableAlarmActions":
                for each in params["AlarmNames"]:
                    yield label, self._arn("cloudwatch", f"alarm:{each}"), {}
            case "DeleteDashboards":
                for each in params["DashboardNames"]:
                    account = self._aws.account
                    yield label, f"arn:aws:cloudwatch::{account}:dashboard/{each}", {}
            case "CreateExportTask":
                group = f"log-group:{params['logGroupName']}:log-stream:"
                yield label, self._arn("logs", group), {}
                written = f"{params['destinationPrefix']}/aws-logs-write-test"
                yield "s3:PutObject", f"arn:aws:s3:::{params['destination']}/{written}", {}
            case "HeadObject" | "DeleteObject" | "PutObject":
                action = {"HeadObject": "s3:GetObject"}.get(name, label)
                bucket = f"arn:aws:s3:::{params['Bucket']}"
                yield action, f"{bucket}/{params['Key']}", {}
                if name == "HeadObject":
                    yield "s3:ListBucket", bucket, {}
            case _:
                yield f"{service}:{name}", "*", {}

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self._aws.region}:{self._aws.account}:{resource}"

    def _ec2_fleet(self, fleet_id: str) -> str:
        return self._arn("ec2", f"spot-fleet-request/{fleet_id}")

    def _ec2(self, resource: str) -> str:
        """Amazon EC2 user guide, "Resource IDs": what a resource is tells its id's beginning."""
        kinds = {"sfr": "spot-fleet-request", "i": "instance", "vol": "volume"}
        return self._arn("ec2", f"{kinds[resource.partition('-')[0]]}/{resource}")

    def _tags(self, instance_id: str) -> Context:
        tags = self._aws.world.moto.backend("ec2", self._aws.region).tags.get(instance_id, {})
        return {f"ec2:ResourceTag/{key}": (str(value),) for key, value in tags.items()}


def _like(pattern: str, text: str) -> bool:
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def _like_arn(pattern: str, arn: str) -> bool:
    """Part by part: no wildcard reaches over the colons before the resource's own part."""
    if "*" in (pattern, arn):
        return pattern == "*"
    patterns, parts = pattern.split(":", 5), arn.split(":", 5)
    return len(patterns) == len(parts) and all(map(_like, patterns, parts))


def _holds(condition: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    return all(
        _operator(operator, context.get(key), wanted)
        for operator, keys in condition.items()
        for key, wanted in keys.items()
    )


def _operator(operator: str, values: tuple[str, ...] | None, wanted: Any) -> bool:
    match operator:
        case "StringLike":
            return any(_like(pattern, value) for value in values or () for pattern in wanted)
        case "ForAllValues:StringLike":
            return all(any(_like(each, value) for each in wanted) for value in values or ())
        case "ForAllValues:StringEquals":
            return all(value in wanted for value in values or ())
        case "Null":
            return (not values) is (wanted == "true")
        case _:
            raise NotImplementedError(operator)
