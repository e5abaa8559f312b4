"""`dcp-engine status --watch`: following runs from the store alone, while others drive them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NoReturn

import click

from dcp_engine.app import App
from dcp_engine.cli import words
from dcp_engine.cli.account import account
from dcp_engine.cli.clock_behind import say_clock
from dcp_engine.cli.detach import Detach
from dcp_engine.cli.overview import Seen
from dcp_engine.cli.report import in_short
from dcp_engine.cli.status import say_one, seen
from dcp_engine.cli.telling import LineTeller, drawable
from dcp_engine.cli.terminal import Terminal, terminal
from dcp_engine.errors import EXIT_FINE
from dcp_engine.model import Run

_LEFT = "Left. The runs go on as they did."


def watch_one(ctx: click.Context, app: App, run: Run, every: timedelta, *, plain: bool) -> NoReturn:
    """Follow one run until it has ended or the person goes."""
    out = terminal(ctx)
    detach = Detach(_LEFT)
    canvas = None if plain or not run.live else drawable(ctx)
    if canvas is None:
        say_one(ctx, app, run.id)
    with detach.on_signals():
        if canvas is not None:
            from dcp_engine.cli.live.watching import watching_one  # noqa: PLC0415 - rich is slow

            with watching_one(ctx, app, run, detach=detach, canvas=canvas, every=every):
                ended = _until_ended(app, run, detach, every)
        else:
            ended = not run.live or _in_lines(app, out, run, detach, every)
    if ended and run.live:
        out.say()
        account(out, app, app.find(run.id))
    ctx.exit(EXIT_FINE)


def watch_all(ctx: click.Context, app: App, every: timedelta, *, plain: bool) -> NoReturn:
    """Follow all live runs until the person goes."""
    detach = Detach(_LEFT)
    canvas = None if plain else drawable(ctx)
    with detach.on_signals():
        if canvas is not None:
            from dcp_engine.cli.live.watching import watching_all  # noqa: PLC0415 - rich is slow

            with watching_all(ctx, app, detach=detach, canvas=canvas, every=every):
                while not detach.wait(timedelta(hours=1).total_seconds()):
                    pass
        else:
            _all_in_lines(ctx, app, detach, every)
    ctx.exit(EXIT_FINE)


def _until_ended(app: App, run: Run, detach: Detach, every: timedelta) -> bool:
    """Wait for the end of a run that others drive; False when the person goes before."""
    while app.find(run.id).live:
        if detach.wait(every.total_seconds()):
            return False
    return True


def _in_lines(app: App, out: Terminal, run: Run, detach: Detach, every: timedelta) -> bool:
    """The same, telling line by line what happens."""
    teller = LineTeller(app, out, run, detach)
    before = app.history(run.id)
    after = before[-1].id if before else None
    while True:
        now = app.find(run.id)
        for event in app.history(run.id, after):
            teller.tell(event)
            after = event.id
        teller.look(now)
        if not now.live:
            return True
        if detach.wait(every.total_seconds()):
            return False


def _all_in_lines(ctx: click.Context, app: App, detach: Detach, every: timedelta) -> None:
    """The table of all runs, each time that anything in it but the time has changed."""
    out = terminal(ctx)
    told: object = None
    while not out.reader_gone:
        now = app.now()
        found = [seen(ctx, app, one, now) for one in app.runs()]
        if (news := [_gist(one) for one in found]) != told:
            told = news
            _say_table(out, found, now)
        if detach.wait(every.total_seconds()):
            return


def _say_table(out: Terminal, found: Sequence[Seen], now: datetime) -> None:
    out.say(lead=words.moment(now))
    say_clock(out, [one.status for one in found], now)
    if found:
        in_short(out, found, now)
    else:
        out.say("There are no live runs.")
    out.say()


def _gist(one: Seen) -> object:
    """What is news when it changes."""
    status = one.status
    return (
        status.run_id,
        status.state,
        status.queue.visible,
        status.queue.in_flight,
        status.fleets,
        status.wishes,
        one.unwatched is not None,
        [problem.name for problem in status.problems],
        [step.name for step in status.steps if step.ended is None],
    )
