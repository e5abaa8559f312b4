"""The hooks of the plugin `openmetrics`."""

from collections.abc import Iterable

from dcp_engine.hookspecs import Tick, hookimpl
from dcp_engine.model import Run
from dcp_engine_openmetrics.folder import Folder
from dcp_engine_openmetrics.options import Options


@hookimpl
def options() -> type[Options]:
    """The table `[openmetrics]`."""
    return Options


@hookimpl
def ticked(run: Run, tick: Tick, options: Options) -> None:
    """Write the run's metrics, and remove those of runs that ended long ago. Raises NotWritten."""
    Folder(options.directory, options.keep).show(run, tick)


@hookimpl
def ready(options: Options) -> Iterable[str]:
    """Whether files can be written where node_exporter looks for them."""
    return Folder(options.directory, options.keep).lacking()
