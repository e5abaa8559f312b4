"""`dcp-engine monitor`."""

from pathlib import Path

import click

from dcp_engine.cli import arguments
from dcp_engine.cli.command import EngineCommand, examples
from dcp_engine.cli.follow import follow, say_unwatched
from dcp_engine.cli.given import everywhere, open_app, setting_flags
from dcp_engine.cli.register import registered


@click.command(
    cls=EngineCommand,
    epilog=examples(
        [
            "dcp-engine monitor files/ExperimentSpotFleetRequestId.json",
            "dcp-engine monitor files/ExperimentSpotFleetRequestId.json --cheapest",
            "dcp-engine monitor files/ExperimentSpotFleetRequestId.json --poll-interval 2m",
        ]
    ),
)
@arguments.monitor_file
@click.argument("word", metavar="[True|False]", required=False)
@arguments.cheapest
@arguments.allow_missing
@arguments.take_over
@arguments.plain
@click.pass_context
def monitor(
    ctx: click.Context,
    *,
    file: Path,
    word: str | None,
    cheapest: bool | None,
    allow_missing: bool,
    take_over: bool,
    plain: bool,
) -> None:
    """Register the run of a monitor FILE and watch it to its end.

    FILE is what `startCluster` wrote: files/APP_NAMESpotFleetRequestId.json. The same FILE again
    goes on with the same run. The word True after it engages cheapest mode, as in
    Distributed-CellProfiler's own monitor; False leaves it.

    A terminal shows a live view, with what happens scrolling by above it; a pipe or a file gets
    plain lines, and so does a terminal with --plain.

    Ctrl-C or closing the terminal leaves the run to itself; `dcp-engine resume APP_NAME` goes on.
    """
    wanted = _wanted(word, cheapest)
    app = open_app(ctx, "monitor")
    run = registered(
        ctx, app, file, cheapest=wanted, allow_missing=allow_missing, take_over=take_over
    )
    if run.live:
        say_unwatched(ctx, app, run)
    follow(ctx, app, run, plain=plain)


def _wanted(word: str | None, cheapest: bool | None) -> bool | None:
    """Cheapest mode by the word and the flag together."""
    if word is None:
        return cheapest
    if word.casefold() not in {"true", "false"}:
        raise click.UsageError(
            f"After FILE only the word True (cheapest mode) or False may follow, not {word!r}."
        )
    by_word = word.casefold() == "true"
    if cheapest is not None and cheapest != by_word:
        raise click.UsageError(f"The word {word} and the flag for cheapest mode disagree.")
    return by_word


setting_flags(everywhere(monitor))
