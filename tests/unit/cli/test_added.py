"""Commands that plugins add: theirs to run, ours not to be replaced."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from dcp_engine.errors import EXIT_BAD_INPUT, EXIT_FINE, EXIT_NEEDS_PERSON
from dcp_engine.model import Event, Run, State
from tests.unit.cli.conftest import Knocks
from tests.unit.distributions import install, module_of
from tests.unit.runs import START, run

Invoke = Callable[..., Result]
TOKEN = "xoxb-12345"

COMMANDS = """
import click
import msgspec
from dcp_engine.hookspecs import Secret, hookimpl

class Options(msgspec.Struct):
    token: Secret

@hookimpl
def options():
    return Options

@hookimpl
def commands(options):
    token = options.token.reveal()
    kinds = {
        "error": OSError(f"401 {token}"),
        "exit": SystemExit(7),
        "click": click.ClickException(f"cannot {token}"),
        "usage": click.UsageError(f"not like {token}"),
        "abort": click.Abort(),
        "base": GeneratorExit(f"odd {token}"),
    }

    def number(ctx, parameter, value):
        if value == "13":
            raise OSError(f"unlucky {token}")
        return value

    @click.command()
    @click.argument("app_name")
    @click.pass_obj
    def failures(records, app_name):
        "How many jobs failed."
        found = records.find(app_name)
        live = [one.id for one in records.runs()]
        events = [event.kind for event in records.events(app_name)]
        click.echo(f"{found.names.app_name} {found.state} {live} {events}")

    @click.command("broken-one")
    @click.argument("kind")
    @click.option("--number", callback=number)
    def broken(kind, number):
        print("before")
        raise kinds[kind]

    @click.group()
    def several():
        "Several at once."

    several.add_command(broken, "inner")

    @click.command()
    def status():
        raise AssertionError

    return [failures, broken, several, status]
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    install(folder, "more", COMMANDS)
    monkeypatch.setenv("DCP_ENGINE_MORE_TOKEN", TOKEN)
    return folder


@pytest.mark.usefixtures("site")
def test_it_is_handed_the_runs_and_prints_its_result(
    invoke: Invoke, add: Callable[..., Run], aws: Knocks
) -> None:
    one = run(State.RUNNING)
    add(one, Event(id="1", run_id=one.id, at=START, kind="registered", text="x"))
    result = invoke("failures", "Exp1")
    assert result.exit_code == EXIT_FINE
    assert result.stdout == f"Exp1 RUNNING ['{one.id}'] ['registered']\n"
    assert aws.count == 0
    unknown = invoke("failures", "Exp2")
    assert unknown.exit_code == EXIT_BAD_INPUT
    assert "There is no run named Exp2" in unknown.stderr


@pytest.mark.usefixtures("site")
def test_its_help_and_its_usage_are_its_own(invoke: Invoke) -> None:
    shown = invoke("failures", "--help")
    assert shown.exit_code == EXIT_FINE
    assert "dcp-engine failures [OPTIONS] APP_NAME" in shown.stdout
    assert "How many jobs failed." in shown.stdout
    assert "Missing argument 'APP_NAME'" in invoke("failures").stderr
    assert "Several at once." in invoke("several", "--help").stdout


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("command", [["broken-one"], ["several", "inner"]])
@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["error"], EXIT_NEEDS_PERSON, "OSError('401 (hidden)')"),
        (["base"], EXIT_NEEDS_PERSON, "GeneratorExit('odd (hidden)')"),
        (["error", "--number", "13"], EXIT_NEEDS_PERSON, "OSError('unlucky (hidden)')"),
        (["exit"], 7, "before"),
        (["click"], 1, "cannot (hidden)"),
        (["usage"], EXIT_BAD_INPUT, "not like (hidden)"),
        (["abort"], 130, "Interrupted"),
    ],
)
def test_what_it_does_wrong_is_the_plugins_and_shows_no_secret(
    command: list[str], args: list[str], code: int, words: str, invoke: Invoke
) -> None:
    result = invoke(*command, *args)
    assert result.exit_code == code
    assert words in result.output
    assert TOKEN not in result.output
    assert "defect of dcp-engine" not in result.output
    if code == EXIT_NEEDS_PERSON:
        assert f"The plugin more failed in its command {command[0]}" in result.stderr


def test_none_of_ours_is_replaced_and_check_says_so(
    invoke: Invoke, site: Path, add: Callable[..., Run]
) -> None:
    add(run(State.RUNNING))
    assert "Exp1" in invoke("status").stdout
    assert module_of(site, "more") not in sys.modules
    result = invoke("plugins", "check")
    assert result.exit_code == EXIT_NEEDS_PERSON
    assert "more  dcp-engine has a command status of its own" in result.stdout


def test_a_hook_that_fails_costs_nothing_but_its_commands(invoke: Invoke, site: Path) -> None:
    code = "from dcp_engine.hookspecs import hookimpl\n@hookimpl\ndef commands():\n    return [5]\n"
    install(site, "bad", code)
    assert "Missing argument" in invoke("failures").stderr
    result = invoke("plugins", "check")
    assert "commands returned 5, not a Command" in result.stdout


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("loaded", [True, False])
def test_a_command_that_nobody_has(
    loaded: bool, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not loaded:
        monkeypatch.delenv("DCP_ENGINE_MORE_TOKEN")
        monkeypatch.setenv("DCP_ENGINE_PLUGINS", "")
    result = invoke("statsu")
    assert result.exit_code == EXIT_BAD_INPUT
    assert "There is no command 'statsu'. Did you mean status?" in result.stderr
    assert ("broken-one" in invoke("broken-one", "--help").stdout) is loaded
