"""release: what it means is said, a person consents, and then nobody watches any more."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result
from msgspec.structs import replace

from dcp_engine.app import App
from dcp_engine.cli import wish
from dcp_engine.engine import TickReport
from dcp_engine.model import Outcome, RequestKind, Run, State, Step
from dcp_engine.store.sqlite import SqliteStore
from tests.unit.cli.conftest import Knocks
from tests.unit.runs import START, fleet, run

Invoke = Callable[..., Result]
Add = Callable[..., Run]


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits at the terminal."""
    monkeypatch.setattr(wish, "_person_there", lambda: True)


def test_nobody_is_there_to_be_asked(
    invoke: Invoke, add: Add, store: SqliteStore, aws: Knocks
) -> None:
    before = add(run(State.RUNNING))
    result = invoke("release", "Exp1")
    assert result.exit_code == 2
    assert "Add --yes" in result.stderr
    assert store.run(before.id) == before
    assert store.requests(before.id) == []
    assert aws.count == 0


@pytest.mark.usefixtures("person")
def test_what_it_means_is_said_and_no_is_no(invoke: Invoke, add: Add, store: SqliteStore) -> None:
    before = add(run(State.RUNNING, monitor_path="/lab/Exp1.json"))
    result = invoke("release", "Exp1", text="\n")
    assert result.exit_code == 0
    text = result.stdout
    assert "nothing of it is stopped or deleted" in text
    assert "ITS MACHINES RUN ON AND ARE BILLED. Last seen: 3 machines up" in text
    assert "nobody watches" in text
    assert "`dcp-engine register /lab/Exp1.json` would watch it again, as a new run" in text
    assert "Nothing was changed." in text
    assert store.run(before.id) == before
    assert store.requests(before.id) == []


@pytest.mark.usefixtures("person")
def test_a_teardown_is_left_where_it_stands(invoke: Invoke, add: Add) -> None:
    steps = (Step(name="queue"), Step(name="logs"))
    add(run(State.TEARDOWN, machines_ended_at=START, steps=steps))
    text = invoke("release", "Exp1", text="n\n").stdout
    assert "Its machines have ended." in text
    assert "BILLED" not in text
    assert "the rest of the teardown is left undone: queue, logs." in text


@pytest.mark.usefixtures("person")
def test_a_run_without_machines_is_not_said_to_bill(invoke: Invoke, add: Add) -> None:
    add(run(State.RUNNING, fleets=(fleet(state="cancelled", active=0),)))
    text = invoke("release", "Exp1", text="n\n").stdout
    assert "No machine of it was up when it was last looked at." in text
    assert "BILLED" not in text


@pytest.mark.usefixtures("person")
@pytest.mark.parametrize("state", [State.PENDING, State.RUNNING, State.DRAINING, State.TEARDOWN])
def test_yes_is_obeyed_without_aws(
    invoke: Invoke, add: Add, store: SqliteStore, aws: Knocks, state: State
) -> None:
    before = add(run(state, key_checked="another key"))
    result = invoke("release", "Exp1", text="y\n")
    after = store.run(before.id)
    assert (after.state, after.outcome) == (State.EXPORTED, Outcome.RELEASED)
    assert result.exit_code == 0
    assert f"{state} → EXPORTED: a person asked to stop watching" in result.stdout
    assert after.fleets == before.fleets
    listed = invoke("list", "--all").stdout.splitlines()[1]
    assert listed.endswith("released")


def test_another_driver_obeys(
    invoke: Invoke, add: Add, store: SqliteStore, driven_elsewhere: Callable[[Run], None]
) -> None:
    before = add(run(State.RUNNING))
    driven_elsewhere(before)
    result = invoke("release", "Exp1", "--yes")
    assert result.exit_code == 0
    assert "The release is recorded. dcp-engine monitor (process 17 on laptop)" in result.stdout
    assert [request.kind for request in store.requests(before.id)] == [RequestKind.RELEASE]
    shown = invoke("status", "Exp1").stdout
    assert "RELEASE  somebody asked to stop watching this run; the next tick obeys" in shown
    assert json.loads(invoke("status", "Exp1", "--json").stdout)["wishes"] == ["release"]


def test_another_driver_that_was_quicker(
    invoke: Invoke, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = add(run(State.RUNNING))
    report = TickReport(run=replace(over, state=State.EXPORTED, outcome=Outcome.RELEASED))
    monkeypatch.setattr(App, "tick", lambda app, name: report)
    result = invoke("release", "Exp1", "--yes")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == (
        "The release is obeyed: nobody watches Exp1 any more. What it had in AWS was left as it "
        "was: machines may run and be billed."
    )


def test_one_that_has_ended(invoke: Invoke, add: Add, store: SqliteStore) -> None:
    before = add(run(State.EXPORTED, outcome=Outcome.COMPLETED))
    result = invoke("release", "Exp1", "--yes")
    assert result.exit_code == 0
    assert "has already ended: completed" in result.stdout
    assert store.requests(before.id) == []
