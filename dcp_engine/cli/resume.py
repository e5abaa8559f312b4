"""`dcp-engine resume`."""

import click

from dcp_engine.cli import arguments, words
from dcp_engine.cli.command import EngineCommand, examples
from dcp_engine.cli.follow import follow, say_standing, say_unwatched, say_wishes
from dcp_engine.cli.given import everywhere, open_app, setting_flags
from dcp_engine.cli.terminal import terminal


@click.command(
    cls=EngineCommand,
    epilog=examples(["dcp-engine resume Experiment", "dcp-engine resume Experiment --cheapest"]),
)
@arguments.app_name
@arguments.cheapest
@arguments.take_over
@arguments.plain
@click.pass_context
def resume(
    ctx: click.Context, *, app_name: str, cheapest: bool | None, take_over: bool, plain: bool
) -> None:
    """Go on watching the run APP_NAME from wherever it is, without its file.

    Where another terminal or cron has the run at the moment, this one follows along and takes
    over when that one is gone. Ctrl-C leaves the run to itself again.

    A terminal shows a live view, as `dcp-engine monitor` does; --plain prints lines instead.
    """
    app = open_app(ctx, "resume")
    out = terminal(ctx)
    run = app.find(app_name)
    if run.live:
        if cheapest is not None:
            app.set_cheapest(run, cheapest)
        if take_over:
            app.take_over(run.id)
        say_wishes(ctx, run, cheapest=cheapest, take_over=take_over)
        out.say(
            f", {run.state} since {words.moment(run.state_since)}.",
            lead=f"Going on with {run.names.app_name} (run {run.id})",
            hang=2,
        )
        say_standing(ctx, app, run)
        say_unwatched(ctx, app, run)
    follow(ctx, app, run, plain=plain)


setting_flags(everywhere(resume))
