"""`dcp-engine watch`: one process for all runs, as a service."""

from collections.abc import Sequence

import click

from dcp_engine.cli.command import EngineCommand, examples
from dcp_engine.cli.detach import Detach
from dcp_engine.cli.given import everywhere, open_app, setting_flags
from dcp_engine.cli.lines import told
from dcp_engine.cli.terminal import terminal
from dcp_engine.errors import EXIT_FINE
from dcp_engine.model import Event, Run


@click.command(
    cls=EngineCommand,
    epilog=examples(["dcp-engine watch", "dcp-engine watch --threads 64 --log-file watch.log"]),
)
@click.option(
    "--threads",
    type=click.IntRange(1, 1000),
    default=32,
    show_default=True,
    help="How many runs may be looked at at the same time.",
)
@click.pass_context
def watch(ctx: click.Context, threads: int) -> None:
    """Look after every run there is, each on its own clock, until this is ended.

    For a computer that stays awake, started by systemd or in tmux. Runs that are registered later
    are picked up within seconds, and so is what people ask of a run. SIGTERM and Ctrl-C end it
    when the looks under way are over; nothing is lost by that. A run that another process drives
    is left to it.
    """
    app = open_app(ctx, "watch")
    out = terminal(ctx)
    detach = Detach("Left at once. What is recorded is kept.")

    def ready(runs: int) -> None:
        which = "1 run is" if runs == 1 else f"{runs} runs are"
        out.message(f"{which} looked after.")

    def tell(run: Run, events: Sequence[Event]) -> None:
        for event in events:
            out.say(told(run, event))

    with detach.on_signals():
        app.watch(
            stop=detach,
            threads=threads,
            tell=tell,
            warn=out.error,
            ready=ready,
        )
    out.message("Nobody looks after the runs any more until this is started again, or cron comes.")
    ctx.exit(EXIT_FINE)


setting_flags(everywhere(watch))
