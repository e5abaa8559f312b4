"""Tells a Slack channel how a run is doing, by an incoming webhook or by a bot."""

from collections.abc import Iterable
from datetime import timedelta

from dcp_engine.hookspecs import Later, hookimpl
from dcp_engine.model import Event, Run
from dcp_engine_slack.errors import TooMany
from dcp_engine_slack.settings import Options

__version__ = "0.1.0"


@hookimpl
def options() -> type[Options]:
    """The table `[slack]` and the variables `DCP_ENGINE_SLACK_*`."""
    return Options


@hookimpl
def notify(run: Run, event: Event, options: Options) -> None:
    """One message for an event that matters. Raises NotSent, in words, when it was not taken.

    And Later where Slack says itself when it takes the next one: then no process asks before that.
    """
    try:
        options.teller.tell(run, event)
    except TooMany as error:
        raise Later(timedelta(seconds=error.retry_after), str(error)) from error


@hookimpl
def ready(options: Options) -> Iterable[str]:
    """What Slack itself says is missing; a webhook cannot be asked without posting."""
    return options.teller.lacking()
