"""Command lines for people to copy: to go on in this terminal, and for cron."""

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from dcp_engine import settings
from dcp_engine.app import App
from dcp_engine.cli.given import default_database, given
from dcp_engine.errors import Ambiguous
from dcp_engine.model import Run
from dcp_engine.settings import CONFIG_VARIABLE

# cron starts with an almost empty environment. No value here is a secret; keys are left out.
_AWS_VARIABLES: Final = (
    "AWS_ENDPOINT_URL",
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
)


def name_of(app: App, run: Run) -> str:
    """What the run may be called: its APP_NAME, or its id where that is not enough."""
    try:
        found = app.find(run.names.app_name)
    except Ambiguous:
        return run.id
    return run.names.app_name if found.id == run.id else run.id


def again(ctx: click.Context, command: str, name: str) -> str:
    """The command for that run, with the options that were given to this one."""
    options = given(ctx)
    named: dict[str, str | Path | None] = {
        "--db": options.path("db"),
        "--config": options.path("config"),
        "--profile": options.texts.get("profile"),
    }
    if command == "resume":
        named |= {row.flag: options.settings.get(row.name) for row in settings.describe()}
    return shlex.join(["dcp-engine", command, name, *_as_words(named)])


def cron_line(ctx: click.Context, app: App, name: str) -> str:
    """The crontab line that ticks the run every five minutes."""
    options = given(ctx)
    variables = [
        f"{variable}={value}"
        for variable in _AWS_VARIABLES
        if (value := os.environ.get(variable)) and "@" not in value
    ]
    words = [
        *(["env", *variables] if variables else []),
        *_program(),
        *_as_words(
            {
                "--db": app.database if app.database != default_database() else None,
                "--config": options.path("config", CONFIG_VARIABLE),
                "--profile": options.texts.get("profile") or os.environ.get("AWS_PROFILE"),
                "--log-file": options.path("log-file"),
            }
        ),
        "tick",
        name,
        *_as_words(
            {
                row.flag: options.settings.get(row.name) or os.environ.get(row.variable)
                for row in settings.describe()
            }
        ),
    ]
    # In a crontab an unescaped % ends the command: crontab(5).
    return "*/5 * * * * " + shlex.join(words).replace("%", r"\%")


def cron_remark() -> str | None:
    """What the person must know before cron can do it; None when nothing stands in its way."""
    if not os.environ.get("AWS_ACCESS_KEY_ID"):
        return None
    return (
        "cron does not know the AWS access key that is set in this terminal: put it into a profile "
        "(`aws configure --profile NAME`) and add `--profile NAME` to the line."
    )


def _as_words(options: Mapping[str, str | Path | None]) -> list[str]:
    return [word for flag, value in options.items() if value for word in (flag, str(value))]


def _program() -> list[str]:
    """This program by its absolute path."""
    started = Path(sys.argv[0])
    if started.name.startswith("dcp-engine") and started.is_file():
        return [str(started.absolute())]
    return [sys.executable, "-m", "dcp_engine"]
