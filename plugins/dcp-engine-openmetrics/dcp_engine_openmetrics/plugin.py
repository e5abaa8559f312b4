"""The hooks of the plugin `openmetrics`."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from dcp_engine.hookspecs import Later, Records, Tick, hookimpl
from dcp_engine.model import Run
from dcp_engine_openmetrics.errors import NotWritten
from dcp_engine_openmetrics.folder import Folder
from dcp_engine_openmetrics.options import Options

_AGAIN: Final = timedelta(minutes=1)


@hookimpl
def options() -> type[Options]:
    """The table `[openmetrics]`."""
    return Options


@hookimpl
def ticked(run: Run, tick: Tick, records: Records, options: Options) -> None:
    """Write the run's metrics, and put those of the runs that have ended in order.

    Raises Later, since a full folder may have room again in a minute: it takes no time to see that.
    """
    try:
        Folder(options.directory, options.keep).show(run, tick, records)
    except NotWritten as error:
        raise Later(_AGAIN, str(error)) from error


@hookimpl
def ready(options: Options) -> Iterable[str]:
    """Whether files can be written where node_exporter looks for them."""
    return Folder(options.directory, options.keep).lacking()
