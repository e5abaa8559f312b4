"""The plain account of a run that has ended."""

from typing import Final

from dcp_engine.allowance import LOGS
from dcp_engine.app import App
from dcp_engine.cli import words
from dcp_engine.cli.leaving import MAY_BILL, left_running, what_stays
from dcp_engine.cli.terminal import Terminal
from dcp_engine.model import Ended, Outcome, Run
from dcp_engine.words import counted

_LEFT: Final = frozenset({Ended.KEPT, Ended.WAIVED})


def account(out: Terminal, app: App, run: Run) -> None:
    """Say how it ended, what was left and why, and where the logs and the report are."""
    status = app.status(run.id)
    out.say(
        words.ending(status.outcome, status.dead_letters),
        lead=f"{run.names.app_name} has ended: ",
    )
    out.say(f"  ended     {words.moment(status.state_since)}")
    ended = "; none runs any more" if run.machines_ended_at else ""
    if status.machines_seen is None:
        seen = "not known: its fleets were never seen"
    else:
        seen = f"{counted(status.machines_seen, 'was', 'were')} seen in its fleets"
    out.say(f"  machines  {seen}{ended}")
    if status.dead_letters:
        failed = counted(status.dead_letters, "job")
        out.say(f"  jobs      {failed} failed too often and went to the dead-letter queue")
    if status.outcome is Outcome.RELEASED:
        out.say("  in AWS    everything was left as it was: machines may run and be billed")
        _where_to_read(out, run)
        return
    if left := left_running(status):
        out.say(left, lead=f"  in AWS    {MAY_BILL}: ", colour="red")
    for step in status.steps:
        if step.ended in _LEFT and step.name != LOGS:
            out.say(f"  {step.ended.value:<9} {step.name}: {step.reason or 'no reason was given'}")
    _where_the_logs_are(out, run)
    for problem in status.problems:
        out.say(problem.text, lead="  problem   ", colour="red")
    _where_to_read(out, run)


def _where_the_logs_are(out: Terminal, run: Run) -> None:
    """They are where the step says, which a plugin may have done; what is kept is in CloudWatch."""
    step = run.step(LOGS)
    lines = [part for part in (step.reason or "").split("; ") if part] if step else []
    if step is None or step.ended is not Ended.DONE:
        if step is not None and step.ended is not None:
            lines = [f"{step.ended.value}: {step.reason or 'no reason was given'}"]
        lines.append(what_stays(run, LOGS))
    for lead, line in zip(("  logs      ", *[" " * 12] * len(lines)), lines, strict=False):
        out.say(f"{lead}{line}")


def _where_to_read(out: Terminal, run: Run) -> None:
    step = run.step("report")
    places = [f"dcp-engine report {run.id} --open"]
    if step and step.ended is Ended.DONE and step.reason:
        places.insert(0, step.reason)
    for lead, place in zip(("  report    ", " " * 12), places, strict=False):
        out.say(f"{lead}{place}")
    out.say(f"  history   dcp-engine history {run.id}")
