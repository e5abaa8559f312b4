"""Where options may stand, and what they mean."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import pytest
from click.testing import Result

from dcp_engine import __version__
from dcp_engine.cli import given as given_module
from dcp_engine.model import Run, State
from dcp_engine.settings import describe
from tests.unit.runs import run

Invoke = Callable[..., Result]
Add = Callable[..., Run]


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, database: Path, add: Add) -> Path:
    """A database with one run, which no variable names."""
    add(run(State.RUNNING))
    monkeypatch.delenv("DCP_ENGINE_DB")
    return database


def names(result: Result) -> list[str]:
    return [one["app_name"] for one in json.loads(result.stdout)]


def test_before_and_after_the_command(invoke: Invoke, elsewhere: Path) -> None:
    db = str(elsewhere)
    assert names(invoke("list", "--json")) == []
    assert names(invoke("--db", db, "list", "--json")) == ["Exp1"]
    assert names(invoke("list", "--json", "--db", db)) == ["Exp1"]
    assert names(invoke("--db", "/no/such.db", "list", "--json", "--db", db)) == ["Exp1"]


def test_flag_then_variable_then_file(
    invoke: Invoke, elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.toml"
    config.write_text('db = "state/runs.db"\n')
    assert names(invoke("list", "--json", "--config", str(config))) == ["Exp1"]
    monkeypatch.setenv("DCP_ENGINE_DB", str(tmp_path / "none.db"))
    assert names(invoke("list", "--json", "--config", str(config))) == []
    assert names(invoke("list", "--json", "--db", str(elsewhere))) == ["Exp1"]


def test_the_default_is_in_the_state_folder(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DCP_ENGINE_DB")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    where = given_module.default_database()
    assert where.name == "runs.db"
    assert str(where) in invoke("status").stdout


@pytest.mark.parametrize("command", ["monitor", "resume", "tick"])
def test_every_setting_is_a_flag(invoke: Invoke, command: str) -> None:
    text = invoke(command, "-h").stdout
    for row in describe():
        assert row.flag in text


def test_the_log(invoke: Invoke, add: Add, tmp_path: Path) -> None:
    add(run(State.RUNNING))
    log = tmp_path / "log"
    before = list(logging.getLogger().handlers), list(logging.getLogger("dcp_engine").handlers)
    assert invoke("-v", "tick", "Exp1", "--log-file", str(log)).stderr.count("INFO") > 0
    assert "Exp1 problem: The account could not be checked" in log.read_text()
    assert "very-secret" not in log.read_text()
    after = list(logging.getLogger().handlers), list(logging.getLogger("dcp_engine").handlers)
    assert after == before


def test_a_full_disk_under_the_log_is_said_once_and_ends_nothing(
    invoke: Invoke, add: Add, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that nothing more can be written to, neither when a line comes nor in closing it."""
    add(run(State.RUNNING))
    real = logging.FileHandler._open

    def full(handler: logging.FileHandler) -> TextIO:
        real(handler).close()
        return Path("/dev/full").open("w")

    monkeypatch.setattr(logging.FileHandler, "_open", full)
    result = invoke("tick", "Exp1", "--log-file", str(tmp_path / "log"))
    assert result.exit_code == 3
    assert "Exp1  problem: The account could not be checked" in result.stdout
    assert result.stderr == (
        f"dcp-engine: The log file {tmp_path / 'log'} cannot be written: No space left on device. "
        "The work goes on without it.\n"
    )


def test_version(invoke: Invoke) -> None:
    assert invoke("--version").stdout == f"dcp-engine {__version__}\n"
