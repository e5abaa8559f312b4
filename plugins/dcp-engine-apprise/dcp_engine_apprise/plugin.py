"""The hooks of the plugin `apprise`."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from dcp_engine.hookspecs import Later, hookimpl
from dcp_engine.model import Event, Run
from dcp_engine_apprise.errors import NotTold
from dcp_engine_apprise.options import Options
from dcp_engine_apprise.wording import message_about

TEST: Final = "test"
"""What `dcp-engine notify test` sends: it is told whatever else is."""

# So long the others wait for an address that fails: messages are told in order, and an address that
# never works again would keep from them what they must know.
_HELD_UP: Final = timedelta(minutes=10)
_AGAIN: Final = timedelta(minutes=1)


@hookimpl
def options() -> type[Options]:
    """The table `[apprise]`."""
    return Options


@hookimpl
def notify(run: Run, event: Event, options: Options) -> None:
    """Send the event to every address that has not had it. Raises NotTold."""
    if event.kind == TEST or event.kind in options.events:
        options.post.tell(
            event.id,
            message_about(run, event),
            may_wait=_is_young(run, event),
            insist=event.kind == TEST,
        )


@hookimpl
def ticked(options: Options) -> None:
    """Have an address that misses messages be a problem of the run, which the others are told.

    Raises Later: nothing of ours failed, so it is no reason to ask more and more seldom.
    """
    try:
        options.post.complain()
    except NotTold as error:
        raise Later(_AGAIN, str(error)) from error


@hookimpl
def ready(options: Options) -> Iterable[str]:
    """What can be said without sending anything: `dcp-engine notify test` shows the rest."""
    return options.post.lacking()


def _is_young(run: Run, event: Event) -> bool:
    return run.last_tick_at is None or run.last_tick_at - event.at < _HELD_UP
