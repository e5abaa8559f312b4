"""The report, written beside the logs when everything else is done but the last look.

It is for people to read later, so nothing waits for it for long: where the bucket does not take it,
the run ends without.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from dcp_engine.errors import (
    AwsError,
    Credentials,
    Denied,
    EngineError,
    Invalid,
    Missing,
    OutOfTime,
)
from dcp_engine.hookspecs import (
    Context,
    StepResult,
    TeardownStep,
    done,
    hookimpl,
    kept,
    waiting,
)
from dcp_engine.model import Run

if TYPE_CHECKING:
    from dcp_engine.picture import Picture

_NAME: Final = "report"
# Whatever else of ours is to be told of; the last look alone comes afterwards.
_BEFORE: Final = frozenset(
    {
        "fleets",
        "logs",
        "alarms",
        "cluster",
        "dashboard",
        "monitor-file",
        "queue",
        "service",
        "task-definitions",
    }
)
_AFTER: Final = "last-look"
# So long it waits for the steps of plugins, which may wait for this one.
_PATIENCE: Final = timedelta(hours=1)
# So long it is tried to write it.
_LIMIT: Final = timedelta(days=1)


@hookimpl
def teardown_steps() -> Sequence[TeardownStep]:
    return [TeardownStep(name=_NAME, run=write, needs=_BEFORE, after_machines=True)]


def write(context: Context) -> StepResult:
    """Write the report, its summary and the monitor file, over what was written before."""
    if others := _waited_for(context):
        return waiting(f"it comes after {', '.join(others)}, so that it can tell of that")
    bucket = context.run.names.bucket
    context.commit(
        event="report",
        text=f"Writing the report to the bucket {bucket}.",
        data={"bucket": bucket},
    )
    from dcp_engine.report.files import files_of  # noqa: PLC0415 - slow, and needed once in a run

    seen = _picture(context)
    try:
        files = files_of(seen)
    except EngineError:
        raise
    except Exception as error:  # noqa: BLE001 - no drawing is worth a run that does not end
        return kept(f"it could not be made, which is a defect of dcp-engine: {error!r}")
    key = ""
    try:
        for file in files:
            key = context.aws.bucket.put(file.name, file.body, file.content_type)
    except (Denied, Missing, Invalid) as error:
        return kept(_refused(context.run, error))
    except (Credentials, OutOfTime):
        raise
    except AwsError as error:
        if _tried_for(context) < _LIMIT:
            raise
        return kept(f"given up after a day. {_refused(context.run, error)}")
    return done(f"s3://{bucket}/{key}")


def _waited_for(context: Context) -> list[str]:
    """Steps of plugins that are under way, or have not had their turn yet.

    One that was due at our last attempt, and has not been tried since, is not waited for: it waits
    for us, or its plugin is gone.
    """
    left = [
        step
        for step in context.run.steps
        if step.ended is None and step.name not in {*_BEFORE, _NAME, _AFTER}
    ]
    if not left or _tried_for(context) >= _PATIENCE:
        return []
    now, due_before = context.clock.now(), dict(context.memory)
    due = {step.name: step.attempts for step in left if not step.next_at or step.next_at <= now}
    context.commit(memory=due)
    return [step.name for step in left if due_before.get(step.name) != step.attempts]


def _tried_for(context: Context) -> timedelta:
    step = context.run.step(_NAME)
    first = step.first_at if step else None
    return timedelta(0) if first is None else context.clock.now() - first


def _picture(context: Context) -> "Picture":
    from dcp_engine.picture import picture  # noqa: PLC0415 - needed once in a run

    return picture(
        context.run,
        machines=context.roll(),
        events=context.events(),
        numbers=context.numbers(None),
        now=context.clock.now(),
    )


def _refused(run: Run, error: AwsError) -> str:
    names = run.names
    return (
        f"The bucket {names.bucket} did not take the report: {error}. "
        f"`dcp-engine report {names.app_name}` writes it on this computer. For the next run, allow "
        f"s3:PutObject on {names.bucket}/exportedlogs/{names.log_group}/*: `dcp-engine iam-policy` "
        "prints everything that is needed"
    )
