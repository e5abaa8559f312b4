"""Command lines to copy survive the shell and cron."""

import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from dcp_engine.app import App
from dcp_engine.cli.given import given, open_app
from dcp_engine.cli.invocation import again, cron_line, cron_remark, name_of
from dcp_engine.cli.root import cli
from dcp_engine.model import Run
from tests.unit.runs import run

START = "*/5 * * * * "


@pytest.fixture
def ctx() -> Iterator[click.Context]:
    with click.Context(cli) as context:
        yield context


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The console script, at a place that needs quoting."""
    path = tmp_path / "my programs" / "dcp-engine"
    path.parent.mkdir()
    path.touch()
    monkeypatch.setattr("sys.argv", [str(path), "monitor"])
    for name in list(os.environ):
        if name.startswith(("AWS_", "DCP_ENGINE_")):
            monkeypatch.delenv(name)
    return path


def as_run(line: str) -> list[str]:
    """The words that cron's shell runs: crontab(5) ends a command at a bare %."""
    assert line.startswith(START)
    command = line.removeprefix(START)
    assert "%" not in command.replace(r"\%", "")
    return shlex.split(command.replace(r"\%", "%"))


def opened(ctx: click.Context, **options: str) -> App:
    given(ctx).texts.update({name.replace("_", "-"): value for name, value in options.items()})
    return open_app(ctx, "test")


def test_nothing_special(ctx: click.Context, program: Path) -> None:
    assert as_run(cron_line(ctx, opened(ctx), "Exp1")) == [str(program), "tick", "Exp1"]


def test_everything_that_was_given(ctx: click.Context, program: Path, tmp_path: Path) -> None:
    odd = str(tmp_path / "50% of 'my' $runs" / "runs.db")
    given(ctx).settings["poll_interval"] = "2m"
    log = str(tmp_path / "engine.log")
    line = cron_line(ctx, opened(ctx, db=odd, profile="lab one", log_file=log), "Exp1")
    assert as_run(line) == [
        str(program),
        *["--db", odd, "--profile", "lab one", "--log-file", log],
        *["tick", "Exp1", "--poll-interval", "2m"],
    ]


def test_what_only_the_environment_says(
    ctx: click.Context, program: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DCP_ENGINE_DB", "here.db")
    monkeypatch.setenv("DCP_ENGINE_LOG_SETTLE", "1m")
    monkeypatch.setenv("AWS_PROFILE", "lab")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:5000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    words = as_run(cron_line(ctx, opened(ctx), "Exp1"))
    assert words == [
        *["env", "AWS_ENDPOINT_URL=http://127.0.0.1:5000", str(program)],
        *["--db", str(tmp_path / "here.db"), "--profile", "lab"],
        *["tick", "Exp1", "--log-settle", "1m"],
    ]


def test_keys_are_not_for_cron(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cron_remark() is None
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA0")
    remark = cron_remark()
    assert remark is not None
    assert "profile" in remark
    assert "AKIA0" not in remark


def test_again(ctx: click.Context, program: Path) -> None:
    opened(ctx, db="/lab/my runs.db", profile="lab")
    given(ctx).settings["poll_interval"] = "2m"
    line = again(ctx, "resume", "Exp1")
    assert shlex.split(line) == [
        *["dcp-engine", "resume", "Exp1", "--db", "/lab/my runs.db"],
        *["--profile", "lab", "--poll-interval", "2m"],
    ]
    assert "--poll-interval" not in again(ctx, "abort", "Exp1")


def test_a_name_that_is_not_enough(
    ctx: click.Context, add: Callable[..., Run], database: Path
) -> None:
    here = add(run())
    app = opened(ctx)
    assert name_of(app, here) == "Exp1"
    add(run(id="Exp1-west", region="us-west-2"))
    assert name_of(app, here) == here.id
