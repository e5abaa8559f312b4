"""--take-over: whoever watches a run may take it from whatever else drives it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from dcp_engine.app import App
from dcp_engine.model import RequestKind, Run, State
from dcp_engine.register import Registered
from dcp_engine.store.sqlite import SqliteStore
from tests.unit.runs import run

Invoke = Callable[..., Result]
Add = Callable[..., Run]


@pytest.fixture
def not_driven(monkeypatch: pytest.MonkeyPatch, store: SqliteStore) -> None:
    """The person leaves at once."""
    monkeypatch.setattr(App, "drive", lambda app, run_id, **_: store.run(run_id))


@pytest.mark.usefixtures("not_driven")
def test_resume_asks_for_it(invoke: Invoke, add: Add, store: SqliteStore) -> None:
    held = add(run(State.RUNNING))
    assert "taken over" not in invoke("resume", "Exp1").stdout
    assert store.requests(held.id) == []
    result = invoke("resume", "Exp1", "--take-over")
    assert result.exit_code == 0
    assert "The run is taken over with the next look at it" in result.stdout
    assert [request.kind for request in store.requests(held.id)] == [RequestKind.TAKE_OVER]
    shown = invoke("status", "Exp1").stdout
    assert "TAKE-OVER  somebody asked this computer to take the run over" in shown
    assert json.loads(invoke("status", "Exp1", "--json").stdout)["wishes"] == ["take-over"]


@pytest.mark.usefixtures("not_driven")
@pytest.mark.parametrize("command", ["monitor", "register"])
@pytest.mark.parametrize("flags", [[], ["--take-over"]])
def test_registering_with_it(
    invoke: Invoke, add: Add, monkeypatch: pytest.MonkeyPatch, command: str, flags: list[str]
) -> None:
    held = add(run(State.RUNNING))
    asked: list[dict[str, Any]] = []

    def register(app: App, path: Path, **wishes: Any) -> Registered:
        asked.append(wishes)
        return Registered(run=held, new=True)

    monkeypatch.setattr(App, "register", register)
    result = invoke(command, "Exp1.json", *flags)
    assert result.exit_code == 0
    assert asked == [{"cheapest": None, "allow_missing": False, "take_over": bool(flags)}]
    assert ("The run is taken over" in result.stdout) is bool(flags)


@pytest.mark.parametrize("command", ["monitor", "register", "resume"])
def test_the_help_says_from_what(invoke: Invoke, command: str) -> None:
    text = " ".join(invoke(command, "-h").stdout.split())
    assert "Auto-Monitor's two alarms are disarmed" in text
    assert "dcp-engine on another computer steps back" in text
