"""Every event as a line in the log `dcp_engine.events`."""

import logging

from dcp_engine.hookspecs import hookimpl
from dcp_engine.model import Event, Run


@hookimpl
def notify(run: Run, event: Event) -> None:
    logging.getLogger("dcp_engine.events").info(
        "%s %s: %s [%s]", run.names.app_name, event.kind, event.text, event.id
    )
