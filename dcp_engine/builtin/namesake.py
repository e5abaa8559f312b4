"""Telling the run's own things from those of a later run of the same name, where they look alike.

A dashboard, Auto-Monitor's alarms and the monitor file in the bucket carry a name and no identity.
The queue does: where one of the run's name was made later, a later run is there, and what is called
like this one's may be that one's by now.
"""

from dcp_engine.errors import Missing
from dcp_engine.hookspecs import Context

WHOSE = "a later run of this name has begun, and it is probably that one's now"


def has_come(context: Context) -> bool:
    """Whether a later run of the same name is there. Raises AwsError where that cannot be told."""
    identities = context.run.identities
    if identities.queue_url is None or identities.queue_created_at is None:
        return False
    try:
        facts = context.aws.queue.look(identities.queue_url)
    except Missing:
        return False
    return facts.created_at != identities.queue_created_at
