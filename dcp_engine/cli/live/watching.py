"""The live views of `status --watch`: one run with its last events, or a table of all."""

from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Final

import click

from dcp_engine.app import App
from dcp_engine.cli.detach import Detach
from dcp_engine.cli.live.device import Device
from dcp_engine.cli.live.painter import Painter, View
from dcp_engine.cli.live.run_view import run_view
from dcp_engine.cli.live.runs_view import runs_view
from dcp_engine.cli.live.telling import painting
from dcp_engine.cli.status import seen
from dcp_engine.model import Run

WATCHING: Final = "Ctrl-C leaves; the run goes on as it did."
WATCHING_ALL: Final = "Ctrl-C leaves; the runs go on as they did."


def watching_one(
    ctx: click.Context, app: App, run: Run, *, detach: Detach, canvas: Device, every: timedelta
) -> AbstractContextManager[Painter]:
    """A view of one run until the block ends; the last one stays."""

    def view(beside: App) -> View:
        one = seen(ctx, beside, beside.status(run.id), beside.now())
        return lambda now, paper: run_view(
            one.picture,
            one.status,
            now,
            paper,
            unwatched=one.unwatched,
            events=True,
            footer=WATCHING,
        )

    return painting(app, view, detach, canvas, every=every.total_seconds(), leave=True)


def watching_all(
    ctx: click.Context, app: App, *, detach: Detach, canvas: Device, every: timedelta
) -> AbstractContextManager[Painter]:
    """A view of all live runs until the block ends; the last one stays."""

    def view(beside: App) -> View:
        now = beside.now()
        found = [seen(ctx, beside, one, now) for one in beside.runs()]
        return lambda now, paper: runs_view(found, now, paper, footer=WATCHING_ALL)

    return painting(app, view, detach, canvas, every=every.total_seconds(), leave=True)
