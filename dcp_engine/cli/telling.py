"""Telling a person what goes on while a run is watched: line by line, or above a live view."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import click

from dcp_engine.app import App
from dcp_engine.cli import words
from dcp_engine.cli.detach import Detach
from dcp_engine.cli.given import given
from dcp_engine.cli.lines import Lines
from dcp_engine.cli.live.device import Device, device
from dcp_engine.cli.terminal import Terminal, terminal
from dcp_engine.model import Event, Run


class Teller(Protocol):
    """Who tells it; none of it is waited for where there is a live view."""

    def tell(self, event: Event) -> None:
        """Something has happened."""

    def look(self, run: Run) -> None:
        """The run as it stands after a look at it."""

    def warn(self, obstacle: str) -> None:
        """Something stands in the way."""


class LineTeller:
    """Tells it line by line, as long as anybody reads."""

    def __init__(self, app: App, out: Terminal, run: Run, detach: Detach) -> None:
        self._app = app
        self._out = out
        self._lines = Lines(app, out, known=run.reading)
        self._detach = detach

    def tell(self, event: Event) -> None:
        self._lines.tell(event)
        self._leave_with_the_reader()

    def look(self, run: Run) -> None:
        self._lines.look(run)
        self._leave_with_the_reader()

    def warn(self, obstacle: str) -> None:
        self._out.message(f"{words.clock(self._app.now())}  {obstacle}")

    def _leave_with_the_reader(self) -> None:
        if self._out.reader_gone:
            self._detach.ask()


@contextmanager
def telling(
    ctx: click.Context, app: App, run: Run, detach: Detach, *, plain: bool
) -> Iterator[Teller]:
    """Who tells it; without `plain` and on a terminal, with a live view."""
    out = terminal(ctx)
    canvas = None if plain else drawable(ctx)
    if canvas is None:
        yield LineTeller(app, out, run, detach)
        return
    from dcp_engine.cli.live.telling import live  # noqa: PLC0415 - rich is slow to import

    with live(app, out, run, detach, canvas) as teller:
        yield teller


def drawable(ctx: click.Context) -> Device | None:
    """The terminal that a live view can be drawn on, if there is one.

    There is none where the program's own log goes to it too.
    """
    if given(ctx).verbose and sys.stderr is not None and sys.stderr.isatty():
        return None
    return device(sys.stdout, os.environ)
