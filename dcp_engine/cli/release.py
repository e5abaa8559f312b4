"""`dcp-engine release`."""

import click

from dcp_engine.cli import arguments, words
from dcp_engine.cli.command import EngineCommand, examples
from dcp_engine.cli.given import everywhere, open_app
from dcp_engine.cli.wish import agreed, already_ended, obeyed
from dcp_engine.model import Run, State


@click.command(
    cls=EngineCommand,
    epilog=examples(["dcp-engine release Experiment", "dcp-engine release Experiment --yes"]),
)
@arguments.app_name
@arguments.yes
@click.pass_context
def release(ctx: click.Context, app_name: str, yes: bool) -> None:
    """Stop watching the run APP_NAME, and leave everything in AWS as it is.

    Its machines run on and are billed, and nobody looks after them any more. Says so first, and
    asks. To watch it again, register its monitor file again: that starts a new run.
    """
    app = open_app(ctx, "release")
    run = app.find(app_name)
    if not run.live:
        already_ended(ctx, run, "Nobody watches it any more, so there is nothing to release.")
        return
    if agreed(ctx, yes=yes, means=lambda: _what_it_means(run), question="Stop watching the run?"):
        app.release(run.id)
        ctx.exit(obeyed(ctx, app, run, "release"))


def _what_it_means(run: Run) -> str:
    name = run.names.app_name
    parts = [f"Releasing {name} (run {run.id}, {run.region}): nothing of it is stopped or deleted."]
    if run.machines_ended_at:
        parts.append("Its machines have ended.")
    elif run.active_machines == 0 and not any(fleet.live for fleet in run.fleets):
        parts.append("No machine of it was up when it was last looked at.")
    else:
        parts.append("ITS MACHINES RUN ON AND ARE BILLED.")
        if run.active_machines is not None:
            parts.append(f"Last seen: {words.machines(run.fleets)}.")
    parts.append(
        "From here on nobody watches: nobody lowers the requested capacity, ends the machines when "
        "the jobs are done, or brings the logs home."
        if run.state is not State.TEARDOWN
        else _left(run)
    )
    again = (
        f"`dcp-engine register {run.monitor_path or 'FILE'}` would watch it again, as a new run."
    )
    return " ".join([*parts, again])


def _left(run: Run) -> str:
    left = [step.name for step in run.steps if step.ended is None]
    undone = f": {', '.join(left)}" if left else ""
    return f"What is taken down already stays so; the rest of the teardown is left undone{undone}."


everywhere(release)
