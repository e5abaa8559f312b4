"""`dcp-engine status`."""

import gc
from datetime import datetime, timedelta

import click

from dcp_engine.app import App
from dcp_engine.cli import arguments
from dcp_engine.cli.clock_behind import say_clock
from dcp_engine.cli.command import EngineCommand, examples, pause, utf8
from dcp_engine.cli.for_programs import for_programs
from dcp_engine.cli.given import complete_names, everywhere, open_app
from dcp_engine.cli.overview import Seen
from dcp_engine.cli.report import in_full, in_short
from dcp_engine.cli.terminal import terminal
from dcp_engine.cli.unwatched import unwatched
from dcp_engine.model import State
from dcp_engine.status import Status


@click.command(
    cls=EngineCommand,
    epilog=examples(
        [
            "dcp-engine status",
            "dcp-engine status Experiment --json",
            "dcp-engine status Experiment --watch",
        ]
    ),
)
@click.argument(
    "app_name",
    metavar="[APP_NAME]",
    required=False,
    type=utf8,
    shell_complete=complete_names,
)
@arguments.as_json
@click.option(
    "--watch",
    "watching",
    is_flag=True,
    help="Show it again and again, while another process drives it; Ctrl-C leaves.",
)
@click.option(
    "--every",
    metavar="DURATION",
    type=pause,
    default="2s",
    show_default=True,
    help="With --watch: the pause between two looks.",
)
@arguments.plain
@click.pass_context
def status(
    ctx: click.Context,
    *,
    app_name: str | None,
    as_json: bool,
    watching: bool,
    every: timedelta,
    plain: bool,
) -> None:
    """How the run APP_NAME stands, what is wrong first; without a name, all live runs.

    From the database alone: it asks AWS nothing, and needs no network. With --watch a terminal
    shows the same live view as `dcp-engine monitor`, a pipe or a file gets lines as things happen;
    it ends with the run.
    """
    if as_json and watching:
        raise click.UsageError("--json and --watch do not go together: ask for --json repeatedly.")
    app = open_app(ctx, "status")
    if watching:
        from dcp_engine.cli.status_watch import watch_all, watch_one  # noqa: PLC0415 - seldom needed

        gc.enable()
        if app_name is None:
            watch_all(ctx, app, every, plain=plain)
        else:
            watch_one(ctx, app, app.find(app_name), every, plain=plain)
    elif app_name is not None:
        say_one(ctx, app, app_name, as_json=as_json)
    else:
        say_all(ctx, app, as_json=as_json)


def say_one(ctx: click.Context, app: App, app_name: str, *, as_json: bool = False) -> None:
    """One run in full."""
    out, found = terminal(ctx), app.status(app_name)
    picture = app.picture(found.run_id)
    if as_json:
        out.json(for_programs(found, picture))
        return
    now = app.now()
    say_clock(out, [found], now)
    in_full(
        out,
        found,
        picture,
        now,
        namesakes=_namesakes(app, found, app_name),
        unwatched=unwatched(ctx, app, found, now),
    )


def say_all(ctx: click.Context, app: App, *, as_json: bool = False) -> None:
    """All live runs, each in a line or a few."""
    out, live = terminal(ctx), app.runs()
    if as_json:
        out.json([for_programs(one, app.picture(one.run_id)) for one in live])
    elif live:
        now = app.now()
        say_clock(out, live, now)
        in_short(out, [seen(ctx, app, one, now) for one in live], now)
    else:
        missing = "" if app.database.exists() else ", which does not exist yet"
        out.say(
            f"There are no live runs in {app.database}{missing}. `dcp-engine monitor FILE` starts "
            "watching one; `dcp-engine list --all` shows those that have ended."
        )


def seen(ctx: click.Context, app: App, one: Status, now: datetime) -> Seen:
    """One run among many, and in brief that nobody looks after it."""
    said = unwatched(ctx, app, one, now)
    return Seen(
        status=one,
        picture=app.picture(one.run_id),
        unwatched=said.partition("\n")[0] if said else None,
    )


def _namesakes(app: App, found: Status, asked: str) -> int:
    """How many ended runs have that name, where it was a name and means an ended run; else 0."""
    if found.state is not State.EXPORTED or asked != found.app_name:
        return 0
    return sum(one.app_name == asked for one in app.runs(live=False))


everywhere(status)
