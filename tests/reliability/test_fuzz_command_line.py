"""Command lines that nobody means: a documented exit code and words, never a traceback."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from dcp_engine import settings as engine_settings
from dcp_engine.cli.root import COMMANDS, PROGRAM, cli
from dcp_engine.model import Ended, Outcome, State, Step
from dcp_engine.store.sqlite import SqliteStore
from tests.unit.runs import run

PAGE = Path(__file__).parents[2] / "docs" / "exit-codes.md"
DOCUMENTED = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE.read_text("utf-8"), re.M)}
# The demo takes its time, and watching all runs has no end.
FUZZED = sorted(set(COMMANDS) - {"demo", "watch"})
FLAGS = [
    *(row.flag for row in engine_settings.describe()),
    *("--db", "--region", "--profile", "--config", "--log-file", "-v", "-vv", "--verbose"),
    *("--json", "--all", "--yes", "--cheapest", "--no-cheapest", "--allow-missing"),
    *("--take-over", "--keep-queue", "--read-only", "--version", "-h", "--help", "--", "-", "---"),
]
WORDS = [
    *("Exp1", "Exp1-0123abcd", "queue", "logs", "True", "False", "bash", "", " ", "*", "../x"),
    *("/", ".", "/dev/null", "~", "~nobody-of-that-name", "10m", "0", "-1", "x" * 3000, "%s", "{}"),
    *(
        "\N{FULLWIDTH LATIN CAPITAL LETTER E}xp1",
        "\u202e",
        "\x1b[31m",
        "a\nb",
        "sqlite://x",
        "http://[",
        "None",
        "\x00",
    ),
]
# An absolute path could name a file of this machine.
word = st.sampled_from(WORDS) | st.text(max_size=8).filter(lambda text: not text.startswith("/"))
arguments = st.lists(st.sampled_from(FLAGS) | word, max_size=4)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with a database in which a run has ended: nobody has a reason to ask AWS."""
    home = tmp_path_factory.mktemp("home")
    store = SqliteStore.open(home / "runs.db")
    steps = (Step(name="queue", ended=Ended.DONE),)
    store.insert_run(run(State.EXPORTED, outcome=Outcome.COMPLETED, steps=steps), [], [])
    store.close()
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("AWS_", "DCP_ENGINE_", "XDG_")):
                patch.delenv(name)
        patch.setenv("HOME", str(home))
        patch.setenv("DCP_ENGINE_DB", str(home / "runs.db"))
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.chdir(home)
        yield home


@settings(deadline=None, max_examples=180)
@given(before=arguments, command=st.sampled_from(FUZZED) | word, after=arguments)
def test_any_command_line(
    directory: Path, before: list[str], command: str, after: list[str]
) -> None:
    result = CliRunner().invoke(cli, [*before, command, *after], prog_name=PROGRAM)
    assert result.exit_code in DOCUMENTED, result.output
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    if result.exit_code:
        # What the doctor finds is its result, wrong or not.
        assert (result.stdout if command == "doctor" else result.stderr).strip() or result.stderr
    assert (directory / "runs.db").exists()


@settings(deadline=None, max_examples=60)
@given(
    name=word, command=st.sampled_from(["status", "history", "resume", "abort", "waive", "tick"])
)
def test_any_name_is_either_known_or_named_in_the_answer(
    directory: Path, name: str, command: str
) -> None:
    extra = ["queue"] if command == "waive" else []
    result = CliRunner().invoke(cli, [command, "--", name, *extra], prog_name=PROGRAM)
    assert result.exit_code in DOCUMENTED, result.output
    known = {"Exp1", "Exp1-0123abcd"}
    assert (result.exit_code == 2) is (name not in known or command == "waive")
