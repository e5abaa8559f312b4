"""abort: what is lost is said, a person consents, and then it is recorded and obeyed."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result

from dcp_engine.cli import abort as module
from dcp_engine.model import Outcome, RequestKind, Run, State
from dcp_engine.store.sqlite import SqliteStore
from tests.unit.cli.conftest import Knocks
from tests.unit.runs import run

Invoke = Callable[..., Result]
Add = Callable[..., Run]


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits at the terminal."""
    monkeypatch.setattr(module, "_person_there", lambda: True)


def test_nobody_is_there_to_be_asked(
    invoke: Invoke, add: Add, store: SqliteStore, aws: Knocks
) -> None:
    before = add(run(State.RUNNING))
    result = invoke("abort", "Exp1")
    assert result.exit_code == 2
    assert "Add --yes" in result.stderr
    assert store.run(before.id) == before
    assert store.requests(before.id) == []
    assert aws.count == 0


@pytest.mark.usefixtures("person")
@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_no(invoke: Invoke, add: Add, store: SqliteStore, answer: str) -> None:
    before = add(run(State.RUNNING))
    result = invoke("abort", "Exp1", text=answer)
    assert result.exit_code == 0
    assert "could not be counted" in result.stdout
    assert "the queue Exp1Queue is deleted" in result.stdout
    assert "Nothing was changed." in result.stdout
    assert store.run(before.id) == before
    assert store.requests(before.id) == []


@pytest.mark.usefixtures("person")
def test_no_answer_at_all(invoke: Invoke, add: Add, store: SqliteStore) -> None:
    before = add(run(State.RUNNING))
    result = invoke("abort", "Exp1", text="")
    assert result.exit_code == 130
    assert store.requests(before.id) == []


@pytest.mark.usefixtures("person")
def test_yes_is_obeyed_at_once(invoke: Invoke, add: Add, store: SqliteStore) -> None:
    before = add(run(State.RUNNING))
    result = invoke("abort", "Exp1", text="y\n")
    after = store.run(before.id)
    assert after.state is State.TEARDOWN
    assert after.outcome is Outcome.ABORTED
    # AWS does not answer here: the run says so, and so does the exit code.
    assert result.exit_code == 3
    assert "RUNNING → TEARDOWN" in result.stdout
    assert "dcp-engine resume Exp1" in result.stdout


def test_another_driver_obeys(
    invoke: Invoke,
    add: Add,
    store: SqliteStore,
    driven_elsewhere: Callable[[Run], None],
) -> None:
    before = add(run(State.RUNNING))
    driven_elsewhere(before)
    result = invoke("abort", "Exp1", "--yes")
    assert result.exit_code == 0
    assert "process 17 on laptop) drives the run and obeys at its next step" in result.stdout
    assert store.run(before.id) == before
    assert [request.kind for request in store.requests(before.id)] == [RequestKind.ABORT]
    assert json.loads(invoke("status", "Exp1", "--json").stdout)["abort_requested"] is True
    assert "an abort was asked for" in invoke("status", "Exp1").stdout


def test_one_that_has_ended(invoke: Invoke, add: Add, store: SqliteStore, aws: Knocks) -> None:
    before = add(run(State.EXPORTED, outcome=Outcome.COMPLETED))
    result = invoke("abort", "Exp1", "--yes")
    assert result.exit_code == 0
    assert "has already ended: completed" in result.stdout
    assert store.requests(before.id) == []
    assert aws.count == 0
