"""Tells a Slack channel how a run is doing, by an incoming webhook or by a bot."""

from collections.abc import Iterable

from dcp_engine.hookspecs import hookimpl
from dcp_engine.model import Event, Run
from dcp_engine_slack.settings import Options

__version__ = "0.1.0"


@hookimpl
def options() -> type[Options]:
    """The table `[slack]` and the variables `DCP_ENGINE_SLACK_*`."""
    return Options


@hookimpl
def notify(run: Run, event: Event, options: Options) -> None:
    """One message for an event that matters. Raises NotSent, in words, when it was not taken."""
    options.teller.tell(run, event)


@hookimpl
def ready(options: Options) -> Iterable[str]:
    """What Slack itself says is missing; a webhook cannot be asked without posting."""
    return options.teller.lacking()
