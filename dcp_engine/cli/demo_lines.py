"""What `dcp-engine demo` prints while the run goes on."""

import re
import shlex
from typing import TYPE_CHECKING, Final

from dcp_engine.cli import words
from dcp_engine.cli.columns import say_in_columns
from dcp_engine.cli.terminal import Terminal
from dcp_engine.words import counted

if TYPE_CHECKING:
    from dcp_engine.simulation.rehearsal import Line, Rehearsal

_BAR: Final = "| "
# As `dcp_engine.cli.lines` writes them: a moment, a kind, a text.
_EVENT: Final = re.compile(r"(\d\d):(\d\d):(\d\d) +(\S+) +(.*)")
_COUNTS: Final = "jobs"
_COUNTS_EVERY: Final = 3
"""Seconds: real counts come once a minute; here there would be little else to see."""


class DemoLines:
    """Relays the real command's lines, and sets those of the emulated AWS between them."""

    def __init__(self, out: Terminal) -> None:
        self._out = out
        self._counted: int | None = None

    def tell(self, line: "Line") -> None:
        """One line of what happens."""
        if line.at is not None:
            lead = _lead(words.clock(line.at), "(in AWS)")
            say_in_columns(self._out, "  " + lead, line.text, colour="yellow")
            return
        event = _EVENT.fullmatch(line.text)
        if event is None:
            text = line.text.lstrip()
            indent = " " * (len(line.text) - len(text))
            say_in_columns(self._out, _BAR + indent, text, margin=_BAR)
            return
        hours, minutes, seconds, kind, text = event.groups()
        moment = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
        if kind != _COUNTS or self._is_time(moment):
            lead = _BAR + _lead(f"{hours}:{minutes}:{seconds}", kind)
            colour = "cyan" if kind.isupper() else None
            say_in_columns(self._out, lead, text, margin=_BAR, colour=colour)

    def _is_time(self, moment: int) -> bool:
        if self._counted is not None and 0 <= moment - self._counted < _COUNTS_EVERY:
            return False
        self._counted = moment
        return True


def introduction(out: Terminal, stage: "Rehearsal") -> None:
    """What is set up, and the command that is about to run."""
    plan = stage.plan
    poison = len(plan.scenario.poison_jobs)
    failing = f" ({poison} will fail each time)" if poison else ""
    machines = counted(plan.machines, "machine")
    rows = [
        ("where", f"{stage.aws.endpoint_url}, in quick motion: a job takes about a second"),
        ("run", f"{stage.launch.app_name}, {counted(plan.jobs, 'job')}{failing}, {machines}"),
        ("stranger", f"{', '.join(stage.strangers)}: in the same account, with like names"),
    ]
    for name, text in rows:
        say_in_columns(out, f"  {name:<10}", text)
    command, database = stage.arguments[:-2], stage.arguments[-2:]
    out.say()
    out.say("Lines with a | are what the real command prints; those without are what happens in")
    out.say("the emulated AWS. Ctrl-C ends the demo. In another terminal there is a live view:")
    out.say(f"  dcp-engine status {stage.launch.app_name} --watch {shlex.join(database)}")
    out.say()
    out.say(f"{shlex.join(['dcp-engine', *command])} \\", lead="$ ")
    out.say(f"    {shlex.join(database)}")


def look_around(out: Terminal, stage: "Rehearsal") -> None:
    """How to reach the emulated AWS from another terminal."""
    database, launch = shlex.quote(str(stage.database)), stage.launch
    out.say()
    out.say("The emulated AWS stays up until Ctrl-C; then it and its files are removed. To look")
    out.say("around, paste these lines into another terminal; no real AWS is reached from it then.")
    out.say()
    out.say("  unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN")
    for name, value in stage.aws.environment().items():
        out.say(f"  export {name}={shlex.quote(value)}")
    out.say()
    out.say(f"  dcp-engine status {launch.app_name} --db {database}")
    out.say(f"  dcp-engine history {launch.app_name} --db {database}")
    out.say(f"  aws s3 ls --recursive s3://{launch.bucket}/exportedlogs/{launch.log_group}/")
    out.say("  aws ec2 describe-spot-fleet-requests")


def _lead(clock: str, kind: str) -> str:
    # One blank less than the real command writes, in exchange for the bar.
    return f"{clock} {kind:<16} "
