"""`dcp-engine status`."""

import click

from dcp_engine.app import App
from dcp_engine.cli import arguments
from dcp_engine.cli.command import EngineCommand, examples, utf8
from dcp_engine.cli.given import complete_names, everywhere, open_app
from dcp_engine.cli.report import in_full, in_short
from dcp_engine.cli.terminal import terminal
from dcp_engine.cli.unwatched import unwatched
from dcp_engine.model import State
from dcp_engine.status import Status


@click.command(
    cls=EngineCommand,
    epilog=examples(["dcp-engine status", "dcp-engine status Experiment --json"]),
)
@click.argument(
    "app_name",
    metavar="[APP_NAME]",
    required=False,
    type=utf8,
    shell_complete=complete_names,
)
@arguments.as_json
@click.pass_context
def status(ctx: click.Context, app_name: str | None, as_json: bool) -> None:
    """How the run APP_NAME stands, what is wrong first; without a name, all live runs.

    From the database alone: it asks AWS nothing, and needs no network.
    """
    app = open_app(ctx, "status")
    out = terminal(ctx)
    if app_name is not None:
        found = app.status(app_name)
        if as_json:
            out.json(found.as_json())
        else:
            now = app.now()
            in_full(
                out,
                found,
                now,
                namesakes=_namesakes(app, found, app_name),
                unwatched=unwatched(ctx, app, found, now),
            )
        return
    live = app.runs()
    if as_json:
        out.json([one.as_json() for one in live])
    elif not live:
        missing = "" if app.database.exists() else ", which does not exist yet"
        out.say(
            f"There are no live runs in {app.database}{missing}. `dcp-engine monitor FILE` starts "
            "watching one; `dcp-engine list --all` shows those that have ended."
        )
    for index, one in enumerate([] if as_json else live):
        if index:
            out.say()
        now = app.now()
        in_short(out, one, now, unwatched=unwatched(ctx, app, one, now))


def _namesakes(app: App, found: Status, asked: str) -> int:
    """How many ended runs have that name, where it was a name and means an ended run; else 0."""
    if found.state is not State.EXPORTED or asked != found.app_name:
        return 0
    return sum(one.app_name == asked for one in app.runs(live=False))


everywhere(status)
