"""The run's queue, counted once more before it goes."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from dcp_engine.builtin import namesake
from dcp_engine.errors import Missing
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
from dcp_engine.words import counted

# Deleting takes up to 60 seconds, in which the queue still answers (Amazon SQS API, DeleteQueue).
_DELETING = timedelta(minutes=2)


@hookimpl
def teardown_steps() -> Sequence[TeardownStep]:
    return [TeardownStep(name="queue", run=delete_queue)]


def delete_queue(context: Context) -> StepResult:
    """Delete the recorded queue, unless jobs came late and nobody consented to lose them."""
    run = context.run
    identities = run.identities
    if identities.queue_url is None or identities.queue_created_at is None:
        return _never_seen(run)
    asked = context.memory.get("asked_at")
    try:
        facts = context.aws.queue.look(identities.queue_url)
    except Missing:
        return done(f"queue {run.names.queue} deleted" if asked else "there was none any more")
    if facts.created_at != identities.queue_created_at:
        return kept("this queue was made later than the run's; it is somebody else's")
    now = context.clock.now()
    if asked and now - datetime.fromisoformat(asked) < _DELETING:
        return waiting("it is being deleted, which takes AWS up to a minute")
    jobs = facts.reading.total
    if not asked and (why := _why_kept(context, jobs)):
        return kept(f"{why}; {counted(jobs, 'job is', 'jobs are')} in it")
    context.commit(
        event="queue",
        text=f"Deleting the queue {run.names.queue} with {counted(jobs, 'job')} in it.",
        data={"jobs": jobs},
        run=lambda run: replace(run, reading=facts.reading),
    )
    context.aws.queue.delete(identities.queue_url)
    context.commit(memory={"asked_at": context.clock.now().isoformat()})
    return waiting("it is being deleted, which takes AWS up to a minute")


def _why_kept(context: Context, jobs: int) -> str | None:
    run = context.run
    if run.keep_queue:
        return "a person asked for that"
    if namesake.has_come(context):
        return namesake.WHOSE
    if jobs and run.abort_requested_at is None:
        return "jobs came after the work was over"
    return None


def _never_seen(run: Run) -> StepResult:
    if run.problem("queue-unreadable"):
        return waiting("the queue could not be looked at yet, so whose it is is not known")
    return kept(f"no queue {run.names.queue} was ever seen by this run")
