"""abort: what is lost is said, a person consents, and then it is recorded and obeyed."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from click.testing import Result

from dcp_engine.app import App
from dcp_engine.at_stake import AtStake
from dcp_engine.cli import wish
from dcp_engine.model import (
    Ended,
    Identities,
    Outcome,
    RequestKind,
    Run,
    State,
    Step,
)
from dcp_engine.store.sqlite import SqliteStore
from tests.unit.cli.conftest import Knocks
from tests.unit.runs import START, run

Invoke = Callable[..., Result]
Add = Callable[..., Run]


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits at the terminal."""
    monkeypatch.setattr(wish, "_person_there", lambda: True)


def test_nobody_is_there_to_be_asked(
    invoke: Invoke, add: Add, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = add(run(State.RUNNING))
    monkeypatch.setattr(App, "at_stake", lambda app, name: AtStake(jobs=295))
    result = invoke("abort", "Exp1")
    assert result.exit_code == 2
    assert "295 jobs waiting or in flight will be lost" in result.stdout
    assert result.stderr == (
        "dcp-engine: Nobody is here to be asked, so nothing was done. Add --yes when you are "
        "sure.\n"
    )
    assert store.run(before.id) == before
    assert store.requests(before.id) == []


@pytest.mark.usefixtures("person")
@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_no(invoke: Invoke, add: Add, store: SqliteStore, answer: str) -> None:
    before = add(run(State.RUNNING))
    result = invoke("abort", "Exp1", text=answer)
    assert result.exit_code == 0
    assert "could not be counted" in result.stdout
    assert "The queue Exp1Queue is deleted" in result.stdout
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


COUNTED = [
    (None, False, "The jobs in it could not be counted"),
    (0, False, "no job is waiting or in flight"),
    (1, False, "and 1 job waiting or in flight will be lost"),
    (2, False, "and 2 jobs waiting or in flight will be lost"),
    (None, True, "stays, with the jobs that are in it (they could not be counted)"),
    (0, True, "stays, with no job in it. Jobs"),
    (1, True, "stays, with the 1 job in it, each until 4 days after it was sent"),
    (2, True, "stays, with the 2 jobs in it, each until 4 days after it was sent"),
]


@pytest.mark.usefixtures("person")
@pytest.mark.parametrize(("jobs", "keep", "words"), COUNTED)
def test_what_becomes_of_the_jobs_is_said_first(
    invoke: Invoke,
    add: Add,
    monkeypatch: pytest.MonkeyPatch,
    jobs: int | None,
    keep: bool,
    words: str,
) -> None:
    keeps = Identities(queue_created_at=START, queue_retention=timedelta(days=4))
    add(run(State.RUNNING, identities=keeps))
    monkeypatch.setattr(App, "at_stake", lambda app, name: AtStake(jobs=jobs))
    text = invoke("abort", "Exp1", *(["--keep-queue"] if keep else []), text="n\n").stdout
    assert words in text
    assert "machines are stopped, working or not" in text
    assert ("is deleted" in text) is not keep


def test_the_queue_is_kept_by_whoever_drives(
    invoke: Invoke, add: Add, store: SqliteStore, driven_elsewhere: Callable[[Run], None]
) -> None:
    before = add(run(State.RUNNING))
    driven_elsewhere(before)
    invoke("abort", "Exp1", "--keep-queue", "--yes")
    [request] = store.requests(before.id)
    assert request.data["keep_queue"] is True
    shown = invoke("status", "Exp1").stdout
    assert "an abort was asked for, the queue to be kept; the next tick obeys" in shown
    assert json.loads(invoke("status", "Exp1", "--json").stdout)["keep_queue"] is True


def test_keeping_the_queue_is_remembered(invoke: Invoke, add: Add, store: SqliteStore) -> None:
    before = add(run(State.RUNNING))
    invoke("abort", "Exp1", "--keep-queue", "--yes")
    assert store.run(before.id).keep_queue
    assert "stays, with the jobs in it: a person asked for that" in invoke("status", "Exp1").stdout
    again = invoke("abort", "Exp1", "--yes")
    assert "The queue Exp1Queue stays" in again.stdout
    assert store.run(before.id).keep_queue


@pytest.mark.usefixtures("person")
@pytest.mark.parametrize(
    ("ended", "flags", "words"),
    [
        (Ended.DONE, ["--keep-queue"], "of this run has been deleted and cannot be kept any more"),
        (Ended.DONE, [], "of this run has been deleted already; no job is lost by this"),
        (Ended.KEPT, [], "The queue Exp1Queue stays: jobs came late."),
    ],
)
def test_a_queue_that_the_teardown_is_done_with_loses_no_job(
    invoke: Invoke, add: Add, aws: Knocks, ended: Ended, flags: list[str], words: str
) -> None:
    """Whatever bears its name by then."""
    reason = "jobs came late" if ended is Ended.KEPT else None
    add(run(State.TEARDOWN, steps=(Step(name="queue", ended=ended, reason=reason),)))
    text = invoke("abort", "Exp1", *flags, text="n\n").stdout
    assert words in text
    assert "will be lost" not in text
    assert aws.count == 0


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
