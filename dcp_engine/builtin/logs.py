"""The logs' way home by CloudWatch's own export task.

An account has one export slot (CloudWatch Logs quotas: one active export task at a time), so an
export waits while somebody else's is under way.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from dcp_engine.builtin.bucket_policy import advice
from dcp_engine.errors import Busy, Invalid, Missing
from dcp_engine.hookspecs import (
    Context,
    LogExport,
    LogExporter,
    StepResult,
    done,
    hookimpl,
    waiting,
)
from dcp_engine.ports import ExportFacts

_FAILED = frozenset({"FAILED", "CANCELLED", "PENDING_CANCEL"})
_SHORTEST_PAUSE = timedelta(milliseconds=500)


@hookimpl
def log_exporters() -> Sequence[LogExporter]:
    return [LogExporter(name="export-task", export=export)]


def export(context: Context, what: LogExport) -> StepResult:
    """Begin the export, or adopt the one there is, and wait for its end."""
    task = _task(context, what)
    if task is None:
        return _start(context, what)
    if task.status == "COMPLETED":
        return done(f"{what.group} is at s3://{task.bucket}/{task.prefix}/{task.id}/")
    if task.status in _FAILED:
        context.commit(memory={"failed": int(context.memory.get("failed", 0)) + 1})
        said = task.message or ""
        raise Invalid(
            "logs:CreateExportTask",
            task.status,
            f"the export of {what.group} to {task.bucket} ended {task.status}"
            + (f": {said}" if said else "")
            + (
                f". {advice(context.run)}"
                if "bucket" in said.lower()
                else "; the logs are still in CloudWatch"
            ),
        )
    return waiting(
        f"the export of {what.group} is {task.status}", next_in=_until_next_look(context)
    )


def _until_next_look(context: Context) -> timedelta | None:
    """As long again as this export has taken, since it takes seconds or hours; None if unknown.

    How often the step was tried says nothing of that: it may have been for the group before.
    """
    begun_at = context.memory.get("begun_at")
    if begun_at is None:
        return None
    waited = context.clock.now() - datetime.fromisoformat(begun_at)
    return min(context.settings.poll_interval, max(_SHORTEST_PAUSE, waited))


def _start(context: Context, what: LogExport) -> StepResult:
    context.commit(
        event="logs",
        text=f"Exporting {what.group} to {what.bucket}/{what.prefix}.",
        data={"group": what.group, "prefix": what.prefix},
        memory={**context.memory, "asked": True},
    )
    try:
        task = context.aws.logs.start_export(what.group, what.start, what.end, what.prefix)
    except Busy:
        return waiting("another export holds the account's one export slot")
    except Missing:
        return done(f"there is no log group {what.group}")
    except Invalid as error:
        if "bucket" not in error.message.lower():
            raise
        raise Invalid(
            error.operation, error.code, f"{error.message} {advice(context.run)}"
        ) from error
    begun = context.clock.now().isoformat()
    context.commit(memory={**context.memory, "task": task, "begun_at": begun})
    return waiting(f"the export of {what.group} has begun", next_in=_until_next_look(context))


def _task(context: Context, what: LogExport) -> ExportFacts | None:
    if "task" in context.memory:
        return context.aws.logs.export(context.memory["task"])
    if context.memory.get("asked"):
        # A process that asked and died, or lost the answer, may have started one.
        return context.aws.logs.find_export(what.group, what.start, what.end, what.prefix)
    return None
