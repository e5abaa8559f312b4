"""`dcp-engine list`."""

from collections.abc import Sequence
from datetime import datetime

import click

from dcp_engine.cli import arguments, words
from dcp_engine.cli.clock_behind import say_clock
from dcp_engine.cli.columns import say_table
from dcp_engine.cli.command import EngineCommand, examples
from dcp_engine.cli.given import everywhere, open_app
from dcp_engine.cli.terminal import Terminal, terminal
from dcp_engine.status import Status

_HEAD = (
    "APP_NAME",
    "STATE",
    "SINCE",
    "WAITING",
    "IN_FLIGHT",
    "DELAYED",
    "MACHINES",
    "PROBLEMS",
    "UNWATCHED",
    "RUN",
    "REGION",
    "OUTCOME",
)


@click.command(
    "list",
    cls=EngineCommand,
    epilog=examples(["dcp-engine list", "dcp-engine list --all | grep EXPORTED"]),
)
@click.option("--all", "every", is_flag=True, help="Runs that have ended, too.")
@arguments.as_json
@click.pass_context
def list_runs(ctx: click.Context, every: bool, as_json: bool) -> None:
    """A table of the live runs, the newest first; `-` stands for what is not known, or not so.

    UNWATCHED is the last look at a run that nobody has looked at for long, though somebody should
    have: its machines run on and are billed.

    From the database alone: it asks AWS nothing, and needs no network.
    """
    app = open_app(ctx, "list")
    out = terminal(ctx)
    found = app.runs(live=not every)
    if as_json:
        out.json([one.as_json() for one in found])
    elif not found:
        out.message(f"There are no {'' if every else 'live '}runs in {app.database}.")
    else:
        say_clock(out, found, app.now())
        say_runs(out, found)


def say_runs(out: Terminal, found: Sequence[Status]) -> None:
    """The table."""
    say_table(out, [_HEAD, *map(_row, found)])


def _row(status: Status) -> tuple[str, ...]:
    """One run; only the last cell may hold spaces."""
    active = [fleet.active for fleet in status.fleets]
    known = [count for count in active if count is not None]
    return (
        status.app_name,
        status.state.value,
        _minute(status.state_since),
        _count(status.queue.visible),
        _count(status.queue.in_flight),
        _count(status.queue.delayed),
        _count(sum(known) if len(known) == len(active) else None),
        str(len(status.problems)),
        _minute(status.unwatched_since) if status.unwatched_since else "-",
        status.run_id,
        status.region,
        words.ending(status.outcome, status.dead_letters) if status.outcome else "-",
    )


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%dT%H:%M}"


def _count(number: int | None) -> str:
    return "-" if number is None else str(number)


everywhere(list_runs)
