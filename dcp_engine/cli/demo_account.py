"""The plain account at the end of `dcp-engine demo`."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dcp_engine.cli.columns import say_in_columns
from dcp_engine.cli.terminal import Terminal
from dcp_engine.words import counted

if TYPE_CHECKING:
    from dcp_engine.simulation.rehearsal_account import Account, LogObject


def say_account(out: Terminal, account: "Account", *, kept: bool) -> None:
    """Say what became of the run; `kept` is whether one can still look."""
    out.say()
    out.say(lead="What became of it, counted in the emulated AWS:")
    rows = [
        ("jobs", _jobs(account)),
        ("machines", _machines(account)),
        ("", _endings(account)),
        ("", f"{account.killed_while_working} lost a job to dcp-engine"),
        ("gone", ", ".join(account.gone) or "nothing"),
    ]
    rows += [("" if i else "logs", line) for i, line in enumerate(_logs(account, kept=kept))]
    if not account.disturbed:
        strangers = ", ".join(account.stranger_names)
        rows.append(("stranger", f"all {account.strangers} things of {strangers} are untouched"))
    seconds = round(account.ending.seconds)
    rows.append(("time", f"{seconds} s, with {account.calls} calls to AWS"))
    for name, text in rows:
        say_in_columns(out, f"  {name:<10}", text)
    out.say()
    complaints = account.complaints()
    for complaint in complaints:
        say_in_columns(out, "  NOT RIGHT  ", complaint, colour="red")
    if not complaints:
        out.say(lead="Everything is as it should be.", colour="green")


def _jobs(account: "Account") -> str:
    again = f" ({account.done_again} of them more than once)" if account.done_again else ""
    text = f"{account.jobs} submitted, {account.done} done{again}"
    if not account.dead_letters:
        return f"{text}, no dead letters"
    letters = counted(account.dead_letters, "dead letter")
    return f"{text}, {letters} (kept in {account.dead_letter_queue})"


def _machines(account: "Account") -> str:
    return (
        f"{account.started} started, {account.replacements} of them to replace others; "
        f"{account.crashed} crashed, {account.stalled} stalled, "
        f"{account.never_began} never began to work"
    )


def _endings(account: "Account") -> str:
    causes = ", ".join(f"{number} {how}" for how, number in sorted(account.ended.items()))
    return f"{account.all_ended} of {account.started} have ended: {causes or 'none'}"


def _logs(account: "Account", *, kept: bool) -> list[str]:
    if not account.logs:
        return []
    lines = []
    for prefix in account.prefixes:
        objects = [each for each in account.logs if each.key.startswith(prefix)]
        lines.append(f"s3://{account.bucket}/{prefix}: {_objects(objects)}")
    if account.sample:
        lines.append(f"{account.sample_from}: {account.sample}")
    if not kept:
        lines.append("(with --keep one can look at them)")
    return lines


def _objects(objects: "Iterable[LogObject]") -> str:
    sizes = [each.size for each in objects]
    return f"{counted(len(sizes), 'object')}, {sum(sizes):,} bytes"
