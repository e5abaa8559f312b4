"""Driving a run in the foreground, and what is said when that ends."""

from typing import NoReturn

import click

from dcp_engine.app import App
from dcp_engine.cli.account import account
from dcp_engine.cli.detach import Detach
from dcp_engine.cli.invocation import again, cron_line, cron_remark, name_of
from dcp_engine.cli.standing import say_problems
from dcp_engine.cli.telling import telling
from dcp_engine.cli.terminal import terminal
from dcp_engine.errors import EXIT_FINE, EngineError, StoreError
from dcp_engine.model import Run


def say_standing(ctx: click.Context, app: App, run: Run) -> None:
    """Say what is wrong with a live run already: it is told as an event only when it begins."""
    if run.live:
        say_problems(terminal(ctx), run.problems, app.now())


def say_unwatched(ctx: click.Context, app: App, run: Run) -> None:
    """Say when nobody watches, and the cron line that would; or which `watch` does so already."""
    out = terminal(ctx)
    name = run.names.app_name
    if (watch := app.watch_at_work()) is not None:
        out.say(
            f"{watch} looks after all runs in this database, and so after {name} from a few "
            f"seconds on. Nobody else watches {name} once that has ended."
        )
        return
    out.say(
        f"Nobody watches {name} while this computer sleeps, or once this command has ended. To "
        "have cron look after it whenever the computer is awake, add this line with `crontab -e`:"
    )
    out.say(f"  {cron_line(ctx, app, name_of(app, run))}", whole=True)
    if remark := cron_remark():
        out.say(f"  ({remark})")


def say_wishes(ctx: click.Context, run: Run, *, cheapest: bool | None, take_over: bool) -> None:
    """Say what was asked for along with watching a run, and when it happens."""
    out = terminal(ctx)
    if cheapest is not None and run.live:
        out.say(f"Cheapest mode is {'engaged' if cheapest else 'left, unless it has acted'}.")
    if take_over and run.live:
        out.say("The run is taken over with the next look at it; other drivers step back then.")


def follow(ctx: click.Context, app: App, run: Run, *, plain: bool = False) -> NoReturn:
    """Drive a run until it has ended or the person goes; exits by how the run stands then.

    With `plain` there is no live view, even on a terminal.
    """
    out = terminal(ctx)
    if not run.live:
        out.say(f"{run.names.app_name} (run {run.id}) has already ended.")
        account(out, app, run)
        ctx.exit(EXIT_FINE)
    events = app.history(run.id)
    go_on = again(ctx, "resume", name_of(app, run))
    detach = Detach(f"Left at once. What is recorded is kept. Go on with: {go_on}")
    detach.hurry = app.hurry
    failure: EngineError | None = None

    def failed(error: EngineError | None) -> None:
        nonlocal failure
        failure = error

    out.say("Ctrl-C detaches; nothing is lost by that.\n")
    with detach.on_signals(), telling(ctx, app, run, detach, plain=plain) as teller:
        run = app.drive(
            run.id,
            stop=detach,
            tell=teller.tell,
            warn=teller.warn,
            look=teller.look,
            failed=failed,
            after=events[-1].id if events else None,
        )
    if not run.live:
        out.say()
        account(out, app, run)
    elif failure:
        out.message(f"\n{_left_failing(run, failure)} Then go on with: {go_on}")
        ctx.exit(max(app.exit_code(run), failure.exit_code))
    else:
        out.message(f"\n{_left(ctx, app, run)} Go on with: {go_on}")
    ctx.exit(app.exit_code(run))


def _left_failing(run: Run, failure: EngineError) -> str:
    """What leaving means where the last look at the run did not come about."""
    name = run.names.app_name
    if not isinstance(failure, StoreError):
        return f"Detached, but the last look at {name} failed: {failure}"
    billed = "" if run.machines_ended_at else ", and its machines are billed"
    return (
        f"Detached, but the last look at {name} failed at the database: {failure} What was "
        f"recorded before is kept; what has happened since may not be in it. {name} goes on in "
        f"AWS, but nobody can watch it until the database can be written{billed}. Mend that first."
    )


def _left(ctx: click.Context, app: App, run: Run) -> str:
    """What leaving means, in words."""
    from dcp_engine.process import this_process  # noqa: PLC0415 - slow

    name = run.names.app_name
    driver = app.status(run.id).driver
    # Where the lease could not be given back it is still in this process's name.
    if driver and driver != str(this_process(f"dcp-engine {ctx.command.name}")):
        return f"Detached. Nothing is lost: {driver} drives {name}."
    if run.machines_ended_at:
        return (
            f"Detached. Nothing is lost: the machines of {name} have ended; what is left of its "
            "teardown waits until somebody looks after it. Cron would, or `dcp-engine watch`."
        )
    return (
        f"Detached. Nothing is lost: {name} goes on in AWS, but unwatched, and its machines are "
        "billed. Cron would watch it, or `dcp-engine watch`."
    )
