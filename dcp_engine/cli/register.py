"""`dcp-engine register`, and registering for `monitor`."""

from pathlib import Path

import click

from dcp_engine.app import App
from dcp_engine.cli import arguments, words
from dcp_engine.cli.command import EngineCommand, examples
from dcp_engine.cli.follow import say_standing, say_unwatched, say_wishes
from dcp_engine.cli.given import everywhere, open_app
from dcp_engine.cli.invocation import again, name_of
from dcp_engine.cli.terminal import terminal
from dcp_engine.model import Run


def registered(
    ctx: click.Context,
    app: App,
    file: Path,
    *,
    cheapest: bool | None,
    allow_missing: bool,
    take_over: bool,
) -> Run:
    """Register the run of a monitor file, or find it, and say which."""
    out = terminal(ctx)
    found = app.register(file, cheapest=cheapest, allow_missing=allow_missing, take_over=take_over)
    run = found.run
    out.say(
        f"run {run.id}, account {run.account}, {run.region}, fleet {', '.join(run.fleet_ids)}.",
        lead=f"{run.names.app_name} is registered: "
        if found.new
        else f"{run.names.app_name} is known already, {run.state} since "
        f"{words.moment(run.state_since)}: ",
        hang=2,
    )
    for remark in found.remarks:
        out.say(remark)
    if not found.new:
        say_standing(ctx, app, run)
    say_wishes(ctx, run, cheapest=cheapest, take_over=take_over)
    return run


@click.command(
    cls=EngineCommand,
    epilog=examples(["dcp-engine register files/ExperimentSpotFleetRequestId.json"]),
)
@arguments.monitor_file
@arguments.cheapest
@arguments.allow_missing
@arguments.take_over
@click.pass_context
def register(
    ctx: click.Context, file: Path, cheapest: bool | None, allow_missing: bool, take_over: bool
) -> None:
    """Register the run of a monitor FILE without watching it.

    Prints the cron line that would watch it. `dcp-engine resume` watches it in a terminal.
    """
    app = open_app(ctx, "register")
    run = registered(
        ctx, app, file, cheapest=cheapest, allow_missing=allow_missing, take_over=take_over
    )
    out = terminal(ctx)
    if not run.live:
        out.say(f"It has already ended: {words.ending(run.outcome, run.dead_letters)}.")
        return
    say_unwatched(ctx, app, run)
    out.say(f"To watch it in a terminal: {again(ctx, 'resume', name_of(app, run))}")


everywhere(register)
