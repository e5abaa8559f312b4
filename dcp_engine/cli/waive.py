"""`dcp-engine waive`."""

import click

from dcp_engine.cli import arguments
from dcp_engine.cli.command import EngineCommand, examples, utf8
from dcp_engine.cli.given import complete_steps, everywhere, open_app
from dcp_engine.cli.leaving import bills_on, what_stays
from dcp_engine.cli.wish import agreed, obeyed
from dcp_engine.model import Run, Step
from dcp_engine.status import waivable
from dcp_engine.words import counted


@click.command(
    cls=EngineCommand,
    epilog=examples(
        ["dcp-engine waive Experiment logs", "dcp-engine waive Experiment queue --yes"]
    ),
)
@arguments.app_name
@click.argument("step", metavar="STEP", type=utf8, shell_complete=complete_steps)
@arguments.yes
@click.pass_context
def waive(ctx: click.Context, app_name: str, step: str, yes: bool) -> None:
    """Let the run APP_NAME end without the teardown step STEP.

    For a step that cannot end, such as a deletion that nobody allows. Says first what stays in AWS
    because of that, and asks. `dcp-engine status APP_NAME` shows the steps.
    """
    app = open_app(ctx, "waive")
    run = app.find(app_name)
    found = waivable(run, step)
    question = (
        f"LEAVE MACHINES RUNNING that nobody watches or ends, and waive the step {step}?"
        if bills_on(run, step)
        else f"Waive the step {step}?"
    )
    if agreed(ctx, yes=yes, means=lambda: _what_it_means(run, found), question=question):
        app.waive(run.id, step)
        ctx.exit(obeyed(ctx, app, run, "waiver"))


def _what_it_means(run: Run, step: Step) -> str:
    lines = [
        f"Waiving the step {step.name} of {run.names.app_name} (run {run.id}, {run.region}).",
        f"  so far      tried {counted(step.attempts, 'time')}",
    ]
    if step.last_error:
        lines.append(f"  last error  {step.last_error}")
    elif step.reason:
        lines.append(f"  waiting     {step.reason}")
    lines.append(f"  leaves      {what_stays(run, step.name)}")
    return "\n".join(lines)


everywhere(waive)
