"""What a machine's container writes to the log group `…_perInstance`.

Source: Distributed-CellProfiler's public worker (`worker/run-worker.sh` says where it runs,
`worker/instance-monitor.py` what disk, memory and CPU are like) and `run.py` (the log driver
`awslogs` with the prefix APP_NAME). Amazon ECS Developer Guide, "Send Amazon ECS logs to
CloudWatch": such a stream is called `prefix/container/task-id`. There the monitor writes every 30
seconds; here at the beginning, after each job, and while something is nearly full.
"""

from collections.abc import Iterator

DISK_AT_FIRST = 18
"""Per cent of the root disk."""
MEMORY = 16_000
"""Megabytes, all there is."""
GROWTH = 16
"""By so many per cent disk or memory fill up with each job, where they do."""
_LOW = 90
_MOST = 99


def stream_name(app_name: str, task_id: str) -> str:
    """The stream of a task's container, which has the name of the run."""
    return f"{app_name}/{app_name}/{task_id}"


def greeting(region: str, queue_url: str, bucket: str, instance_id: str) -> tuple[str, ...]:
    """What the container says first."""
    return (
        f"Region {region}",
        f"Queue {queue_url}",
        f"Bucket {bucket}",
        f"Instance ID {instance_id}",
    )


def used(jobs: int, *, fills: bool) -> int:
    """Per cent of a disk or a memory that are used after so many jobs."""
    return min(_MOST, DISK_AT_FIRST + GROWTH * jobs) if fills else DISK_AT_FIRST


def measured(*, disk: int, memory: int, cpu: float) -> Iterator[str]:
    """What the monitor writes at one time; all in per cent."""
    yield f"INFO:__main__:Root disk usage {disk}%."
    if disk > _LOW:
        yield "WARNING:__main__:WARNING: High disk usage."
    active = MEMORY * memory // 100
    inactive = (MEMORY - active) // 2
    yield (
        f"INFO:__main__:Free memory {MEMORY - active - inactive}. "
        f"Inactive memory {inactive}. Active memory {active}"
    )
    if inactive < active * 0.1:
        yield "WARNING:__main__:WARNING: High memory usage."
    yield f"INFO:__main__:Idle CPU {100 - cpu:.2f}"
    if cpu > _LOW:
        yield "WARNING:__main__:WARNING: Low CPU"


def nearly_full(percent: int) -> bool:
    """Whether the monitor warns of it."""
    return percent > _LOW
