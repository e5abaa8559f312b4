"""`dcp-engine history`."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import click
import msgspec

from dcp_engine.cli import arguments, words
from dcp_engine.cli.chapters import Chapter, Entry, chapters
from dcp_engine.cli.command import EngineCommand, examples
from dcp_engine.cli.given import everywhere, open_app
from dcp_engine.cli.lines import colour, kind
from dcp_engine.cli.terminal import Terminal, terminal
from dcp_engine.model import Event, Run

# As wide as the kinds that come often, so that the texts of most runs stand below each other.
_NARROWEST = 16
# Columns that a heading goes on after.
_HANG = 2
# In a run that is over sooner the seconds tell what came first.
_QUICK = timedelta(hours=2)


@click.command(
    cls=EngineCommand,
    epilog=examples(
        [
            "dcp-engine history Experiment",
            "dcp-engine history Experiment --full | less",
        ]
    ),
)
@arguments.app_name
@click.option("--full", is_flag=True, help="Every event by itself, in the words it was told in.")
@arguments.as_json
@click.pass_context
def history(ctx: click.Context, app_name: str, full: bool, as_json: bool) -> None:
    """What happened to the run APP_NAME: by day and state, who did what, what was wrong how long.

    What came again and again is told once. With --full every event is printed by itself.

    From the database alone: it asks AWS nothing, and needs no network.
    """
    app = open_app(ctx, "history")
    out = terminal(ctx)
    run = app.find(app_name)
    events = app.history(run.id)
    if as_json:
        out.json([msgspec.to_builtins(event) for event in events])
        return
    out.say(
        f"  {run.id}, account {run.account}, {run.region}: {_stands(run)}",
        lead=run.names.app_name,
        hang=_HANG,
    )
    if full:
        _every_event(out, events)
    else:
        tell_story(out, events)


def tell_story(out: Terminal, events: Sequence[Event]) -> None:
    """The events by day and state, what came again and again once."""
    _Story(out, events).tell()


def _every_event(out: Terminal, events: Sequence[Event]) -> None:
    width = max([_NARROWEST, *(len(kind(event)) for event in events)])
    today: str | None = None
    for event in events:
        day = words.day(event.at)
        if day != today:
            out.say()
            out.say(lead=day)
            today = day
        if event.kind == "state":
            out.say()
        out.say(
            event.text,
            lead=f"{words.clock(event.at)}  {kind(event):<{width}}  ",
            colour=colour(event),
        )


class _Story:
    """The events as chapters."""

    def __init__(self, out: Terminal, events: Sequence[Event]) -> None:
        self._out = out
        self._chapters = chapters(events)
        quick = bool(events) and events[-1].at - events[0].at < _QUICK
        self._form = "%H:%M:%S" if quick else "%H:%M"

    def tell(self) -> None:
        """Print it."""
        entries = [entry for chapter in self._chapters for entry in chapter.entries]
        when = max((len(self._when(entry)) for entry in entries), default=0)
        who = max((len(entry.who) for entry in entries), default=0)
        today: str | None = None
        for chapter in self._chapters:
            day = words.day(chapter.day)
            if day != today:
                self._out.say()
                self._out.say(lead=day)
                today = day
            self._out.say()
            self._out.say(self._heading(chapter), lead=chapter.state, colour="cyan", hang=_HANG)
            for entry in chapter.entries:
                lead = f"  {self._when(entry):<{when}}  {entry.who:<{who}}  "
                shade = "red" if entry.problem else None
                self._out.say(entry.text, lead=lead, colour=shade)

    def _heading(self, chapter: Chapter) -> str:
        if not chapter.begun:
            return " goes on"
        since = self._moment(chapter.since, chapter.day)
        reason = f": {chapter.reason}" if chapter.reason else ""
        if chapter.until is None:
            return f" since {since}{reason}"
        until = self._moment(chapter.until, chapter.day)
        return f" from {since} to {until}, {words.span(chapter.since, chapter.until)}{reason}"

    def _when(self, entry: Entry) -> str:
        since = self._moment(entry.since, entry.since)
        if entry.until is None:
            return f"since {since}"
        until = self._moment(entry.until, entry.since)
        return since if until == since else f"{since} to {until}"

    def _moment(self, at: datetime, day: datetime) -> str:
        """A moment, with its day where that is another one."""
        other = at.astimezone().date() != day.astimezone().date()
        return f"{at.astimezone():{'%a ' if other else ''}{self._form}}"


def _stands(run: Run) -> str:
    if run.live:
        return f"{run.state} since {words.moment(run.state_since)}"
    return f"ended, {words.ending(run.outcome, run.dead_letters)}"


everywhere(history)
