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
from dcp_engine.ports import QueueFacts
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
    facts = _look(context)
    if isinstance(facts, QueueFacts) and not asked:
        facts = _free_to_go(context, facts)
    if isinstance(facts, StepResult):
        return facts
    if asked and context.clock.now() - datetime.fromisoformat(asked) < _DELETING:
        return waiting("it is being deleted, which takes AWS up to a minute")
    reading = facts.reading
    context.commit(
        event="queue",
        text=f"Deleting the queue {run.names.queue} with {counted(reading.total, 'job')} in it.",
        data={"jobs": reading.total},
        run=lambda run: replace(run, reading=reading),
    )
    context.aws.queue.delete(facts.url)
    context.commit(memory={"asked_at": context.clock.now().isoformat()})
    return waiting("it is being deleted, which takes AWS up to a minute")


def _look(context: Context) -> QueueFacts | StepResult:
    """The recorded queue as it is; what ends the step where it is gone, or somebody else's."""
    identities = context.run.identities
    try:
        facts = context.aws.queue.look(identities.queue_url)
    except Missing:
        asked = "asked_at" in context.memory
        name = context.run.names.queue
        return done(f"queue {name} deleted" if asked else "there was none any more")
    if facts.created_at != identities.queue_created_at:
        return kept("this queue was made later than the run's; it is somebody else's")
    return facts


def _free_to_go(context: Context, facts: QueueFacts) -> QueueFacts | StepResult:
    """The queue as it is right before it goes; what ends the step where it is to be kept."""
    if context.run.keep_queue:
        return kept(f"a person asked for that; {_jobs(facts)} in it")
    if namesake.has_come(context):
        return kept(f"{namesake.WHOSE}; {_jobs(facts)} in it")
    # To tell that may have taken a while.
    now = _look(context)
    if isinstance(now, QueueFacts) and now.reading.total and not context.run.abort_requested_at:
        return kept(f"jobs came after the work was over; {_jobs(now)} in it")
    return now


def _jobs(facts: QueueFacts) -> str:
    return counted(facts.reading.total, "job is", "jobs are")


def _never_seen(run: Run) -> StepResult:
    if run.problem("queue-unreadable"):
        return waiting("the queue could not be looked at yet, so whose it is is not known")
    return kept(f"no queue {run.names.queue} was ever seen by this run")
