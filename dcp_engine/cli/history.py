"""`dcp-engine history`."""

from collections.abc import Sequence

import click
import msgspec

from dcp_engine.cli import arguments, words
from dcp_engine.cli.command import EngineCommand, examples
from dcp_engine.cli.given import everywhere, open_app
from dcp_engine.cli.lines import colour, kind
from dcp_engine.cli.terminal import Terminal, terminal
from dcp_engine.model import Event, Run

# As wide as the kinds that come often, so that the texts of most runs stand below each other.
_NARROWEST = 16


@click.command(
    cls=EngineCommand,
    epilog=examples(["dcp-engine history Experiment", "dcp-engine history Experiment | less"]),
)
@arguments.app_name
@arguments.as_json
@click.pass_context
def history(ctx: click.Context, app_name: str, as_json: bool) -> None:
    """Everything that happened to the run APP_NAME, day by day; a new state begins a paragraph.

    From the database alone: it asks AWS nothing, and needs no network.
    """
    app = open_app(ctx, "history")
    out = terminal(ctx)
    run = app.find(app_name)
    events = app.history(run.id)
    if as_json:
        out.json([msgspec.to_builtins(event) for event in events])
    else:
        _story(out, run, events)


def _story(out: Terminal, run: Run, events: Sequence[Event]) -> None:
    out.say(
        f"  {run.id}, account {run.account}, {run.region}: {_stands(run)}",
        lead=run.names.app_name,
    )
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


def _stands(run: Run) -> str:
    if run.live:
        return f"{run.state} since {words.moment(run.state_since)}"
    return f"ended, {words.ending(run.outcome, run.dead_letters)}"


everywhere(history)
