"""tick: what makes good cron mail."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from msgspec.structs import replace

from dcp_engine.app import App
from dcp_engine.defaults import Settings
from dcp_engine.engine import TickReport
from dcp_engine.errors import StoreUnwritable
from dcp_engine.model import Event, Names, Outcome, Run, State
from dcp_engine.store.sqlite import SqliteStore
from tests.unit.runs import NAMES, run

Invoke = Callable[..., Result]
Add = Callable[..., Run]


def other(name: str) -> Run:
    names: Names = replace(NAMES, app_name=name)
    return run(State.RUNNING, id=f"{name}-1", names=names)


@pytest.mark.parametrize("args", [[], ["Exp1", "--all"]])
def test_which_runs(invoke: Invoke, args: list[str]) -> None:
    result = invoke("tick", *args)
    assert result.exit_code == 2
    assert "APP_NAME" in result.stderr
    assert "--all" in result.stderr


def test_a_problem_is_told_when_it_begins_and_not_each_minute(invoke: Invoke, add: Add) -> None:
    add(run(State.RUNNING))
    first = invoke("tick", "Exp1")
    assert first.exit_code == 3
    assert "  Exp1  problem: The account could not be checked" in first.stdout
    again = invoke("tick", "Exp1")
    assert again.exit_code == 3
    assert again.output == ""


def test_quiet_where_another_drives(
    invoke: Invoke, add: Add, driven_elsewhere: Callable[[Run], None]
) -> None:
    driven_elsewhere(add(run(State.RUNNING)))
    result = invoke("tick", "Exp1")
    assert (result.exit_code, result.output) == (0, "")


def test_who_asks_to_be_told_more_is_told_that_another_drives(
    invoke: Invoke, add: Add, driven_elsewhere: Callable[[Run], None]
) -> None:
    driven_elsewhere(add(run(State.RUNNING)))
    result = invoke("tick", "Exp1", "-v")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "Exp1 is RUNNING, and was left to its driver. Exp1 (run " in result.stderr


def test_who_asks_to_be_told_more_is_told_when_the_next_look_is_due(
    invoke: Invoke, add: Add
) -> None:
    add(run(State.RUNNING))
    result = invoke("tick", "Exp1", "-v")
    assert re.search(
        r"Exp1 is RUNNING, and was looked at; the next look is due at \d\d:\d\d:\d\d UTC",
        result.stderr,
    )


def test_quiet_where_the_run_has_ended(invoke: Invoke, add: Add) -> None:
    add(run(State.EXPORTED, outcome=Outcome.COMPLETED))
    for args in (["Exp1"], ["--all"]):
        result = invoke("tick", *args)
        assert (result.exit_code, result.output) == (0, "")


def test_an_unknown_name_keeps_no_other_from_its_tick(
    invoke: Invoke, add: Add, store: SqliteStore
) -> None:
    add(run(State.RUNNING))
    result = invoke("tick", "Exp9", "Exp1")
    assert result.exit_code == 3
    assert "There is no run named Exp9" in result.stderr
    assert "The others that were named were looked after." in result.stderr
    assert store.run("Exp1-0123abcd").last_tick_at is not None


def test_a_name_that_is_not_known_is_told_by_the_exit_code(
    invoke: Invoke, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(run(State.RUNNING))
    add(other("Exp2"))
    ticked: list[str] = []
    real = App.tick

    def fine(app: App, name: str) -> TickReport:
        if name == "nope":
            return real(app, name)
        ticked.append(app.find(name).names.app_name)
        return TickReport(run=app.find(name))

    monkeypatch.setattr(App, "tick", fine)
    result = invoke("tick", "Exp1", "nope", "Exp2")
    assert result.exit_code == 2
    assert sorted(ticked) == ["Exp1", "Exp2"]
    assert "named were" not in invoke("tick", "nope").stderr


def test_what_keeps_all_runs_from_their_tick_is_said_once(
    invoke: Invoke, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("Exp1", "Exp2", "Exp3"):
        add(other(name))

    def locked(app: App, name: str, *, keep_lease: bool = False) -> TickReport:
        raise StoreUnwritable("It is locked.")

    monkeypatch.setattr(App, "tick", locked)
    result = invoke("tick", "--all")
    assert (result.exit_code, result.stderr) == (3, "dcp-engine: It is locked.\n")


def test_a_defect_in_one_run_keeps_no_other_from_its_tick(
    invoke: Invoke, add: Add, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(run(State.RUNNING))
    add(other("Exp2"))
    real = App.tick

    def broken(app: App, name: str, *, keep_lease: bool = False) -> TickReport:
        if name.startswith("Exp1"):
            raise RuntimeError("a defect")
        return real(app, name, keep_lease=keep_lease)

    monkeypatch.setattr(App, "tick", broken)
    monkeypatch.setattr("traceback.format_exception", lambda error: ["the lines above\n"])
    result = invoke("tick", "--all")
    assert result.exit_code == 4
    assert "This is a defect of dcp-engine" in result.stderr
    assert store.run("Exp1-0123abcd").last_tick_at is None
    assert store.run("Exp2-1").last_tick_at is not None


def test_ended_runs_with_something_to_tell_are_ticked_too(
    add: Add, store: SqliteStore, database: Path
) -> None:
    ended = run(State.EXPORTED, outcome=Outcome.COMPLETED)
    event = Event(id="1", run_id=ended.id, at=datetime.now(UTC), kind="state", text="Over.")
    store.insert_run(ended, [event], ["somebody"])
    add(other("Exp2"))
    add(replace(other("Exp3"), state=State.EXPORTED))
    app = App(database=database, settings=Settings())
    assert {one.id for one in app.runs_to_tick()} == {ended.id, "Exp2-1"}
    app.close()


def test_no_database_is_said_and_none_is_made(invoke: Invoke, database: Path) -> None:
    result = invoke("tick", "--all")
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"There is no database at {database}, so nothing is watched" in result.stderr
    assert not database.exists()


@pytest.mark.usefixtures("store")
def test_a_database_without_runs_is_no_news(invoke: Invoke) -> None:
    result = invoke("tick", "--all")
    assert (result.exit_code, result.output) == (0, "")


def test_a_run_that_is_named_twice_is_looked_at_once(
    invoke: Invoke, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(State.RUNNING)
    add(first)
    add(other("Exp2"))
    ticked: list[str] = []

    def fine(app: App, name: str) -> TickReport:
        ticked.append(app.find(name).id)
        return TickReport(run=app.find(name))

    monkeypatch.setattr(App, "tick", fine)
    assert invoke("tick", "Exp1", first.id, "Exp2").exit_code == 0
    assert sorted(ticked) == sorted([first.id, "Exp2-1"])
