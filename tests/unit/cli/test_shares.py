"""What can be said about the processes of `dcp-engine watch`, and how they are started."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from dcp_engine.cli import shares
from dcp_engine.cli.shares import Shares, number_or_auto, usable_cores

Invoke = Callable[..., Result]


@pytest.mark.parametrize("text", ["0", "-1", "65", "many", "", "1.5", "2/3"])
def test_what_is_no_number_of_processes_is_refused(invoke: Invoke, text: str) -> None:
    result = invoke("watch", "--processes", text)
    assert result.exit_code == 2
    assert "is neither auto nor a number from 1 to 64." in " ".join(result.stderr.split())


@pytest.mark.parametrize("text", ["2/2", "1", "x/y"])
def test_what_is_no_share_is_refused(invoke: Invoke, text: str) -> None:
    result = invoke("watch", "--share", text)
    assert result.exit_code == 2
    assert "is no share such as 0/2 or 1/2." in " ".join(result.stderr.split())


def test_help_shows_what_is_for_people(invoke: Invoke) -> None:
    text = " ".join(invoke("watch", "--help").stdout.split())
    assert "--processes NUMBER|auto" in text
    assert "[default: auto]" in text
    assert "--share " not in text


def test_a_number_is_kept_whatever_the_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Shares(number_or_auto("7")).processes(1) == 7
    monkeypatch.setattr(shares, "usable_cores", lambda: 3)
    auto = Shares(number_or_auto("auto"))
    assert [auto.processes(runs) for runs in (0, 3000, 3001, 100_000)] == [1, 1, 2, 3]


def test_only_cores_that_may_be_used_are_counted() -> None:
    bound = subprocess.run(
        [
            *(sys.executable, "-c"),
            "import os; os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1]); "
            "from dcp_engine.cli.shares import usable_cores; print(usable_cores())",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(bound.stdout) == 1 <= usable_cores()


@pytest.mark.parametrize(
    ("started", "found"),
    [("/home/you/venv/bin/dcp-engine", False), ("/src/dcp_engine/__main__.py", True)],
)
def test_nothing_of_the_folder_it_is_started_in_is_taken_for_a_part_of_it(
    started: str, found: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """But where Python was told to look there, as in a checkout, it looks there again."""
    (tmp_path / "zlib_of_somebody.py").touch()
    monkeypatch.setattr(sys, "argv", [started, "watch"])
    python, *options = shares._program()
    told = subprocess.run(
        [python, *options[:-2], "-c", "import zlib_of_somebody"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert options[-2:] == ["-m", "dcp_engine"]
    assert (told.returncode == 0) is found
