"""`dcp-engine doctor`."""

import contextlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import click

from dcp_engine.cli import arguments
from dcp_engine.cli.command import EngineCommand, examples, utf8
from dcp_engine.cli.given import complete_names, everywhere, open_app
from dcp_engine.cli.iam_policy import is_name
from dcp_engine.cli.terminal import Terminal, terminal
from dcp_engine.doctor.finding import Finding, Verdict, exit_code
from dcp_engine.words import counted

# How each verdict is marked, its colour, and how many are so, of one and of several.
_MARKS: Final[Mapping[Verdict, tuple[str, str]]] = {
    Verdict.FINE: ("ok", "green"),
    Verdict.ADVICE: (">>", "cyan"),
    Verdict.WRONG: ("!!", "red"),
    Verdict.UNKNOWN: ("??", "yellow"),
}
_COUNTED: Final[Mapping[Verdict, tuple[str, str]]] = {
    Verdict.WRONG: ("needs you", "need you"),
    Verdict.UNKNOWN: ("is not known", "are not known"),
    Verdict.ADVICE: ("is advice", "are advice"),
}
_NAME_WIDTH: Final = 18
# Of text to be copied that has several lines.
_MARGIN: Final = 4


@click.command(
    cls=EngineCommand,
    epilog=examples(
        [
            "dcp-engine doctor",
            "dcp-engine doctor files/ExperimentSpotFleetRequestId.json",
            "dcp-engine doctor Experiment --json",
        ]
    ),
)
@click.argument(
    "run", metavar="[APP_NAME|FILE]", required=False, type=utf8, shell_complete=complete_names
)
@arguments.as_json
@click.pass_context
def doctor(ctx: click.Context, run: str | None, as_json: bool) -> None:
    """See whether everything is as a run needs it, before it starts or while it lives.

    For a monitor file, or a registered run by its APP_NAME (or id); without either only what does
    not depend on a run. Each line says that a thing is fine (ok), what to do about it (!!), what
    to think about (>>), or that it could not be found out (??). It changes nothing in AWS, writes
    nothing in the database, and takes 20 seconds at most. Exit code 4 where you must do something,
    3 where looking again later may help. See docs/doctor.md.
    """
    out = terminal(ctx)
    app = open_app(ctx, "doctor")
    subject = None if run is None else run if is_name(run) else Path(run)
    # Of what plugins print in threads of their own, nobody can tell whose it is.
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        findings = app.examine(subject)
    code = exit_code(findings)
    if as_json:
        out.json({"exit_code": code, "findings": [finding.as_json() for finding in findings]})
    else:
        say_findings(out, findings)
    ctx.exit(code)


def say_findings(out: Terminal, findings: Sequence[Finding]) -> None:
    """Each in a line, with what to do beneath it, and how many need somebody."""
    for finding in findings:
        _say(out, finding)
    out.say()
    out.say(_summary(findings))


def _say(out: Terminal, finding: Finding) -> None:
    mark, colour = _MARKS[finding.verdict]
    lead = f"{mark}  {finding.name:<{_NAME_WIDTH}}  "
    out.say(finding.text, lead=lead, colour=colour)
    if finding.what_to_do and finding.verdict is not Verdict.FINE:
        out.say(f"{'':<{len(lead) - 3}}-> {finding.what_to_do}", hang=len(lead))
    lines = (finding.copy or "").splitlines()
    margin = len(lead) if len(lines) == 1 else _MARGIN
    for line in lines:
        # It is to be copied as it stands.
        out.say(f"{'':<{margin}}{line}", whole=True)


def _summary(findings: Sequence[Finding]) -> str:
    looked_at = f"{counted(len(findings), 'thing was', 'things were')} looked at"
    parts = []
    for verdict, (one, many) in _COUNTED.items():
        names = [finding.name for finding in findings if finding.verdict is verdict]
        if names:
            parts.append(f"{len(names)} {one if len(names) == 1 else many} ({', '.join(names)})")
    return f"{looked_at}: {'; '.join(parts) or 'all fine'}."


everywhere(doctor)
