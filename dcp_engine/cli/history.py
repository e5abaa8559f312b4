"""`dcp-engine history`."""

import click
import msgspec

from dcp_engine.cli import arguments, words
from dcp_engine.cli.command import EngineCommand, examples
from dcp_engine.cli.given import everywhere, open_app
from dcp_engine.cli.lines import colour, kind
from dcp_engine.cli.terminal import terminal


@click.command(
    cls=EngineCommand,
    epilog=examples(["dcp-engine history Experiment", "dcp-engine history Experiment | less"]),
)
@arguments.app_name
@arguments.as_json
@click.pass_context
def history(ctx: click.Context, app_name: str, as_json: bool) -> None:
    """Everything that happened to the run APP_NAME, in order.

    From the database alone: it asks AWS nothing, and needs no network.
    """
    app = open_app(ctx, "history")
    out = terminal(ctx)
    events = app.history(app_name)
    if as_json:
        out.json([msgspec.to_builtins(event) for event in events])
        return
    for event in events:
        out.say(
            event.text, lead=f"{words.moment(event.at)}  {kind(event):<16} ", colour=colour(event)
        )


everywhere(history)
