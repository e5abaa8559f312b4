"""`dcp-engine tick`: what cron calls, so every line it prints is a mail."""

import gc
import logging
import traceback
from typing import TYPE_CHECKING

import click

from dcp_engine.app import App
from dcp_engine.cli.command import EngineCommand, examples, utf8
from dcp_engine.cli.given import complete_names, everywhere, open_app, setting_flags
from dcp_engine.cli.lines import told
from dcp_engine.cli.root import DEFECT
from dcp_engine.cli.terminal import Terminal, terminal
from dcp_engine.errors import EXIT_FINE, EXIT_NEEDS_PERSON, EngineError, NoSuchRun

if TYPE_CHECKING:
    from dcp_engine.app import TickReport

_log = logging.getLogger("dcp_engine.tick")


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
    if others := len(names) > 1:
        gc.enable()
    said: set[str] = set()
    codes = [
        _say(app, out, name, report, others=others, said=said)
        for name, report in app.tick_all(names).items()
    ]
    ctx.exit(max(codes, default=EXIT_FINE))


def _say(
    app: App,
    out: Terminal,
    name: str,
    report: "TickReport | Exception",
    *,
    others: bool,
    said: set[str],
) -> int:
    """Say what one tick came to; its exit code.

    `others` says whether the run was named along with other runs, `said` what was said of those
    and need not be said once more, such as that nobody can write the database.
    """
    if isinstance(report, NoSuchRun):
        out.error(f"{report}{' The others that were named were looked after.' if others else ''}")
        return report.exit_code
    if isinstance(report, EngineError):
        text = str(report)
        if text not in said:
            said.add(text)
            out.error(text)
        return report.exit_code
    if isinstance(report, Exception):
        out.message(f"{''.join(traceback.format_exception(report))}(run {name}){DEFECT}")
        return EXIT_NEEDS_PERSON
    for event in report.events:
        out.say(told(report.run, event))
    _log.info("%s", _in_short(report))
    # Whoever holds the run answers for it.
    return EXIT_FINE if report.held_by else app.exit_code(report.run)


def _in_short(report: "TickReport") -> str:
    run = report.run
    head = f"{run.names.app_name} is {run.state.name}"
    if report.held_by:
        return f"{head}, and was left to its driver. {report.held_by}"
    if not run.live:
        return f"{head}, and nothing is left to be done."
    if run.next_tick_at is None:
        return f"{head}, and was looked at."
    return f"{head}, and was looked at; the next look is due at {run.next_tick_at:%H:%M:%S} UTC."


setting_flags(everywhere(tick))
