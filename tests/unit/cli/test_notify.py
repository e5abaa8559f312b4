"""`dcp-engine notify test`: a test message through every notifier, and what came back."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from dcp_engine.errors import EXIT_BAD_INPUT, EXIT_FINE, EXIT_NEEDS_PERSON
from tests.unit.cli.conftest import Knocks
from tests.unit.distributions import WITH_SECRET, install

Invoke = Callable[..., Result]
TOKEN = "xoxb-12345"

WRITES = """
from pathlib import Path
from dcp_engine.hookspecs import hookimpl

@hookimpl
def notify(run, event):
    print("telling")
    with Path(__file__).with_suffix(".told").open("a") as told:
        told.write(f"{event.kind} {run.names.app_name} {event.text}\\n")
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


def told(site: Path) -> list[str]:
    return [line for path in site.glob("*.told") for line in path.read_text().splitlines()]


def test_every_notifier_is_sent_a_test_message(invoke: Invoke, site: Path, aws: Knocks) -> None:
    install(site, "alerts", WRITES)
    result = invoke("notify", "test")
    assert result.exit_code == EXIT_FINE
    assert result.stdout == "notifications  told\nalerts         told\n"
    (line,) = told(site)
    assert line.startswith("test Test This is a test message")
    assert aws.count == 0


def test_only_those_that_are_named(invoke: Invoke, site: Path) -> None:
    install(site, "alerts", WRITES)
    assert invoke("notify", "test", "notifications").stdout == "notifications  told\n"
    assert told(site) == []
    assert invoke("notify", "test", "alerts", "alerts").stdout == "alerts  told\n"
    assert len(told(site)) == 1


def test_a_name_that_is_none_sends_nothing(invoke: Invoke, site: Path) -> None:
    install(site, "alerts", WRITES)
    result = invoke("notify", "test", "alerts", "alrts")
    assert result.exit_code == EXIT_BAD_INPUT
    assert "no notifier alrts. Did you mean alerts?" in result.stderr
    assert "Nothing was sent" in result.stderr
    assert told(site) == []
    assert "There is no notifier queue" in invoke("notify", "test", "queue").stderr


@pytest.mark.parametrize("loud", [[], ["-vv"]])
def test_what_came_back_is_said_without_the_secret(
    loud: list[str], invoke: Invoke, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site, "alerts", WRITES)
    install(site, "chat", WITH_SECRET)
    monkeypatch.setenv("DCP_ENGINE_CHAT_TOKEN", TOKEN)
    result = invoke("notify", "test", *loud)
    assert result.exit_code == EXIT_NEEDS_PERSON
    assert "NOT TOLD: OSError('401 for https://chat.example/(hidden)/send')" in result.stdout
    assert "alerts         told" in result.stdout
    assert TOKEN not in result.output


def test_one_that_could_not_be_loaded_is_not_passed_over(invoke: Invoke, site: Path) -> None:
    install(site, "chat", WITH_SECRET)
    for names in ([], ["chat"]):
        result = invoke("notify", "test", *names)
        assert result.exit_code == EXIT_NEEDS_PERSON
        assert "NOT TOLD: these settings of it cannot be used" in result.stdout
        assert "token is missing" in " ".join(result.stdout.split())


def test_where_nobody_is_told_anything_that_is_said(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DCP_ENGINE_PLUGINS", "")
    config = tmp_path / "config.toml"
    config.write_text('disable = ["notifications"]')
    result = invoke("notify", "test", "--config", str(config))
    assert result.exit_code == EXIT_FINE
    assert "no plugin that tells anybody" in result.stderr


@pytest.mark.parametrize("args", [["notify"], ["notify", "tset"]])
def test_wrong_usage(args: list[str], invoke: Invoke) -> None:
    assert invoke(*args).exit_code == EXIT_BAD_INPUT
