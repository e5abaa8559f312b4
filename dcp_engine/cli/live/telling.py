"""A live view while a run is driven or followed, with what happens scrolling by above it."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from dcp_engine.app import App
from dcp_engine.cli import words
from dcp_engine.cli.detach import Detach
from dcp_engine.cli.lines import Lines
from dcp_engine.cli.live.device import Device
from dcp_engine.cli.live.painter import Look, Painter, View
from dcp_engine.cli.live.run_view import run_view
from dcp_engine.cli.terminal import Terminal, styled
from dcp_engine.clock import SystemClock
from dcp_engine.model import Event, Run

DRIVING: Final = "Ctrl-C detaches; nothing is lost by that."


class LiveTeller:
    """Has a painter tell it, above a view that shows the rest."""

    def __init__(self, app: App, out: Terminal, painter: Painter, canvas: Device) -> None:
        self._app = app
        self._out = out
        self._painter = painter
        self._canvas = canvas
        self._lines = Lines(app, self)

    def say(self, text: str = "", *, lead: str = "", colour: str | None = None) -> None:
        """What stays, in lines that fit."""
        width = self._canvas.size()[0] - 1
        self._painter.say(styled(text, lead, colour, shown=self._canvas.colour, width=width))

    def tell(self, event: Event) -> None:
        self._lines.tell(event)
        self._painter.news()

    def look(self, run: Run) -> None:
        self._painter.news()

    def warn(self, obstacle: str) -> None:
        text = f"{words.clock(self._app.now())}  {obstacle}"
        if _same_terminal():
            self.say(text)
        else:
            self._out.message(text)


@contextmanager
def live(app: App, out: Terminal, run: Run, detach: Detach, canvas: Device) -> Iterator[LiveTeller]:
    """Show how the run stands until the block ends; the view is gone then, what was told stays."""

    def view(beside: App) -> View:
        picture, status = beside.picture(run.id), beside.status(run.id)
        return lambda now, paper: run_view(picture, status, now, paper, footer=DRIVING)

    with painting(app, view, detach, canvas) as painter:
        teller = LiveTeller(app, out, painter, canvas)
        if _same_terminal():
            detach.announce = teller.say
        yield teller


@contextmanager
def painting(
    app: App,
    view: Callable[[App], View],
    detach: Detach,
    canvas: Device,
    *,
    every: float = 1.0,
    leave: bool = False,
) -> Iterator[Painter]:
    """A painter at work on standard output, which is the terminal that is drawn on.

    `view` looks at the store, through an App of its own. With `leave` the last view stays.
    """
    sys.stdout.flush()
    painter = Painter(canvas, _looking(app, view), SystemClock(), gone=detach.ask, every=every)

    def on_continued(number: int, frame: FrameType | None) -> None:
        """A shell has had the terminal since Ctrl-Z."""
        canvas.hush()
        painter.afresh()

    before = signal.signal(signal.SIGCONT, on_continued)
    detach.last_act = canvas.restore
    painter.start()
    try:
        yield painter
    finally:
        painter.stop(leave=leave)
        canvas.restore()
        signal.signal(signal.SIGCONT, before)


@contextmanager
def _looking(app: App, view: Callable[[App], View]) -> Iterator[Look]:
    # A connection of its own: whoever drives must not wait while a large run is read.
    beside = App(database=app.database, settings=app.settings)
    try:
        yield lambda: view(beside)
    finally:
        beside.close()


def _same_terminal() -> bool:
    """Whether messages, which go to standard error, would get into the view."""
    try:
        return sys.stderr is not None and sys.stderr.isatty()
    except ValueError:
        return False
