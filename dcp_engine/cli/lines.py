"""A run told line by line, as it happens."""

from typing import Protocol

from dcp_engine.app import App
from dcp_engine.cli import words
from dcp_engine.model import Event, Reading, Run

_COLOURS = {"problem": "red", "problem-over": "green", "state": "cyan"}


class Out(Protocol):
    """Where lines go."""

    def say(self, text: str = "", *, lead: str = "", colour: str | None = None) -> None:
        """As `dcp_engine.cli.terminal.Terminal` does it."""


class Lines:
    """Prints events as they come, and the counts when they have changed.

    `known` is what was counted before: nobody has counted that now.
    """

    def __init__(self, app: App, out: Out, *, known: Reading | None = None) -> None:
        self._app = app
        self._out = out
        self._reading = known
        self._day: str | None = None
        self._counts: str | None = None

    def tell(self, event: Event) -> None:
        """One event: time, kind (for a move, the new state), text."""
        day = words.day(event.at)
        if day != self._day:
            self._out.say(f"          {day}")
            self._day = day
        self._out.say(
            event.text, lead=f"{words.clock(event.at)}  {kind(event):<16} ", colour=colour(event)
        )

    def look(self, run: Run) -> None:
        """The counts, when they are new and not what they were."""
        reading = run.reading
        if reading is None or reading == self._reading or not run.state.watches:
            return
        self._reading = reading
        counts = words.jobs(reading.visible, reading.in_flight, reading.delayed)
        text = f"{counts}; {words.machines(run.fleets)}"
        if text != self._counts:
            self._counts = text
            self._out.say(f"{words.clock(self._app.now())}  {'jobs':<16} {text}")


def told(run: Run, event: Event) -> str:
    """An event where those of several runs stand one under the other."""
    return f"{words.moment(event.at)}  {run.names.app_name}  {kind(event)}: {event.text}"


def kind(event: Event) -> str:
    """What an event is called in a line: a move by the state it leads to."""
    return str(event.data.get("to", event.kind)) if event.kind == "state" else event.kind


def colour(event: Event) -> str | None:
    """The colour of an event's lead, if any."""
    return _COLOURS.get(event.kind)
