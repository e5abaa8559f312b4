"""`dcp-engine watch`: all runs looked after, as a service."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import click

from dcp_engine.cli.command import EngineCommand, examples
from dcp_engine.cli.detach import Detach
from dcp_engine.cli.given import everywhere, open_app, setting_flags
from dcp_engine.cli.lines import told
from dcp_engine.cli.shares import MOST, Shares, number_or_auto, parents_line, sign_of_life
from dcp_engine.cli.shares import share as a_share
from dcp_engine.cli.terminal import terminal
from dcp_engine.errors import EXIT_FINE
from dcp_engine.model import Event, Run
from dcp_engine.share import Share

_AT_ONCE: Final = "Left at once. What is recorded is kept."


@click.command(
    cls=EngineCommand,
    epilog=examples(
        [
            "dcp-engine watch",
            "dcp-engine watch --threads 64 --log-file watch.log",
            "dcp-engine watch --processes 1",
        ]
    ),
)
@click.option(
    "--threads",
    type=click.IntRange(1, 1000),
    default=32,
    show_default=True,
    help="How many runs each process may look at at the same time.",
)
@click.option(
    "--processes",
    metavar="NUMBER|auto",
    type=number_or_auto,
    default="auto",
    show_default=True,
    help="How many processes share the runs. One is enough for some 3,000 runs; auto adds another "
    f"for each further 3,000, as far as this computer has cores. At most {MOST}.",
)
@click.option("--share", type=a_share, hidden=True)
@click.pass_context
def watch(ctx: click.Context, threads: int, processes: int | None, share: Share | None) -> None:
    """Look after every run there is, each on its own clock, until this is ended.

    For a computer that stays awake, started by systemd or in tmux. Runs that are registered later
    are picked up within seconds, and so is what people ask of a run. SIGTERM and Ctrl-C end it
    when the looks under way are over; nothing is lost by that. A run that another process drives
    is left to it.
    """
    # One of the processes that another one has started leaves it to that one to speak of them all.
    first = share is None
    line = None if first else parents_line()
    detach = Detach(_AT_ONCE, parent=line)
    app = open_app(ctx, "watch")
    out = terminal(ctx)
    shares = Shares(processes)
    new = not app.database.exists()
    if first:
        detach.last_act = shares.kill
    else:
        detach.announce = _in_silence

    def ready(runs: int, processes: int) -> None:
        which = "1 run is" if runs == 1 else f"{runs} runs are"
        by = f", by {processes} processes" if processes > 1 else ""
        if first and not runs:
            out.message(_nothing_there(app.database, new=new))
        elif first:
            out.message(f"{which} looked after{by}.")
        elif line is None:
            # A person's own doing: the other shares may be nobody's.
            out.message(f"Of {runs} runs only share {share} is looked after by this process.")

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
            share=share,
            sign_of_life=partial(sign_of_life, line) if line is not None else lambda: None,
            start=shares,
            processes=shares.processes,
        )
    if first:
        out.message(
            "The watch has ended. Unless another one goes on or cron comes, nobody looks after "
            "the runs until it is started again."
        )
    ctx.exit(EXIT_FINE)


def _nothing_there(database: Path, *, new: bool) -> str:
    later = "A run that is registered there is picked up within seconds."
    if new:
        return (
            f"There was no database at {database}, so a new one was made, and nothing is watched. "
            "If runs were registered, theirs was deleted or moved, or another one is meant: put it "
            "back, or name the right one with --db or the variable DCP_ENGINE_DB, and start again. "
            f"{later}"
        )
    return f"No live run is in {database}, so there is nothing to look after yet. {later}"


def _in_silence(line: str) -> None:
    """Somebody else says it."""


setting_flags(everywhere(watch))
