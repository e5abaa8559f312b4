"""HTTP 200 with garbage in it is never taken for an answer, whatever the operation."""

from email.utils import format_datetime
from typing import Any

import botocore.session
import pytest

from dcp_engine.aws import operations as op
from dcp_engine.aws.answer import Answer
from dcp_engine.aws.gate import account_keys, idle_alarm
from dcp_engine.aws.operations import OPERATIONS, Operation
from dcp_engine.aws.wire import check_body
from dcp_engine.errors import Transient, Unreadable

ARN = "arn:aws:ecs:us-east-1:123456789012"
QUEUE_URL = "https://sqs.us-east-1.amazonaws.com/123456789012/Exp1Queue"
FLEET = "sfr-00000000-0000-4000-8000-000000000001"
PARAMS: dict[str, dict[str, Any]] = {
    "GetQueueUrl": {"QueueName": "Exp1Queue"},
    "GetQueueAttributes": {"QueueUrl": QUEUE_URL},
    "DeleteQueue": {"QueueUrl": QUEUE_URL},
    "DescribeSpotFleetInstances": {"SpotFleetRequestId": FLEET},
    "DescribeSpotFleetRequestHistory": {"SpotFleetRequestId": FLEET, "StartTime": 0},
    "ModifySpotFleetRequest": {
        "SpotFleetRequestId": FLEET,
        "TargetCapacity": 1,
        "ExcessCapacityTerminationPolicy": "noTermination",
    },
    "CancelSpotFleetRequests": {"SpotFleetRequestIds": [FLEET], "TerminateInstances": True},
    "TerminateInstances": {"InstanceIds": ["i-0aaaaaaaaaaaaaaa1"]},
    "CreateTags": {"Resources": [FLEET], "Tags": [{"Key": "dcp-engine:driver", "Value": "s"}]},
    "DeleteTags": {"Resources": [FLEET], "Tags": [{"Key": "dcp-engine:driver", "Value": "s"}]},
    "DescribeServices": {"services": ["Exp1Service"]},
    "UpdateService": {"cluster": "lab", "service": "Exp1Service", "desiredCount": 0},
    "DeleteService": {"cluster": "lab", "service": "Exp1Service"},
    "DeregisterTaskDefinition": {"taskDefinition": f"{ARN}:task-definition/Exp1Task:3"},
    "DescribeContainerInstances": {"containerInstances": ["c"]},
    "DeregisterContainerInstance": {
        "cluster": "lab",
        "containerInstance": f"{ARN}:container-instance/lab/c1",
        "force": True,
    },
    "DeleteCluster": {"cluster": "lab"},
    "DescribeSpotPriceHistory": {"InstanceTypes": ["m5.xlarge"]},
    "GetMetricData": {"MetricDataQueries": [], "StartTime": 0, "EndTime": 300},
    "FilterLogEvents": {"logGroupName": "Exp1"},
    "DeleteAlarms": {"AlarmNames": ["Exp1_i-0aaaaaaaaaaaaaaa1"]},
    "DisableAlarmActions": {
        "AlarmNames": ["ApproximateNumberOfMessagesVisibleisZero_Exp1"],
    },
    "DeleteDashboards": {"DashboardNames": ["Exp1"]},
    "CreateExportTask": {
        "taskName": "Exp1",
        "logGroupName": "Exp1",
        "from": 0,
        "to": 1,
        "destination": "lab-bucket",
        "destinationPrefix": "exportedlogs/Exp1",
    },
    "HeadObject": {"Bucket": "lab-bucket", "Key": "k"},
    "DeleteObject": {"Bucket": "lab-bucket", "Key": "monitors/Exp1SpotFleetRequestId.json"},
}
# CancelSpotFleetRequests has no key that is always there; its reader sees to it (test_spot.py).
SPEAKING = [operation for operation in OPERATIONS if operation.required]
GARBAGE = {
    "html": b"<!DOCTYPE html><html><head><title>Log in</title></head><body><p>Hi</p></body></html>",
    "xhtml": b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body/></html>',
    "truncated json": b'{"Attributes": {"ApproximateNumberOfMe',
    "truncated xml": b"<DescribeInstancesResponse><reservationSet>",
    "list": b"[]",
    "word": b"OK",
    "number": b"0",
    "bytes": bytes(range(128, 160)),
}
EMPTY = {"empty": b"", "blank": b" \r\n", "braces": b"{}", "null": b"null"}


def once(bench: Any, operation: Operation) -> Answer:
    params = PARAMS.get(operation.name, {})
    if operation in (op.PUT_ALARM, op.LABEL_MACHINES, op.END_UNJOINED):
        bench.watching()
    if operation == op.PUT_ALARM:
        params = idle_alarm(bench.run, bench.MACHINES[0])
    if operation == op.LABEL_MACHINES:
        tags = [{"Key": "Name", "Value": "Exp1Worker"}]
        params = {"Resources": [bench.MACHINES[0]], "Tags": tags}
    if operation == op.PUT_OBJECT:
        where = {"Bucket": "lab-bucket", "Key": account_keys(bench.run)[0]}
        params = {**where, "Body": b"{}", "ContentType": "text/html"}
    about = {params.get("containerInstance", ""): bench.MACHINES[0]}
    answer: Answer = bench.edge.once(operation, about=about, **params)
    return answer


def unknown(operation: Operation) -> type[Transient]:
    """botocore itself makes a server error of a foreign body under HTTP 200 from S3."""
    return Transient if operation.service == "s3" else Unreadable


@pytest.mark.parametrize("body", GARBAGE.values(), ids=GARBAGE)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_garbage_is_not_an_answer(bench: Any, operation: Operation, body: bytes) -> None:
    bench.line.on(operation.label, bench.line.raw(body))
    with pytest.raises(unknown(operation)):
        once(bench, operation)
    assert bench.line.count(operation.label) == 1


@pytest.mark.parametrize("body", EMPTY.values(), ids=EMPTY)
@pytest.mark.parametrize("operation", SPEAKING, ids=lambda operation: operation.label)
def test_nothing_is_not_an_answer(bench: Any, operation: Operation, body: bytes) -> None:
    bench.line.on(operation.label, bench.line.raw(body))
    with pytest.raises(unknown(operation)):
        once(bench, operation)
    assert bench.line.count(operation.label) == 1


def test_an_unreadable_answer_is_asked_for_again(bench: Any) -> None:
    line = bench.line
    line.on("sqs:GetQueueUrl", line.raw(b""), line.raw(b"<html>"), line.json({"QueueUrl": "u"}))
    assert bench.edge.call(op.GET_QUEUE_URL, QueueName="q")["QueueUrl"] == "u"


@pytest.mark.parametrize(
    "label",
    [
        "sqs:DeleteQueue",
        "cloudwatch:DeleteAlarms",
        "cloudwatch:PutMetricAlarm",
        "cloudwatch:DeleteDashboards",
    ],
)
@pytest.mark.parametrize("body", [b"", b"{}"])
def test_operations_that_answer_nothing_may_do_so(bench: Any, label: str, body: bytes) -> None:
    operation = next(operation for operation in OPERATIONS if operation.label == label)
    bench.line.on(label, bench.line.raw(body))
    once(bench, operation)
    assert bench.line.count(label) == 1


def test_the_time_of_an_answer_is_the_servers(bench: Any) -> None:
    bench.line.on("sqs:GetQueueUrl", bench.line.json({"QueueUrl": "u"}))
    answer = bench.edge.once(op.GET_QUEUE_URL, QueueName="q")
    assert answer.at() == bench.SERVER_DATE != bench.clock.now()


def test_without_a_date_the_local_clock_stands_in(bench: Any) -> None:
    bench.line.on("sqs:GetQueueUrl", bench.line.json({"QueueUrl": "u"}, date=None))
    assert bench.edge.once(op.GET_QUEUE_URL, QueueName="q").at() == bench.clock.now()


@pytest.mark.parametrize("date", ["yesterday", "Mon, 99 Foo 2030", "0", "Fri, 31 Feb 2030 1:1:1"])
def test_a_garbled_date_is_not_guessed(bench: Any, date: str) -> None:
    bench.line.on("sqs:GetQueueUrl", bench.line.json({"QueueUrl": "u"}, date=date))
    with pytest.raises(Unreadable, match="Date"):
        bench.edge.once(op.GET_QUEUE_URL, QueueName="q").at()


def test_a_date_in_another_zone_is_brought_to_utc(bench: Any) -> None:
    date = format_datetime(bench.SERVER_DATE).replace("11:58:30 +0000", "13:58:30 +0200")
    bench.line.on("sqs:GetQueueUrl", bench.line.json({"QueueUrl": "u"}, date=date))
    at = bench.edge.once(op.GET_QUEUE_URL, QueueName="q").at()
    assert at == bench.SERVER_DATE
    assert at.utcoffset().total_seconds() == 0


@pytest.mark.parametrize(
    ("protocol", "good", "bad"),
    [
        ("smithy-rpc-v2-cbor", b"\xbf\xff", b"<html></html>"),
        ("smithy-rpc-v2-cbor", b"\xa0", b"\x80"),
        ("query", b"<DeleteAlarmsResponse/>", b"<html/>"),
        ("json", b"{}", b"{"),
    ],
)
def test_each_protocol_that_cloudwatch_may_be_spoken_in(
    protocol: str, good: bytes, bad: bytes
) -> None:
    service = botocore.session.get_session().get_service_model("cloudwatch")
    service.resolved_protocol = protocol
    model = service.operation_model("DeleteAlarms")
    check_body(model, {"status_code": 200, "body": good})
    check_body(model, {"status_code": 400, "body": bad})
    with pytest.raises(Unreadable):
        check_body(model, {"status_code": 200, "body": bad})
