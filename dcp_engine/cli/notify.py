"""`dcp-engine notify`."""

import click

from dcp_engine.cli.columns import say_in_columns
from dcp_engine.cli.command import EngineCommand, examples, utf8
from dcp_engine.cli.given import everywhere, open_app
from dcp_engine.cli.terminal import terminal
from dcp_engine.errors import EXIT_FINE, EXIT_NEEDS_PERSON


@click.command(
    cls=EngineCommand,
    epilog=examples(["dcp-engine notify test", "dcp-engine notify test slack"]),
)
@click.argument("what", metavar="test", type=click.Choice(["test"]))
@click.argument("names", metavar="[NAME]...", type=utf8, nargs=-1)
@click.pass_context
def notify(ctx: click.Context, what: str, names: tuple[str, ...]) -> None:
    """Send a test message through every notifier, or those named, and say what came back.

    Exit code 4 when any of them could not tell it. It is about no run, and asks AWS nothing.
    """
    out = terminal(ctx)
    told = open_app(ctx, "notify", insist=True).plugin_desk.tell(names)
    if not told:
        out.message("There is no plugin that tells anybody anything.")
    width = max((len(one.notifier) for one in told), default=0)
    for one in told:
        lead = f"{one.notifier:<{width}}  "
        if one.error is None:
            say_in_columns(out, lead, "told")
        else:
            say_in_columns(out, lead, f"NOT TOLD: {one.error}", colour="red")
    ctx.exit(EXIT_NEEDS_PERSON if any(one.error for one in told) else EXIT_FINE)


everywhere(notify)
