"""`dcp-engine tick`: what cron calls, so every line it prints is a mail."""

import traceback

import click

from dcp_engine.app import App
from dcp_engine.cli import words
from dcp_engine.cli.command import EngineCommand, examples, utf8
from dcp_engine.cli.given import complete_names, everywhere, open_app, setting_flags
from dcp_engine.cli.lines import kind
from dcp_engine.cli.root import DEFECT
from dcp_engine.cli.terminal import Terminal, terminal
from dcp_engine.errors import EXIT_FINE, EXIT_NEEDS_PERSON, EngineError, NoSuchRun


@click.command(
    cls=EngineCommand,
    epilog=examples(
        ["dcp-engine tick Experiment", "*/5 * * * * /usr/local/bin/dcp-engine tick --all"]
    ),
)
@click.argument(
    "app_names",
    metavar="[APP_NAME]...",
    nargs=-1,
    type=utf8,
    shell_complete=complete_names,
)
@click.option("--all", "every", is_flag=True, help="Every live run.")
@click.pass_context
def tick(ctx: click.Context, app_names: tuple[str, ...], every: bool) -> None:
    """Look after the runs APP_NAME once, and return.

    This is what cron calls. It says nothing when nothing happened, and what happened otherwise: a
    problem when it begins and when it ends. While one lasts the exit code is 3, or 4 when it needs
    a person. A run that another process is watching is left to it.
    """
    if every == bool(app_names):
        raise click.UsageError("Give the APP_NAME of one or more runs, or else --all.")
    app = open_app(ctx, "tick")
    out = terminal(ctx)
    names = [run.id for run in app.runs_to_tick()] if every else list(dict.fromkeys(app_names))
    if every and not app.database.exists():
        out.error(
            f"There is no database at {app.database}, so nothing is watched. If runs were "
            "registered, it was deleted or moved, or another one is meant: put it back, or name "
            "the right one with --db or the variable DCP_ENGINE_DB. What runs on AWS goes on "
            "running and billing."
        )
    others = len(names) > 1
    ctx.exit(max((_tick(app, out, name, others=others) for name in names), default=EXIT_FINE))


def _tick(app: App, out: Terminal, name: str, *, others: bool) -> int:
    """One tick of one run; its exit code. What fails here must not keep the next from its tick.

    `others` says whether it was named along with other runs.
    """
    try:
        report = app.tick(name)
    except NoSuchRun as error:
        out.error(f"{error}{' The others that were named were looked after.' if others else ''}")
        return error.exit_code
    except EngineError as error:
        out.error(str(error))
        return error.exit_code
    except Exception:  # noqa: BLE001 - the other runs have machines running too
        out.message(f"{traceback.format_exc()}(run {name}){DEFECT}")
        return EXIT_NEEDS_PERSON
    for event in report.events:
        out.say(
            f"{words.moment(event.at)}  {report.run.names.app_name}  {kind(event)}: {event.text}"
        )
    # Whoever holds the run answers for it.
    return EXIT_FINE if report.held_by else app.exit_code(report.run)


setting_flags(everywhere(tick))
