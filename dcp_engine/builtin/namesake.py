"""Telling the run's own things from those of a later run of the same name, where they look alike.

A dashboard, Auto-Monitor's alarms and the monitor file in the bucket carry a name and no identity,
and a queue that is still there is used again by the next `setup` (CreateQueue returns the one there
is, Amazon SQS API Reference). The queue and the service tell whether a later run has come: one of
them was made later, or the service was given a revision of its task definition that was registered
later, which is how `setup` treats a service that it finds.
"""

from dcp_engine.errors import Missing
from dcp_engine.hookspecs import Context
from dcp_engine.model import Ended, Run
from dcp_engine.ports import ServiceFacts

WHOSE = "a later run of this name has begun, and it is probably that one's now"


def has_come(context: Context) -> bool:
    """Whether a later run of the same name is there. Raises AwsError where that cannot be told.

    Who waived the step of the service may be unable to ask about it; the queue has to do then.
    """
    if _queue_is_later(context):
        return True
    step = context.run.step("service")
    if step is not None and step.ended is Ended.WAIVED:
        return False
    return service_is_later(context.run, context.aws.service.describe())


def service_is_later(run: Run, service: ServiceFacts | None) -> bool:
    """Whether a later run made this service, or took it for its own."""
    if service is None or service.status != "ACTIVE" or run.identities.seen_at is None:
        return False
    if service.created_at != run.identities.service_created_at:
        return True
    recorded = run.identities.task_definitions
    return bool(service.task_definition and recorded) and service.task_definition not in recorded


def _queue_is_later(context: Context) -> bool:
    identities = context.run.identities
    if identities.queue_url is None or identities.queue_created_at is None:
        return False
    try:
        facts = context.aws.queue.look(identities.queue_url)
    except Missing:
        return False
    return facts.created_at != identities.queue_created_at
