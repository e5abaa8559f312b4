"""Looking is fast: it imports neither AWS's SDK nor the engine."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from dcp_engine.cli.root import COMMANDS
from dcp_engine.model import Outcome, Run, State
from tests.unit.runs import run

SLOW = {
    "boto3",
    "botocore",
    "rich",
    "humanize",
    "tenacity",
    "psutil",
    "statistics",
    "transitions",
    "dcp_engine.plugins",
    "dcp_engine.builtin",
    "dcp_engine.engine",
    "dcp_engine.aws",
    "dcp_engine.simulation",
}


def imported(*args: str) -> set[str]:
    """Every module that the command imported."""
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "dcp_engine", *args],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in result.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


@pytest.mark.parametrize("args", [["status"], ["list", "--all"], ["--version"], ["--help"]])
def test_looking_is_fast(args: list[str]) -> None:
    modules = imported(*args)
    assert "dcp_engine.cli.root" in modules
    assert not modules & SLOW


@pytest.mark.parametrize(
    "args",
    [["status"], ["status", "Exp1"], ["status", "Exp1", "--watch"], ["list"], ["history", "Exp1"]],
)
def test_looking_at_a_run_is_fast(add: Callable[..., Run], args: list[str]) -> None:
    add(run(State.EXPORTED, outcome=Outcome.COMPLETED))
    modules = imported(*args)
    assert "dcp_engine.store.sqlite" in modules
    # How long something lasts is said in words.
    assert not modules & (SLOW - {"humanize"})


def test_lines_need_no_view(add: Callable[..., Run]) -> None:
    add(run(State.EXPORTED, outcome=Outcome.COMPLETED))
    modules = imported("resume", "Exp1")
    assert "dcp_engine.cli.follow" in modules
    assert "rich" not in modules


def test_help_imports_no_command() -> None:
    modules = imported("--help")
    assert not modules & {target.partition(":")[0] for target, _ in COMMANDS.values()}
    assert "sqlite3" not in modules
