"""Log exports run one at a time, take time, and really write."""

import gzip
from typing import Any

import pytest

from dcp_engine.simulation.launch import make_bucket, make_log_group
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock

from .conftest import Client
from .helpers import refusal

BUCKET = "exports-bucket"


@pytest.fixture(scope="module", autouse=True)
def logged(aws: SimulatedAws, clock: VirtualClock) -> int:
    """A group with three lines in one stream, a second apart; the time of the first, in ms."""
    make_bucket(aws, BUCKET)
    make_log_group(aws, "Exp")
    logs = aws.client("logs")
    logs.create_log_stream(logGroupName="Exp", logStreamName="plate/A01")
    at = int(clock.now().timestamp() * 1000)
    events = [{"timestamp": at + n * 1000, "message": f"line {n}"} for n in range(3)]
    logs.put_log_events(logGroupName="Exp", logStreamName="plate/A01", logEvents=events)
    return at


@pytest.fixture(autouse=True)
def slot_is_free(clock: VirtualClock) -> None:
    clock.advance(120)


def create(client: Client, start: int, end: int, **given: Any) -> str:
    params = {
        "logGroupName": "Exp",
        "destination": BUCKET,
        "destinationPrefix": "exportedlogs/Exp",
        "fromTime": start,
        "to": end,
        **given,
    }
    return str(client("logs").create_export_task(**params)["taskId"])


def status(client: Client, task_id: str) -> str:
    tasks = client("logs").describe_export_tasks(taskId=task_id)["exportTasks"]
    return str(tasks[0]["status"]["code"])


def test_an_export_runs_and_writes_the_lines_in_its_span(
    client: Client, clock: VirtualClock, logged: int
) -> None:
    task_id = create(client, logged, logged + 1000)
    seen = [status(client, task_id)]
    for seconds in (20, 60):
        clock.advance(seconds)
        seen.append(status(client, task_id))
    assert seen == ["PENDING", "RUNNING", "COMPLETED"]
    s3 = client("s3")
    key = f"exportedlogs/Exp/{task_id}/plate-A01/000000.gz"
    lines = gzip.decompress(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()).decode()
    assert [line.split(" ", 1)[1] for line in lines.splitlines()] == ["line 0", "line 1"]
    s3.head_object(Bucket=BUCKET, Key="exportedlogs/Exp/aws-logs-write-test")


def test_one_at_a_time_per_account(client: Client, clock: VirtualClock, logged: int) -> None:
    first = create(client, logged, logged + 1000)
    assert refusal(lambda: create(client, logged, logged + 1000))[0] == "LimitExceededException"
    clock.advance(30)
    assert refusal(lambda: create(client, logged, logged + 1000))[0] == "LimitExceededException"
    clock.advance(60)
    assert status(client, first) == "COMPLETED"
    create(client, logged, logged + 1000)


def test_what_cannot_work_is_refused(aws: SimulatedAws, client: Client, logged: int) -> None:
    assert refusal(lambda: create(client, logged + 1, logged))[0] == "InvalidParameterException"
    missing = {"logGroupName": "never-there"}
    assert refusal(lambda: create(client, logged, logged, **missing))[0] == (
        "ResourceNotFoundException"
    )
    aws.client("s3").create_bucket(Bucket="closed-bucket")
    for bucket in ("no-such-bucket", "closed-bucket"):
        given = {"destination": bucket}
        assert refusal(lambda given=given: create(client, logged, logged, **given))[0] == (  # type: ignore[misc]
            "InvalidParameterException"
        )
    assert client("logs").describe_export_tasks(statusCode="PENDING")["exportTasks"] == []


def test_a_task_may_fail(
    aws: SimulatedAws, client: Client, clock: VirtualClock, logged: int
) -> None:
    aws.world.exports.fail_next = 1
    task_id = create(client, logged, logged)
    clock.advance(120)
    assert status(client, task_id) == "FAILED"
    failed = client("logs").describe_export_tasks(statusCode="FAILED")["exportTasks"]
    assert [task["taskId"] for task in failed] == [task_id]


def test_a_task_may_be_cancelled(client: Client, clock: VirtualClock, logged: int) -> None:
    task_id = create(client, logged, logged)
    client("logs").cancel_export_task(taskId=task_id)
    assert status(client, task_id) == "CANCELLED"
    clock.advance(120)
    assert status(client, task_id) == "CANCELLED"
    assert refusal(lambda: client("logs").cancel_export_task(taskId=task_id))[0] == (
        "InvalidOperationException"
    )


def test_tasks_are_paged_newest_first(client: Client, clock: VirtualClock, logged: int) -> None:
    ids = []
    for _ in range(3):
        ids.append(create(client, logged, logged))
        clock.advance(120)
    first = client("logs").describe_export_tasks(limit=2)
    assert [task["taskId"] for task in first["exportTasks"]] == [ids[2], ids[1]]
    rest = client("logs").describe_export_tasks(limit=50, nextToken=first["nextToken"])
    assert rest["exportTasks"][0]["taskId"] == ids[0]
