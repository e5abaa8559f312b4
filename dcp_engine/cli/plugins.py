"""`dcp-engine plugins`."""

import contextlib
import sys

import click

from dcp_engine.cli import arguments
from dcp_engine.cli.columns import say_table
from dcp_engine.cli.command import EngineCommand, examples
from dcp_engine.cli.given import everywhere, open_app
from dcp_engine.cli.root import COMMANDS
from dcp_engine.cli.terminal import Terminal, terminal
from dcp_engine.errors import EXIT_FINE, EXIT_NEEDS_PERSON, StoreError
from dcp_engine.plugin_desk import PluginDesk, PluginReport, TriedAgain
from dcp_engine.text_input import shown

_HEAD = ("NAME", "VERSION", "FROM", "STATE", "HOOKS")


@click.command(
    cls=EngineCommand,
    epilog=examples(["dcp-engine plugins", "dcp-engine plugins check"]),
)
@click.argument("what", metavar="[check]", type=click.Choice(["check"]), required=False)
@arguments.as_json
@click.pass_context
def plugins(ctx: click.Context, what: str | None, as_json: bool) -> None:
    """A table of the plugins, and what went wrong with them last.

    With `check` each is loaded, its settings are validated, and it is asked what it lacks: exit
    code 4 when any lacks something. What live runs left alone for a time of a plugin that lacks
    nothing, because it failed or hung, they try again at their next look. Neither asks AWS
    anything, nor shows a secret.
    """
    out = terminal(ctx)
    desk = open_app(ctx, "plugins", insist=what == "check").plugin_desk
    # Of what plugins print in threads of their own, nobody can tell whose it is.
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        if what == "check":
            desk.commands(click.Command, COMMANDS)
        reports = desk.reports(check=what == "check")
        again, in_vain = _lifted(desk, reports) if what == "check" else ([], None)
    if as_json:
        out.json([_as_json(report) for report in reports])
    else:
        say_table(out, [_HEAD, *map(_row, reports)])
        _troubles(out, reports, checked=what == "check")
        _say_again(out, again)
    if in_vain:
        out.error(in_vain)
    trouble = what == "check" and any(_is_in_trouble(report) for report in reports)
    ctx.exit(EXIT_NEEDS_PERSON if trouble else EXIT_FINE)


def _row(report: PluginReport) -> tuple[str, ...]:
    facts = report.plugin
    cells = (
        facts.name,
        facts.version or "-",
        facts.origin,
        report.state,
        ", ".join(facts.hooks) or "-",
    )
    return tuple(map(shown, cells))


def _troubles(out: Terminal, reports: list[PluginReport], *, checked: bool) -> None:
    found = [
        (report.plugin.name, text)
        for report in reports
        for text in (*_own(report), *report.troubles)
    ]
    if found:
        out.say()
    for name, text in found:
        out.say(text, lead=f"  {name}  ", colour="red")
    if checked and not any(map(_is_in_trouble, reports)):
        out.say()
        out.say("Every plugin that is wanted is loaded, and none says that it lacks anything.")


def _lifted(desk: PluginDesk, reports: list[PluginReport]) -> tuple[list[TriedAgain], str | None]:
    """Which are tried again, and why none is where that cannot be written down."""
    try:
        return desk.lift(reports), None
    except StoreError as error:
        return [], f"What runs leave alone for a time is not tried again sooner: {error}"


def _say_again(out: Terminal, again: list[TriedAgain]) -> None:
    if again:
        out.say()
    for one in again:
        out.say(
            f"{shown(one.plugin)} was left alone for a time by {', '.join(one.runs)}; it is tried "
            "again at the next look there."
        )


def _own(report: PluginReport) -> tuple[str, ...]:
    error = report.plugin.error
    if error is None or error in report.lacking:
        return report.lacking
    return (error, *report.lacking)


def _is_in_trouble(report: PluginReport) -> bool:
    return bool(_own(report))


def _as_json(report: PluginReport) -> dict[str, object]:
    facts = report.plugin
    return {
        "name": facts.name,
        "version": facts.version,
        "from": facts.origin,
        "state": report.state,
        "hooks": list(facts.hooks),
        "error": facts.error,
        "lacking": list(report.lacking),
        "troubles": list(report.troubles),
    }


everywhere(plugins)
