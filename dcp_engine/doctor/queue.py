"""The run's queue: jobs in it, where those go that fail for good, and how long one is hidden."""

from datetime import timedelta

import humanize

from dcp_engine.doctor.finding import Finding, advice, fine, untold, wrong
from dcp_engine.doctor.subject import Subject
from dcp_engine.durations import format_duration
from dcp_engine.errors import AwsError, Missing
from dcp_engine.model import State
from dcp_engine.ports import QueueFacts
from dcp_engine.words import counted

# What Distributed-CellProfiler's config.py says to begin with; hardly an analysis is that quick.
_SHORT = timedelta(minutes=1)


def queue(subject: Subject, seen: QueueFacts | AwsError, grace: timedelta) -> Finding:
    """Whether it is there and holds jobs; `grace` is how long an empty one is waited for."""
    name, called = "queue", subject.run.names.queue
    if isinstance(seen, Missing):
        return wrong(
            name,
            f"There is no queue {called} in {subject.run.region}.",
            "Set it up and submit the jobs (`setup` and `submitJob` of Distributed-CellProfiler), "
            "or give the right region (--region) and account (--profile).",
        )
    if isinstance(seen, AwsError):
        return untold(name, f"The queue {called}", seen)
    jobs = seen.reading
    if jobs.empty and subject.run.state is State.PENDING and not subject.run.jobs_seen:
        return wrong(
            name,
            f"The queue {called} is empty. A run whose queue stays empty for "
            f"{format_duration(grace)} is taken down.",
            "Submit the jobs (`submitJob` of Distributed-CellProfiler).",
        )
    return fine(
        name,
        f"{called}: {jobs.visible} waiting, {jobs.in_flight} in flight, {jobs.delayed} delayed.",
    )


def dead_letters(seen: QueueFacts, letters: int | AwsError | None) -> Finding:
    """Whether jobs that always fail have a place to go to; `letters` is how many are there."""
    name, arn = "dead-letters", seen.dead_letter_queue_arn
    if arn is None:
        return advice(
            name,
            "The queue has no dead-letter queue: a job that always fails comes back until it "
            "expires, and keeps machines up until then.",
            "Name one in the queue's redrive policy (SQS console, the queue's Dead-letter queue).",
        )
    called = arn.rpartition(":")[2]
    if isinstance(letters, Missing):
        return wrong(
            name,
            f"The queue's redrive policy names the dead-letter queue {called}, which does not "
            "exist: jobs that always fail have nowhere to go.",
            f"Create a queue named {called}, or name another one in the redrive policy.",
        )
    if isinstance(letters, AwsError):
        return untold(name, f"The dead-letter queue {called}", letters)
    there = f" {counted(letters, 'is', 'are')} in it already." if letters else ""
    return fine(name, f"Jobs that always fail go to {called}.{there}")


def visibility_timeout(seen: QueueFacts) -> Finding | None:
    """Whether a job stays hidden for as long as one takes; None where AWS does not tell."""
    name, hidden = "visibility-timeout", seen.visibility_timeout
    if hidden is None:
        return None
    span = humanize.precisedelta(hidden)
    if hidden <= _SHORT:
        return advice(
            name,
            f"A job is hidden from other machines for {span} once it is taken. One that takes "
            "longer is done twice, and may become a dead letter although it works.",
            "Set the queue's visibility timeout to a little more than a job takes "
            "(SQS_MESSAGE_VISIBILITY of Distributed-CellProfiler).",
        )
    return fine(name, f"A job is hidden from other machines for {span} once it is taken.")
