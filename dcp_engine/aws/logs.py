"""Log groups and their way to the bucket, on CloudWatch Logs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from os.path import commonprefix
from typing import Any

import msgspec

from dcp_engine.aws import operations as op
from dcp_engine.aws.answer import Answer
from dcp_engine.aws.edge import Edge
from dcp_engine.errors import Missing, Transient
from dcp_engine.model import Run
from dcp_engine.ports import ExportFacts, LogLine

# Amazon CloudWatch Logs API Reference: limit of DescribeLogGroups and DescribeExportTasks.
_PAGE = 50
# Amazon CloudWatch Logs API Reference, FilterLogEvents: limit, and what a page looks through: 1 MB.
_MOST_EVENTS = 10_000
_SEARCHED_PAGES = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# CloudWatch Logs API Reference, ExportTaskStatus: those that will not bring the logs home.
_FAILED = frozenset({"FAILED", "CANCELLED", "PENDING_CANCEL"})


class _Group(msgspec.Struct, frozen=True):
    name: str = msgspec.field(name="logGroupName")


class _Groups(msgspec.Struct, frozen=True):
    groups: tuple[_Group, ...] = msgspec.field(name="logGroups")


class _Status(msgspec.Struct, frozen=True):
    code: str
    message: str | None = None


class _Execution(msgspec.Struct, frozen=True):
    created: int = msgspec.field(name="creationTime", default=0)


class _Task(msgspec.Struct, frozen=True):
    """ExportTask. Times are milliseconds since 1970."""

    id: str = msgspec.field(name="taskId")
    group: str = msgspec.field(name="logGroupName")
    start: int = msgspec.field(name="from")
    end: int = msgspec.field(name="to")
    bucket: str = msgspec.field(name="destination")
    status: _Status
    prefix: str = msgspec.field(name="destinationPrefix", default="")
    execution: _Execution = msgspec.field(name="executionInfo", default=_Execution())

    def __post_init__(self) -> None:
        """Raise OverflowError where a moment is out of all time."""
        self.facts()

    def facts(self) -> ExportFacts:
        return ExportFacts(
            id=self.id,
            status=self.status.code,
            group=self.group,
            start=_EPOCH + timedelta(milliseconds=self.start),
            end=_EPOCH + timedelta(milliseconds=self.end),
            bucket=self.bucket,
            prefix=self.prefix,
            message=self.status.message,
        )


class _Tasks(msgspec.Struct, frozen=True):
    tasks: tuple[_Task, ...] = msgspec.field(name="exportTasks")


class _LogEvent(msgspec.Struct, frozen=True):
    """FilteredLogEvent; its time is in milliseconds since 1970."""

    at: int = msgspec.field(name="timestamp")
    text: str = msgspec.field(name="message")
    stream: str = msgspec.field(name="logStreamName", default="")

    def __post_init__(self) -> None:
        """Raise OverflowError where its moment is out of all time."""
        self.line()

    def line(self) -> LogLine:
        at = _EPOCH + timedelta(milliseconds=self.at)
        return LogLine(at=at, stream=self.stream, text=self.text)


class _Events(msgspec.Struct, frozen=True):
    events: tuple[_LogEvent, ...]


class _Started(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="taskId")


class CloudWatchLogs:
    """`Logs` by Amazon CloudWatch Logs."""

    def __init__(self, edge: Edge, run: Callable[[], Run]) -> None:
        self._edge = edge
        self._run = run

    def group_seen_at(self, group: str) -> datetime | None:
        """When AWS showed a log group of exactly this name, by its clock; None if it did not."""
        return self.groups_seen_at([group]).get(group)

    def groups_seen_at(self, groups: Sequence[str]) -> Mapping[str, datetime]:
        """When AWS showed each of these log groups, by its clock; those it did not are left out.

        They are asked for by what their names have in common, so that those of one run take one
        request as a rule.
        """
        wanted, found = set(groups), dict[str, datetime]()

        def seen(answer: Answer) -> dict[str, datetime]:
            there = wanted & {group.name for group in answer.take(_Groups).groups}
            return dict.fromkeys(there, answer.at()) if there else {}

        pages = self._edge.pages(
            op.DESCRIBE_LOG_GROUPS,
            seen,
            logGroupNamePrefix=commonprefix(list(groups)),  # noqa: RUF071 - names, not paths
            limit=_PAGE,
        )
        for page in pages:
            found |= page
            if len(found) == len(wanted):
                break
        return found

    def search(
        self, group: str, pattern: str, start: datetime, end: datetime, *, most: int
    ) -> tuple[LogLine, ...]:
        """Up to `most` lines of a group that match a filter pattern. Raises Missing.

        Pages may be empty while others follow (CloudWatch Logs API Reference, FilterLogEvents), so
        a group that has much and matches little is given up after 50 of them.
        """
        found: list[LogLine] = []
        pages = self._edge.pages(
            op.FILTER_LOG_EVENTS,
            lambda answer: answer.take(_Events).events,
            logGroupName=group,
            filterPattern=pattern,
            startTime=_milliseconds(start),
            endTime=_milliseconds(end),
            limit=min(most, _MOST_EVENTS),
        )
        for page in islice(pages, _SEARCHED_PAGES):
            found += [event.line() for event in page]
            if len(found) >= most:
                break
        return tuple(sorted(found, key=lambda line: line.at)[:most])

    def start_export(self, group: str, start: datetime, end: datetime, prefix: str) -> str:
        """Begin an export and return the task's id. Raises Busy, Missing, Invalid.

        A repeat after a lost answer first looks whether the export was begun after all.
        """
        unsure = False
        params: dict[str, Any] = {
            "taskName": group,
            "logGroupName": group,
            "from": _milliseconds(start),
            "to": _milliseconds(end),
            "destination": self._run().names.bucket,
            "destinationPrefix": prefix,
        }

        def attempt() -> str:
            nonlocal unsure
            if unsure:
                found = self._matching(self._all(patient=False), group, start, end, prefix)
                if found is not None:
                    return found.id
            try:
                return self._edge.once(op.CREATE_EXPORT_TASK, **params).take(_Started).id
            except Transient:
                unsure = True
                raise

        return self._edge.retry(attempt)

    def export(self, task_id: str) -> ExportFacts | None:
        """One export task, None when CloudWatch Logs does not know it."""
        try:
            pages = list(self._tasks(taskId=task_id))
        except Missing:
            return None
        return next((t.facts() for page in pages for t in page.tasks if t.id == task_id), None)

    def find_export(
        self, group: str, start: datetime, end: datetime, prefix: str
    ) -> ExportFacts | None:
        """An export with exactly these parameters that did not fail, the newest if several."""
        found = self._matching(self._all(patient=True), group, start, end, prefix)
        return None if found is None else found.facts()

    def _tasks(self, **params: Any) -> Iterator[_Tasks]:
        return self._edge.pages(op.DESCRIBE_EXPORT_TASKS, _read_tasks, **params)

    def _all(self, *, patient: bool) -> list[_Task]:
        return [task for page in self._tasks(patient=patient, limit=_PAGE) for task in page.tasks]

    def _matching(
        self, tasks: list[_Task], group: str, start: datetime, end: datetime, prefix: str
    ) -> _Task | None:
        wanted = (
            group,
            _milliseconds(start),
            _milliseconds(end),
            self._run().names.bucket,
            prefix,
        )
        matching = [
            task
            for task in tasks
            if (task.group, task.start, task.end, task.bucket, task.prefix) == wanted
            and task.status.code not in _FAILED
        ]
        return max(matching, key=lambda task: task.execution.created, default=None)


def _read_tasks(answer: Answer) -> _Tasks:
    return answer.take(_Tasks)


def _milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970, without the rounding of floats."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)
