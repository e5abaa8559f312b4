"""Help, completion, and the page on exit codes."""

import re
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.shell_completion import BashComplete
from click.testing import Result

from dcp_engine import errors
from dcp_engine.cli.root import COMMANDS, EXIT_INTERRUPTED, PROGRAM, cli
from dcp_engine.model import Ended, Run, State, Step
from tests.unit.runs import run

Invoke = Callable[..., Result]

PAGE = Path(__file__).parents[3] / "docs" / "exit-codes.md"


@pytest.mark.parametrize("command", list(COMMANDS))
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_command_explains_itself(invoke: Invoke, command: str, flag: str) -> None:
    result = invoke(command, flag)
    assert result.exit_code == 0
    assert f"Usage: dcp-engine {command}" in result.stdout
    assert "Examples:" in result.stdout
    # The demo has a database, and an AWS, of its own.
    assert ("--db PATH" in result.stdout) is (command != "demo")


def test_the_group_lists_them_all(invoke: Invoke) -> None:
    text = invoke("-h").stdout
    for command in COMMANDS:
        assert re.search(rf"^  {command} +\S", text, re.MULTILINE)


def test_the_group_says_where_plugins_commands_are_and_looks_for_none(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    def looked() -> list[object]:
        raise AssertionError("installed plugins were looked for")

    monkeypatch.setattr("dcp_engine.plugin_sources.installed", looked)
    text = " ".join(invoke("-h").stdout.split())
    assert "Plugins may add commands of their own: `dcp-engine plugins` shows which have" in text


def test_exit_codes_are_the_documented_ones(invoke: Invoke) -> None:
    used = {
        value
        for name, value in vars(errors).items()
        if name.startswith("EXIT_") and isinstance(value, int)
    } | {EXIT_INTERRUPTED}
    page = re.findall(r"^\| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    help_text = re.findall(r"^ +(\d+)  \S", invoke("-h").stdout, re.MULTILINE)
    assert {int(code) for code in page} == used
    assert {int(code) for code in help_text} == used


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_says_how(invoke: Invoke, shell: str) -> None:
    lines = invoke("completion", shell).stdout.splitlines()
    assert f"_DCP_ENGINE_COMPLETE={shell}_source dcp-engine" in lines[-1]
    assert all(line.startswith("#") for line in lines[:-1])


def test_completion_finds_the_shell(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/usr/bin/zsh")
    assert "zsh_source" in invoke("completion").stdout
    monkeypatch.setenv("SHELL", "/bin/odd")
    assert invoke("completion").exit_code == 2


def completed(args: list[str], incomplete: str) -> list[str]:
    shell = BashComplete(cli, {}, PROGRAM, "_DCP_ENGINE_COMPLETE")
    return [item.value for item in shell.get_completions(args, incomplete)]


def test_the_shell_completes(add: Callable[..., Run], database: Path) -> None:
    add(run())
    assert completed([], "re") == ["resume", "register", "report", "release"]
    assert completed(["resume"], "E") == ["Exp1"]
    assert completed(["status"], "x") == []
    assert completed(["--db", "/no/such.db", "status"], "E") == []
    assert "--poll-interval" in completed(["tick"], "--p")
    database.write_bytes(b"broken" * 1000)
    assert completed(["resume"], "E") == []


def test_the_shell_completes_steps(add: Callable[..., Run]) -> None:
    ended = Step(name="queue", ended=Ended.DONE)
    steps = (Step(name="fleets"), ended, Step(name="logs"), Step(name="last-look"))
    add(run(State.TEARDOWN, steps=steps))
    assert completed(["waive", "Exp1"], "") == ["fleets", "logs", "last-look"]
    assert completed(["waive", "Exp1"], "l") == ["logs", "last-look"]
    assert completed(["waive", "Exp9"], "") == []


def test_commands_have_no_two_names() -> None:
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        assert command.name == name
