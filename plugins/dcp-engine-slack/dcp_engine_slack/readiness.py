"""What is missing before a message can be posted, asked of Slack without posting one."""

from collections.abc import Iterable
from typing import Final

from dcp_engine_slack.connection import Bot
from dcp_engine_slack.errors import NotSent
from dcp_engine_slack.patience import Patience
from dcp_engine_slack.thread import MAY_NOT_LOOK

NO_THREADS: Final = (
    "There is one message after the other instead of a thread, and one may come twice, because "
    "the bot may not look at the channel: give the app the scope channels:history (groups:history "
    "for a private channel), reinstall it, and type /invite and the bot's name in the channel."
)


def lacking(bot: Bot, patience: Patience) -> Iterable[str]:
    """Each thing that a bot lacks, in words."""
    try:
        scopes = bot.scopes(patience)
    except NotSent as error:
        yield str(error)
        return
    if scopes is not None and "chat:write" not in scopes:
        yield (
            "The app may not post: at api.slack.com/apps, under “OAuth & Permissions”, add the "
            "scope chat:write, then reinstall the app."
        )
    try:
        next(bot.history(0.0, patience), None)
    except NotSent as error:
        elsewhere = error.code in {"channel_not_found", "not_in_channel"}
        yield NO_THREADS if error.code in MAY_NOT_LOOK and not elsewhere else str(error)
