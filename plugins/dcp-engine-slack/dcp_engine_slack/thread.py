"""The thread of a run: found again in any process by what the messages in it carry.

Each message has metadata that people do not see, with the run's id and the event's. So Slack itself
is what remembers where a run's thread is, and which events were told in it.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec

from dcp_engine.model import Run
from dcp_engine_slack.connection import Bot
from dcp_engine_slack.errors import NotSent
from dcp_engine_slack.patience import Patience

_EVENT_TYPE: Final = "dcp_engine_event"
# By so much this computer's clock may be ahead of Slack's when a run is registered.
_CLOCKS_DIFFER: Final = timedelta(hours=1)

GONE: Final = frozenset(
    {"thread_not_found", "message_not_found", "cannot_reply_to_message", "invalid_thread_ts"}
)
"""What Slack says of a thread whose first message somebody deleted."""

MAY_NOT_LOOK: Final = frozenset(
    {
        "missing_scope",
        "not_in_channel",
        "channel_not_found",
        "no_permission",
        "access_denied",
        "method_not_supported_for_channel_type",
    }
)
"""What Slack says where a bot may not read a channel."""


class Thread(msgspec.Struct, kw_only=True):
    """Where a run's messages go, and the ids of the events that are told there already.

    `ts` is the first message's, None while there is none. `unseen` when the bot may not look, so
    that only what this process posted is known.
    """

    ts: str | None = None
    told: set[str]
    unseen: bool = False


def metadata(run_id: str, event_id: str) -> dict[str, Any]:
    """What a message carries (Slack's "Message metadata"), for `find` to find."""
    return {
        "event_type": _EVENT_TYPE,
        "event_payload": {"run": run_id, "event": event_id},
    }


def find(bot: Bot, run: Run, patience: Patience) -> Thread:
    """The run's thread as it is in Slack. Raises NotSent, but not where looking is forbidden."""
    try:
        ts = _first(bot, run, patience)
        told = _told(bot.replies(ts, patience), run.id) if ts else set()
    except NotSent as error:
        if error.code in MAY_NOT_LOOK:
            return Thread(told=set(), unseen=True)
        if error.code in GONE:
            return Thread(told=set())
        raise
    return Thread(ts=ts, told=told)


def _first(bot: Bot, run: Run, patience: Patience) -> str | None:
    since = (run.registered_at - _CLOCKS_DIFFER).timestamp()
    # Newest first, as Slack sends them. A reply that was sent to the channel too names its thread.
    for message in bot.history(since, patience):
        if _event(message, run.id):
            return str(message.get("thread_ts") or message.get("ts"))
    return None


def _told(messages: Iterable[Mapping[str, Any]], run_id: str) -> set[str]:
    return {event for message in messages if (event := _event(message, run_id))}


def _event(message: Mapping[str, Any], run_id: str) -> str | None:
    """The event that a message tells, if it is one of this run."""
    carried = message.get("metadata")
    if not isinstance(carried, dict) or carried.get("event_type") != _EVENT_TYPE:
        return None
    payload = carried.get("event_payload")
    if not isinstance(payload, dict) or payload.get("run") != run_id:
        return None
    return str(payload.get("event"))
