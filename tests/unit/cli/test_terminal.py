"""Words that cannot be written, and signals that say to leave."""

import errno
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dcp_engine.cli.detach import Detach
from dcp_engine.cli.terminal import Terminal, harmless
from dcp_engine.model import Event, Run
from tests.unit.runs import START, run


def test_harmless() -> None:
    assert harmless("a\x1b[2Jb\tc\nd → e") == "a\\x1b[2Jb\tc\nd → e"


def test_no_colour_where_nobody_sees_it(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal().say("text", lead="lead ", colour="red")
    assert capsys.readouterr().out == "lead text\n"


@pytest.mark.parametrize(("variable", "coloured"), [("", True), ("1", False)])
def test_colour_on_a_terminal(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    coloured: bool,
) -> None:
    monkeypatch.setenv("NO_COLOR", variable)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    Terminal().say("text", lead="lead ", colour="red")
    assert ("\x1b[" in capsys.readouterr().out) is coloured


def shell(command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            "bash",
            "-o",
            "pipefail",
            "-c",
            command.replace("ENGINE", f"{sys.executable} -m dcp_engine"),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, **variables},
        check=False,
    )


@pytest.fixture
def long_story(add: Callable[..., Run]) -> None:
    events = [
        Event(id=str(n), run_id="Exp1-0123abcd", at=START, kind="state", text=f"A → B {n}")
        for n in range(5000)
    ]
    add(run(), *events)


@pytest.mark.usefixtures("long_story")
def test_a_reader_that_leaves() -> None:
    result = shell("ENGINE history Exp1 | head -n 1")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("Exp1  Exp1-0123abcd")
    assert result.stdout.count("\n") == 1


@pytest.mark.usefixtures("long_story")
def test_no_standard_output_at_all() -> None:
    result = shell("ENGINE history Exp1 >&-")
    assert (result.returncode, result.stderr) == (0, "")


class FullDisk(io.StringIO):
    """What standard output is when it was sent to a file on a disk that is full."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_said_once_and_work_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", FullDisk())
    terminal = Terminal()
    terminal.say("lost")
    terminal.json({})
    assert not terminal.reader_gone
    assert capsys.readouterr().err == (
        "dcp-engine: Standard output cannot be written: No space left on device.\n"
    )


@pytest.mark.usefixtures("long_story")
def test_a_locale_without_arrows() -> None:
    result = shell("ENGINE history Exp1", PYTHONIOENCODING="latin-1", PYTHONUTF8="0")
    assert result.returncode == 0
    assert "A \\u2192 B 4999" in result.stdout
    as_json = shell("ENGINE history Exp1 --json", PYTHONIOENCODING="latin-1", PYTHONUTF8="0")
    assert '"A \\u2192 B 4999"' in as_json.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_asks_to_leave(number: signal.Signals) -> None:
    detach = Detach("at once")
    hurried: list[bool] = []
    detach.hurry = lambda: hurried.append(True)
    with detach.on_signals():
        assert not detach.wait(0)
        assert not hurried
        signal.raise_signal(number)
        assert detach.wait(60)
        assert detach.wait(60)
    assert hurried == [True]


def test_what_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        detach = Detach("at once")
        with detach.on_signals():
            signal.raise_signal(signal.SIGHUP)
            assert not detach.wait(0)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_second_ctrl_c_leaves_at_once(tmp_path: Path) -> None:
    program = (
        "import signal\n"
        "from dcp_engine.cli.detach import Detach\n"
        "with Detach('Left at once.').on_signals():\n"
        "    signal.raise_signal(signal.SIGHUP)\n"
        "    signal.raise_signal(signal.SIGHUP)\n"
        "    print('still here', flush=True)\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "    print('too late', flush=True)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert result.returncode == 130
    assert result.stdout == "still here\n"
    assert result.stderr.endswith("Left at once.\n")


@pytest.mark.parametrize(
    "command",
    [["status", "--json"], ["completion", "bash"], ["--help"], ["--version"], ["watch", "-h"]],
)
def test_a_result_that_could_not_be_written_is_not_fine(command: list[str], tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "dcp_engine", "--db", str(tmp_path / "runs.db"), *command],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 3
    assert done.stderr == (
        "dcp-engine: Standard output cannot be written: No space left on device.\n"
    )


@pytest.mark.parametrize("command", [["--help"], ["--version"], ["watch", "--help"]])
def test_who_reads_no_help_after_all_is_told_of_no_defect(command: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "dcp_engine", *command],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
