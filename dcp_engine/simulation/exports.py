"""CloudWatch Logs export tasks that take their time and really write."""

import gzip
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from dcp_engine.simulation.moto_account import Moto
from dcp_engine.simulation.timeline import Timeline


@dataclass
class ExportTask:
    """One export task."""

    task_id: str
    region: str
    name: str
    log_group: str
    stream_prefix: str
    start: int
    """Milliseconds since 1970, as are all times of CloudWatch Logs."""
    end: int
    bucket: str
    prefix: str
    created: datetime
    status: str = "PENDING"
    message: str = ""
    completed: datetime | None = None

    @property
    def active(self) -> bool:
        """Whether it takes the account's one slot."""
        return self.status in ("PENDING", "RUNNING", "PENDING_CANCEL")


@dataclass
class Exports:
    """The account's export tasks, oldest first."""

    timeline: Timeline
    moto: Moto
    tasks: list[ExportTask] = field(default_factory=list)
    fail_next: int = 0
    """A knob: this many of the tasks created next end FAILED."""

    def active(self) -> ExportTask | None:
        """The task that is pending or running; an account has one at most."""
        return next((task for task in self.tasks if task.active), None)

    def find(self, task_id: str) -> ExportTask | None:
        """The task, or None."""
        return next((task for task in self.tasks if task.task_id == task_id), None)

    def create(self, task: ExportTask) -> None:
        """Start a task whose parameters have been checked."""
        self.tasks.append(task)
        self._write(task, f"{task.prefix}/aws-logs-write-test", b"Permission Check Successful")
        fails = self.fail_next > 0
        if fails:
            self.fail_next -= 1
        delay = self.timeline.timings.export_delay
        self.timeline.schedule(delay / 4, lambda: self._run(task))
        self.timeline.schedule(delay, lambda: self._finish(task, fails=fails))

    def cancel(self, task: ExportTask) -> None:
        """End an active task without result."""
        task.status = "CANCELLED"
        task.completed = self.timeline.now()

    @staticmethod
    def new_id(timeline: Timeline) -> str:
        """An id for a new task."""
        return str(UUID(int=timeline.random.getrandbits(128), version=4))

    def _run(self, task: ExportTask) -> None:
        if task.status == "PENDING":
            task.status = "RUNNING"

    def _finish(self, task: ExportTask, *, fails: bool) -> None:
        if task.status != "RUNNING":
            return
        task.completed = self.timeline.now()
        if fails:
            task.status, task.message = "FAILED", "Internal failure (simulated)"
            return
        group = self.moto.backend("logs", task.region).groups.get(task.log_group)
        streams: dict[str, Any] = group.streams if group is not None else {}
        for name, stream in streams.items():
            if name.startswith(task.stream_prefix):
                self._export_stream(task, name, stream)
        task.status, task.message = "COMPLETED", "Completed successfully"

    def _export_stream(self, task: ExportTask, name: str, stream: Any) -> None:
        lines = [
            f"{datetime.fromtimestamp(event.timestamp / 1000, UTC):%Y-%m-%dT%H:%M:%S.000Z} "
            f"{event.message}"
            for event in sorted(stream.events, key=lambda event: event.timestamp)
            if task.start <= event.timestamp <= task.end
        ]
        if lines:
            key = f"{task.prefix}/{task.task_id}/{name.replace('/', '-')}/000000.gz"
            self._write(task, key, gzip.compress(("\n".join(lines) + "\n").encode()))

    def _write(self, task: ExportTask, key: str, content: bytes) -> None:
        self.moto.client("s3", task.region).put_object(Bucket=task.bucket, Key=key, Body=content)
