"""The logs' way home: both log groups are exported to the run's bucket.

An account has one export slot (CloudWatch Logs quotas: one active export task at a time), so the
groups go one after the other and wait while somebody else's is under way. The span is fixed before
the first call, so an export that a dead process started is recognised and adopted.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from dcp_engine.builtin.bucket_policy import advice
from dcp_engine.errors import Busy, Invalid, Missing
from dcp_engine.hookspecs import (
    Context,
    StepResult,
    TeardownStep,
    done,
    hookimpl,
    waiting,
)
from dcp_engine.ports import ExportFacts

# By so much a start time may be ahead when a run is registered.
_CLOCKS_DIFFER = timedelta(days=1)
_FAILED = frozenset({"FAILED", "CANCELLED", "PENDING_CANCEL"})


@hookimpl
def teardown_steps() -> Sequence[TeardownStep]:
    return [TeardownStep(name="logs", run=export_logs, after_machines=True)]


def export_logs(context: Context) -> StepResult:
    """Bring both groups home, one after the other."""
    wait = _until_settled(context)
    if wait > timedelta(0):
        return waiting("the last log lines may still be on their way", next_in=wait)
    remarks = []
    for group in context.run.names.log_groups:
        outcome = _export(context, group)
        if outcome.ended is None:
            return outcome
        remarks.append(outcome.reason or group)
    return done("; ".join(remarks))


def _until_settled(context: Context) -> timedelta:
    """How long to wait for the last log lines."""
    settle = context.settings.log_settle
    if ended_at := context.run.machines_ended_at:
        return ended_at + settle - context.clock.now()
    # A person waived the machines' end, so there is no moment to wait from: it is waited for once.
    step = context.run.step("logs")
    return timedelta(0) if step and step.attempts else settle


def _export(context: Context, group: str) -> StepResult:
    memory = _memory(context, group)
    if "ended" in memory:
        return done(memory["ended"])
    if "end" not in memory:
        # By AWS's clock, as the log lines are: this computer's may be hours behind.
        now = context.aws.logs.group_seen_at(group)
        if now is None:
            return _end(context, group, f"there is no log group {group}")
        memory = {**memory, "end": now.timestamp()}
        _remember(context, group, memory)
    export = _task(context, group, memory)
    if export is None:
        return _start(context, group, memory)
    if export.status == "COMPLETED":
        return _end(context, group, f"{group} is at {export.bucket}/{export.prefix}/{export.id}")
    if export.status in _FAILED:
        failed = int(memory.get("failed", 0)) + 1
        _remember(context, group, {"end": memory["end"], "failed": failed})
        said = export.message or ""
        raise Invalid(
            "logs:CreateExportTask",
            export.status,
            f"the export of {group} to {export.bucket} ended {export.status}"
            + (f": {said}" if said else "")
            + (
                f". {advice(context.run)}"
                if "bucket" in said.lower()
                else "; the logs are still in CloudWatch"
            ),
        )
    return waiting(f"the export of {group} is {export.status}")


def _start(context: Context, group: str, memory: dict[str, Any]) -> StepResult:
    start, end = _span(context, memory)
    prefix = f"exportedlogs/{group}"
    context.commit(
        event="logs",
        text=f"Exporting {group} to {context.run.names.bucket}/{prefix}.",
        data={"group": group, "prefix": prefix},
        memory={**context.memory, group: {**memory, "asked": True}},
    )
    try:
        task = context.aws.logs.start_export(group, start, end, prefix)
    except Busy:
        return waiting("another export holds the account's one export slot")
    except Missing:
        return _end(context, group, f"there is no log group {group}")
    except Invalid as error:
        if "bucket" not in error.message.lower():
            raise
        raise Invalid(
            error.operation, error.code, f"{error.message} {advice(context.run)}"
        ) from error
    _remember(context, group, {**memory, "asked": True, "task": task})
    return waiting(f"the export of {group} has begun")


def _task(context: Context, group: str, memory: dict[str, Any]) -> ExportFacts | None:
    if "task" in memory:
        return context.aws.logs.export(memory["task"])
    if memory.get("asked"):
        # A process that asked and died, or lost the answer, may have started one.
        return context.aws.logs.find_export(
            group,
            *_span(context, memory),
            f"exportedlogs/{group}",
        )
    return None


def _span(context: Context, memory: dict[str, Any]) -> tuple[datetime, datetime]:
    """From when to when, the same in every process."""
    end = _moment(memory["end"])
    start = context.run.earliest_start
    # The clock of the computer that started the cluster may have been ahead.
    return (start if start < end else end - _CLOCKS_DIFFER), end


def _memory(context: Context, group: str) -> dict[str, Any]:
    return dict(context.memory.get(group, {}))


def _remember(context: Context, group: str, memory: dict[str, Any]) -> None:
    context.commit(memory={**context.memory, group: memory})


def _end(context: Context, group: str, remark: str) -> StepResult:
    _remember(context, group, {**_memory(context, group), "ended": remark})
    return done(remark)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
