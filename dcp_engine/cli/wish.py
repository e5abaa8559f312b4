"""What `abort`, `release` and `waive` share: a person consents, and the wish is obeyed at once."""

import sys
from collections.abc import Callable

import click

from dcp_engine.app import App
from dcp_engine.cli import words
from dcp_engine.cli.invocation import again, name_of
from dcp_engine.cli.leaving import MAY_BILL, left_running
from dcp_engine.cli.lines import Lines
from dcp_engine.cli.standing import driven_elsewhere, not_stopped, say_problems
from dcp_engine.cli.terminal import terminal
from dcp_engine.errors import EXIT_FINE, BadInput, EngineError
from dcp_engine.model import Outcome, Run, State


def agreed(ctx: click.Context, *, yes: bool, means: Callable[[], str], question: str) -> bool:
    """Say what it means, and ask; whether the person wants it.

    Raises BadInput where nobody is there to be asked.
    """
    out = terminal(ctx)
    out.say(means())
    if not yes and not _person_there():
        raise BadInput(
            "Nobody is here to be asked, so nothing was done. Add --yes when you are sure."
        )
    if yes or click.confirm(question, default=False, err=True):
        return True
    out.say("Nothing was changed.")
    return False


def obeyed(ctx: click.Context, app: App, run: Run, what: str) -> int:
    """Let a recorded wish take effect at once, and say how the run stands then; the exit code.

    `what` is the wish as the subject of a sentence: `abort`.
    """
    out = terminal(ctx)
    see_through = again(ctx, "resume", name_of(app, run))
    try:
        report = app.tick(run.id)
    except EngineError as error:
        out.error(f"The {what} is recorded and the next look at the run obeys it, but: {error}")
        out.message(f"Try again, or go on with: {see_through}")
        return error.exit_code
    if report.held_by:
        driver = app.status(run.id).driver or "Another process"
        out.say(f"The {what} is recorded. {driver} drives the run and obeys at its next step.")
        return EXIT_FINE
    lines = Lines(app, out)
    for event in report.events:
        lines.tell(event)
    after = report.run
    told = {event.data.get("problem") for event in report.events if event.kind == "problem"}
    untold = [one for one in after.problems if one.name not in told and not one.advice]
    say_problems(out, untold, app.now())
    if after.live:
        out.say(_what_is_left(app, after, what))
        take_over = " --take-over" if driven_elsewhere(after) else ""
        out.say(f"See it through with: {see_through}{take_over}")
    elif after.outcome is Outcome.RELEASED:
        out.say(
            f"The {what} is obeyed: nobody watches {run.names.app_name} any more. What it had in "
            "AWS was left as it was: machines may run and be billed."
        )
    else:
        out.say(
            f"{run.names.app_name} has ended: {words.ending(after.outcome, after.dead_letters)}."
        )
    return app.exit_code(after)


def already_ended(ctx: click.Context, run: Run, nothing: str) -> None:
    """Say that a run is over, so that there is nothing of the kind to do."""
    ending = words.ending(run.outcome, run.dead_letters)
    terminal(ctx).say(f"{run.names.app_name} (run {run.id}) has already ended: {ending}. {nothing}")


def _what_is_left(app: App, run: Run, what: str) -> str:
    name = run.names.app_name
    left = [step.name for step in run.steps if step.ended is None]
    if run.state is not State.TEARDOWN:
        return f"{name} is {run.state}."
    if standing := not_stopped(run, what):
        return standing
    still = f" Still to do: {', '.join(left)}." if left else ""
    waived = left_running(app.status(run.id))
    billed = f" {MAY_BILL}: {waived}" if waived else ""
    return f"{name} is being taken down.{still}{billed}"


def _person_there() -> bool:
    stdin = getattr(sys, "stdin", None)
    return stdin is not None and stdin.isatty()
