"""`dcp-engine abort`."""

import click

from dcp_engine.at_stake import AtStake
from dcp_engine.cli import arguments
from dcp_engine.cli.command import EngineCommand, examples
from dcp_engine.cli.given import everywhere, open_app
from dcp_engine.cli.standing import in_the_way
from dcp_engine.cli.wish import agreed, already_ended, obeyed
from dcp_engine.model import Ended, Run, State
from dcp_engine.status import queue_is_going
from dcp_engine.words import counted


@click.command(
    cls=EngineCommand,
    epilog=examples(
        [
            "dcp-engine abort Experiment",
            "dcp-engine abort Experiment --keep-queue",
            "dcp-engine abort Experiment --yes",
        ]
    ),
)
@arguments.app_name
@click.option(
    "--keep-queue",
    is_flag=True,
    help="Leave the queue, with the jobs that are in it; everything else is taken down.",
)
@arguments.yes
@click.pass_context
def abort(ctx: click.Context, app_name: str, keep_queue: bool, yes: bool) -> None:
    """End the run APP_NAME now, jobs left or not.

    Says first what will be lost, and asks. Then machines are stopped and everything of the run is
    taken down, as at any other end: logs are still brought to the bucket.
    """
    app = open_app(ctx, "abort")
    run = app.find(app_name)
    if not run.live:
        already_ended(ctx, run, "There is nothing to abort.")
        return
    stake = AtStake()

    def means() -> str:
        nonlocal stake
        stake = app.at_stake(run.id)
        # Once that was asked for, the queue stays, whatever is asked for later.
        return _what_it_means(run, stake, keep_queue=keep_queue or run.keep_queue)

    if agreed(ctx, yes=yes, means=means, question="Abort the run?"):
        app.abort(run.id, jobs=stake.jobs, keep_queue=keep_queue)
        ctx.exit(obeyed(ctx, app, run, "abort"))


def _what_it_means(run: Run, stake: AtStake, *, keep_queue: bool) -> str:
    torn_down = " It is being taken down already." if run.state is State.TEARDOWN else ""
    parts = [
        f"Aborting {run.names.app_name} (run {run.id}, {run.region}).{torn_down} {_machines(run)} "
        f"{_queue(run, stake, keep_queue=keep_queue)}"
    ]
    blocked = [
        f"AS LONG AS THIS IS SO, NOTHING IS STOPPED: {problem.text}" for problem in in_the_way(run)
    ]
    if stake.why and not blocked:
        parts.append(f"Why the jobs could not be counted: {stake.why}.")
    parts += blocked
    return "\n".join(parts)


def _machines(run: Run) -> str:
    if run.machines_ended_at:
        return "Its machines have ended."
    step = run.step("fleets")
    if step is not None and step.ended is Ended.WAIVED:
        return "Its machines are not stopped by it: a person waived the step fleets."
    return "Its machines are stopped, working or not."


def _queue(run: Run, stake: AtStake, *, keep_queue: bool) -> str:
    name = run.names.queue
    step = run.step("queue")
    if step is not None and step.ended in {Ended.KEPT, Ended.WAIVED}:
        return f"The queue {name} stays: {step.reason or step.ended}."
    if stake.gone:
        kept = (
            " and cannot be kept any more." if keep_queue else " already; no job is lost by this."
        )
        return f"The queue {name} of this run has been deleted{kept}"
    return _kept(run, stake) if keep_queue else _lost(run, stake)


def _lost(run: Run, stake: AtStake) -> str:
    queue = f"The queue {run.names.queue} is deleted"
    if stake.jobs is None:
        return f"{queue}. The jobs in it could not be counted; all that are left will be lost."
    if stake.jobs == 0:
        return f"{queue}; no job is waiting or in flight."
    return f"{queue}, and {counted(stake.jobs, 'job')} waiting or in flight will be lost."


def _kept(run: Run, stake: AtStake) -> str:
    jobs = stake.jobs
    if queue_is_going(run):
        return f"The queue {run.names.queue} has been deleted and cannot be kept any more."
    held = (
        "the jobs that are in it (they could not be counted)"
        if jobs is None
        else f"the {counted(jobs, 'job')} in it"
        if jobs
        else "no job in it"
    )
    keeps = run.identities.queue_retention
    until = f", each until {counted(keeps.days, 'day')} after it was sent" if keeps else ""
    return (
        f"The queue {run.names.queue} stays, with {held}{until if jobs != 0 else ''}. Jobs in "
        "flight wait again when their visibility timeout is over. A later run with this queue "
        "finds them."
    )


everywhere(abort)
