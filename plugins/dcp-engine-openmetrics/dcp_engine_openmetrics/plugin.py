"""The hooks of the plugin `openmetrics`."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from dcp_engine.hookspecs import Later, Tick, hookimpl
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
def ticked(run: Run, tick: Tick, options: Options) -> None:
    """Write the run's metrics, and remove those of runs that ended long ago.

    Raises Later, since a full folder may have room again in a minute: it takes no time to see that.
    """
    try:
        Folder(options.directory, options.keep).show(run, tick)
    except NotWritten as error:
        raise Later(_AGAIN, str(error)) from error


@hookimpl
def ready(options: Options) -> Iterable[str]:
    """Whether files can be written where node_exporter looks for them."""
    return Folder(options.directory, options.keep).lacking()
