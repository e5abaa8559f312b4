"""CloudWatch Logs exports as AWS runs them.

Source: CloudWatch Logs API reference, CreateExportTask (asynchronous, one active task per account)
and the user guide's "Export log data to Amazon S3" (the bucket is in the same region, and its
policy lets the service's principal PutObject).
"""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from dcp_engine.simulation.call import Call, Handler, page_of
from dcp_engine.simulation.exports import Exports, ExportTask
from dcp_engine.simulation.service_error import AwsError


def create_export_task(call: Call) -> dict[str, Any]:
    """Checks everything AWS checks up front, then starts the task."""
    params, exports = call.params, call.world.exports
    if params["from"] > params["to"]:
        raise AwsError("InvalidParameterException", "The 'from' time must not be after 'to'.")
    if params["logGroupName"] not in call.backend().groups:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    _check_bucket(call, params["destination"])
    if exports.active() is not None:
        raise AwsError("LimitExceededException", "Resource limit exceeded.")
    task = ExportTask(
        task_id=Exports.new_id(call.world.timeline),
        region=call.region,
        name=params.get("taskName", ""),
        log_group=params["logGroupName"],
        stream_prefix=params.get("logStreamNamePrefix", ""),
        start=params["from"],
        end=params["to"],
        bucket=params["destination"],
        prefix=params.get("destinationPrefix", "exportedlogs"),
        created=call.world.timeline.now(),
    )
    exports.create(task)
    return {"taskId": task.task_id}


def _check_bucket(call: Call, bucket: str) -> None:
    s3 = call.world.moto.client("s3", call.region)
    try:
        policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucket":
            raise AwsError(
                "InvalidParameterException",
                "The given bucket does not exist. Please make sure the bucket is valid.",
            ) from error
        policy = {"Statement": []}
    if call.world.moto.backend("s3", "aws").buckets[bucket].region_name != call.region:
        raise AwsError(
            "InvalidParameterException",
            "The given bucket is not in the same region as the log group.",
        )
    principal = f"logs.{call.region}.amazonaws.com"
    if not any(_lets_write(statement, principal) for statement in _listed(policy["Statement"])):
        raise AwsError(
            "InvalidParameterException",
            "PutObject call on the given bucket failed. Please check if CloudWatch Logs has been "
            "granted permission to perform this operation.",
        )


def _lets_write(statement: Mapping[str, Any], principal: str) -> bool:
    named = statement.get("Principal", {})
    services = _listed(named.get("Service", [])) if isinstance(named, dict) else [named]
    allowed = any(
        action in ("s3:PutObject", "s3:*", "*") for action in _listed(statement["Action"])
    )
    return (
        statement.get("Effect") == "Allow"
        and allowed
        and (principal in services or "*" in services)
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def describe_export_tasks(call: Call) -> dict[str, Any]:
    """Newest first; by id, or by status."""
    wanted_id, status = call.params.get("taskId"), call.params.get("statusCode")
    tasks = [
        task
        for task in reversed(call.world.exports.tasks)
        if task.region == call.region
        and (wanted_id is None or task.task_id == wanted_id)
        and (status is None or task.status == status)
    ]
    size = int(call.params.get("limit", 50))
    if not 1 <= size <= 50:
        raise AwsError("InvalidParameterException", "limit must be between 1 and 50.")
    page, token = page_of(
        tasks,
        call.params.get("nextToken"),
        size,
        bad_token=AwsError("InvalidParameterException", "The specified nextToken is invalid."),
    )
    answer: dict[str, Any] = {"exportTasks": [_described(task) for task in page]}
    if token is not None:
        answer["nextToken"] = token
    return answer


def _described(task: ExportTask) -> dict[str, Any]:
    execution = {"creationTime": int(task.created.timestamp() * 1000)}
    if task.completed is not None:
        execution["completionTime"] = int(task.completed.timestamp() * 1000)
    return {
        "taskId": task.task_id,
        "taskName": task.name,
        "logGroupName": task.log_group,
        "from": task.start,
        "to": task.end,
        "destination": task.bucket,
        "destinationPrefix": task.prefix,
        "status": {"code": task.status, "message": task.message},
        "executionInfo": execution,
    }


def cancel_export_task(call: Call) -> dict[str, Any]:
    """Only a pending or running task."""
    task = call.world.exports.find(call.params["taskId"])
    if task is None:
        raise AwsError("ResourceNotFoundException", "The specified export task does not exist.")
    if not task.active:
        raise AwsError("InvalidOperationException", "The export task has ended.")
    call.world.exports.cancel(task)
    return {}


OPERATIONS: Mapping[str, Handler] = {
    "logs:CreateExportTask": create_export_task,
    "logs:DescribeExportTasks": describe_export_tasks,
    "logs:CancelExportTask": cancel_export_task,
}
