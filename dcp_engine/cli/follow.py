"""Driving a run in the foreground, and what is said when that ends."""

from typing import NoReturn

import click

from dcp_engine.app import App
from dcp_engine.cli import words
from dcp_engine.cli.account import account
from dcp_engine.cli.detach import Detach
from dcp_engine.cli.invocation import again, cron_line, cron_remark, name_of
from dcp_engine.cli.lines import Lines
from dcp_engine.cli.standing import say_problems
from dcp_engine.cli.terminal import terminal
from dcp_engine.errors import EXIT_FINE
from dcp_engine.model import Event, Run


def say_standing(ctx: click.Context, app: App, run: Run) -> None:
    """Say what is wrong with a live run already: it is told as an event only when it begins."""
    if run.live:
        say_problems(terminal(ctx), run.problems, app.now())


def say_unwatched(ctx: click.Context, app: App, run: Run) -> None:
    """Say when nobody watches, and the cron line that would."""
    out = terminal(ctx)
    name = run.names.app_name
    out.say(
        f"Nobody watches {name} while this computer sleeps, or once this command has ended. To "
        "have cron look after it whenever the computer is awake, add this line with `crontab -e`:"
    )
    out.say(f"  {cron_line(ctx, app, name_of(app, run))}")
    if remark := cron_remark():
        out.say(f"  ({remark})")


def say_wishes(ctx: click.Context, run: Run, *, cheapest: bool | None, take_over: bool) -> None:
    """Say what was asked for along with watching a run, and when it happens."""
    out = terminal(ctx)
    if cheapest is not None and run.live:
        out.say(f"Cheapest mode is {'engaged' if cheapest else 'left, unless it has acted'}.")
    if take_over and run.live:
        out.say("The run is taken over with the next look at it; other drivers step back then.")


def follow(ctx: click.Context, app: App, run: Run) -> NoReturn:
    """Drive a run until it has ended or the person goes; exits by how the run stands then."""
    out = terminal(ctx)
    if not run.live:
        out.say(f"{run.names.app_name} (run {run.id}) has already ended.")
        account(out, app, run)
        ctx.exit(EXIT_FINE)
    events = app.history(run.id)
    lines = Lines(app, out, known=run.reading)
    go_on = again(ctx, "resume", name_of(app, run))
    detach = Detach(f"Left at once. Nothing is lost. Go on with: {go_on}")

    def tell(event: Event) -> None:
        lines.tell(event)
        if out.reader_gone:
            detach.ask()

    def look(run: Run) -> None:
        lines.look(run)
        if out.reader_gone:
            detach.ask()

    def warn(obstacle: str) -> None:
        out.message(f"{words.clock(app.now())}  {obstacle}")

    out.say("Ctrl-C detaches; nothing is lost by that.\n")
    with detach.on_signals():
        run = app.drive(
            run.id,
            stop=detach,
            tell=tell,
            warn=warn,
            look=look,
            after=events[-1].id if events else None,
        )
    if not run.live:
        out.say()
        account(out, app, run)
    else:
        out.message(f"\n{_left(app, run)} Go on with: {go_on}")
    ctx.exit(app.exit_code(run))


def _left(app: App, run: Run) -> str:
    """What leaving means, in words."""
    name = run.names.app_name
    driver = app.status(run.id).driver
    if driver:
        return f"Detached. Nothing is lost: {driver} drives {name}."
    if run.machines_ended_at:
        return (
            f"Detached. Nothing is lost: the machines of {name} have ended; what is left of its "
            "teardown waits until somebody looks after it. The cron line above would."
        )
    return (
        f"Detached. Nothing is lost: {name} goes on in AWS, but unwatched, and its machines are "
        "billed. The cron line above would watch it."
    )
