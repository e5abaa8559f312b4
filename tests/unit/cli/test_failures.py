"""What nobody foresaw, and Ctrl-C at any moment."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from dcp_engine.app import App
from dcp_engine.cli.root import cli


def raising(error: BaseException) -> object:
    def runs(app: App, *, live: bool = True) -> None:
        raise error

    return runs


def test_a_defect_says_that_it_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(App, "runs", raising(RuntimeError("odd")))
    result = CliRunner().invoke(cli, ["status"])
    assert result.exit_code == 4
    assert result.stdout == ""
    assert "RuntimeError: odd" in result.stderr
    assert "This is a defect of dcp-engine" in result.stderr
    assert "The run is safe" in result.stderr
    assert "dcp-engine resume" in result.stderr


def test_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(App, "runs", raising(KeyboardInterrupt()))
    result = CliRunner().invoke(cli, ["status"])
    assert result.exit_code == 130
    assert result.stdout == ""
    assert result.stderr.strip().count("\n") == 0


def test_ctrl_c_while_starting() -> None:
    program = (
        "import sys, dcp_engine.cli\n"
        "class Finder:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name == 'click': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Finder())\n"
        "dcp_engine.cli.main()\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (130, "")
