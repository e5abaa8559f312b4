"""`dcp-engine abort`."""

import sys

import click

from dcp_engine.app import App
from dcp_engine.cli import arguments, words
from dcp_engine.cli.command import EngineCommand, examples
from dcp_engine.cli.given import everywhere, open_app
from dcp_engine.cli.invocation import again, name_of
from dcp_engine.cli.lines import Lines
from dcp_engine.cli.terminal import terminal
from dcp_engine.errors import EXIT_FINE, EngineError
from dcp_engine.model import Run, State


@click.command(
    cls=EngineCommand,
    epilog=examples(["dcp-engine abort Experiment", "dcp-engine abort Experiment --yes"]),
)
@arguments.app_name
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def abort(ctx: click.Context, app_name: str, yes: bool) -> None:
    """End the run APP_NAME now, jobs left or not.

    Says first what will be lost, and asks. Then machines are stopped and everything of the run is
    taken down, as at any other end: logs are still brought to the bucket.
    """
    app = open_app(ctx, "abort")
    out = terminal(ctx)
    run = app.find(app_name)
    name = run.names.app_name
    if not run.live:
        ending = words.ending(run.outcome, run.dead_letters)
        out.say(f"{name} (run {run.id}) has already ended: {ending}. There is nothing to abort.")
        return
    if not yes and not _person_there():
        raise click.UsageError(
            f"Nobody is here to be asked whether {name} may be aborted, so nothing was done. Add "
            "--yes when you are sure."
        )
    jobs = app.jobs_to_lose(run.id)
    out.say(_what_is_lost(run, jobs))
    if not yes and not click.confirm("Abort the run?", default=False, err=True):
        out.say("Nothing was changed.")
        return
    app.abort(run.id, jobs=jobs)
    ctx.exit(_obeyed(ctx, app, run))


def _person_there() -> bool:
    stdin = getattr(sys, "stdin", None)
    return stdin is not None and stdin.isatty()


def _what_is_lost(run: Run, jobs: int | None) -> str:
    if jobs is None:
        lost = "The jobs in its queue could not be counted; all that are left will be lost."
    elif jobs == 0:
        lost = "No job is waiting or in flight."
    else:
        lost = f"{jobs} job{'s' * (jobs != 1)} waiting or in flight will be lost."
    torn_down = " It is being torn down already." if run.state is State.TEARDOWN else ""
    return (
        f"Aborting {run.names.app_name} (run {run.id}, {run.region}).{torn_down} {lost} Its "
        f"machines are stopped, working or not, and the queue {run.names.queue} is deleted."
    )


def _obeyed(ctx: click.Context, app: App, run: Run) -> int:
    """Let the abort take effect at once; the exit code."""
    out = terminal(ctx)
    see_through = again(ctx, "resume", name_of(app, run))
    try:
        report = app.tick(run.id)
    except EngineError as error:
        out.error(f"The abort is recorded and the next look at the run obeys it, but: {error}")
        out.message(f"Try again, or go on with: {see_through}")
        return error.exit_code
    if report.held_by:
        driver = app.status(run.id).driver or "Another process"
        out.say(f"The abort is recorded. {driver} drives the run and obeys at its next step.")
        return EXIT_FINE
    lines = Lines(app, out)
    for event in report.events:
        lines.tell(event)
    if report.run.live:
        out.say(f"The abort has begun. See it through with: {see_through}")
    else:
        out.say(f"{run.names.app_name} has ended: {words.ending(report.run.outcome, None)}.")
    return app.exit_code(report.run)


everywhere(abort)
