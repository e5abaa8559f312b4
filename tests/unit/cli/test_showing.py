"""status, list and history: from the store alone."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result

from dcp_engine.model import (
    Cheapest,
    Ended,
    Fleet,
    Outcome,
    Problem,
    Run,
    State,
    Step,
)
from dcp_engine.store.sqlite import SqliteStore
from tests.unit.cli.conftest import Knocks
from tests.unit.runs import FLEET_ID, START, fleet, reading, run

Invoke = Callable[..., Result]
Add = Callable[..., Run]

NOBODY = 65534
DAY = timedelta(days=1)


def busy() -> Run:
    return run(
        State.TEARDOWN,
        reading=reading(3, 2, 1, at=60),
        dead_letters=4,
        cheapest=Cheapest(engaged_at=START),
        next_tick_at=START + timedelta(minutes=5),
        problems=(
            Problem(name="step-queue", since=START, text="The queue cannot be deleted: denied."),
        ),
        steps=(
            Step(name="cluster", ended=Ended.KEPT, reason="it is everybody's", attempts=1),
            Step(name="queue", attempts=2, failures=2, last_error="denied"),
        ),
    )


def over(**changes: object) -> Run:
    facts = {"outcome": Outcome.COMPLETED, "machines_ended_at": START, **changes}
    return run(State.EXPORTED, **facts)


def test_status_in_full(invoke: Invoke, add: Add, aws: Knocks) -> None:
    add(busy())
    result = invoke("status", "Exp1")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Exp1  TEARDOWN since 2030-01-01 12:00:00 UTC")
    assert lines[1].startswith("  PROBLEM  The queue cannot be deleted: denied.")
    text = result.stdout
    assert "3 waiting, 2 in flight, 1 delayed at 2030-01-01 12:01:00 UTC" in text
    assert f"{FLEET_ID} active, 3 machines up (capacity requested: 3)" in text
    assert "kept: it is everybody's" in text
    assert "not finished, tried 2 times; last error: denied" in text
    assert "2030-01-01 12:05:00 UTC" in text
    assert "none at this moment" in text
    assert aws.count == 0


def test_status_as_json(invoke: Invoke, add: Add) -> None:
    add(busy())
    found = json.loads(invoke("status", "Exp1", "--json").stdout)
    wanted = {
        "run_id": "Exp1-0123abcd",
        "app_name": "Exp1",
        "state": "TEARDOWN",
        "state_since": "2030-01-01T12:00:00Z",
        "registered_at": "2030-01-01T12:00:00Z",
        "account": "123456789012",
        "region": "us-east-1",
        "cheapest": True,
        "outcome": None,
        "dead_letters": 4,
        "driver": None,
        "next_tick_at": "2030-01-01T12:05:00Z",
        "queue": {
            "visible": 3,
            "in_flight": 2,
            "delayed": 1,
            "observed_at": "2030-01-01T12:01:00Z",
        },
    }
    assert {key: found[key] for key in wanted} == wanted
    assert found["fleets"] == [
        {"id": FLEET_ID, "state": "active", "target": 3, "fulfilled": 3.0, "active": 3}
    ]
    assert found["steps"][1] == {
        "name": "queue",
        "ended": None,
        "reason": None,
        "attempts": 2,
        "last_error": "denied",
    }
    assert found["problems"][0]["name"] == "step-queue"


def test_status_names_the_driver(
    invoke: Invoke, add: Add, driven_elsewhere: Callable[[Run], None]
) -> None:
    driven_elsewhere(add(run(State.RUNNING)))
    assert "dcp-engine monitor (process 17 on laptop)" in invoke("status", "Exp1").stdout


def test_a_run_that_nobody_knows_anything_of_yet(invoke: Invoke, add: Add) -> None:
    add(run(fleets=(Fleet(id=FLEET_ID, added_at=START, start_time=START),)))
    text = invoke("status", "Exp1").stdout
    assert "not counted yet" in text
    assert "machines not known yet" in text
    assert "never looked at yet" in text


def test_an_ended_run_shows_no_machines(invoke: Invoke, add: Add) -> None:
    add(over(outcome=Outcome.COMPLETED_WITH_DEAD_LETTERS, dead_letters=2))
    text = invoke("status", "Exp1").stdout
    assert text.startswith("Exp1  EXPORTED: completed with 2 dead letters, since 2030")
    assert "cancelled, 0 machines up" in text
    assert json.loads(invoke("status", "Exp1", "--json").stdout)["fleets"][0]["active"] == 0


def test_status_of_all_live_runs(invoke: Invoke, add: Add) -> None:
    add(run(State.RUNNING, reading=reading(5, at=1), fleets=(fleet(), fleet(id="sfr-2"))))
    add(over(id="Exp1-old"))
    result = invoke("status")
    head, row = result.stdout.splitlines()
    assert head.split() == ["RUN", "STATE", "FOR", "LEFT", "DONE", "MACHINES", "ENDS"]
    assert row.split()[:2] == ["Exp1", "RUNNING"]
    assert row.split()[-6:] == ["5", "-", "6", "of", "6", "-"]
    assert [one["run_id"] for one in json.loads(invoke("status", "--json").stdout)] == [
        "Exp1-0123abcd"
    ]


def test_a_released_run(invoke: Invoke, add: Add) -> None:
    add(run(State.EXPORTED, outcome=Outcome.RELEASED))
    text = invoke("status", "Exp1").stdout
    assert text.startswith("Exp1  EXPORTED: released, since 2030")
    assert "Nobody watches it any more" in text
    assert "machines may run and be billed" in text
    assert f"{FLEET_ID} active, 3 machines up" in text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (None, "not seen yet, machines not known yet"),
        ("modifying", "active, its capacity is being changed, 1 machine up"),
        ("cancelled_running", "cancelled, but its machines run on; no new ones come, 1 machine up"),
        ("cancelled_terminating", "cancelled, its machines are being ended, 1 machine up"),
        ("gone", "ended so long ago that AWS has forgotten it, 1 machine up"),
        ("something_new", "something_new, 1 machine up"),
    ],
)
def test_a_fleet_in_words(invoke: Invoke, add: Add, state: str | None, words: str) -> None:
    add(run(State.RUNNING, fleets=(fleet(state=state, active=1 if state else None),)))
    assert f"{FLEET_ID} {words}" in invoke("status", "Exp1").stdout


def test_a_problem_that_was_told_again(invoke: Invoke, add: Add) -> None:
    told = Problem(name="no-capacity", since=START, text="Nobody works.", told_at=START + DAY)
    add(run(State.RUNNING, problems=(told,)))
    text = invoke("status", "Exp1").stdout
    assert "Nobody works. [no-capacity, since 2030-01-01 12:00:00 UTC" in text
    assert ", told again 2030-01-02 12:00:00 UTC" in text


def test_a_name_that_means_several(invoke: Invoke, add: Add) -> None:
    add(run(State.RUNNING))
    add(run(State.RUNNING, id="Exp1-west", region="us-west-2"))
    result = invoke("status", "Exp1")
    assert result.exit_code == 2
    assert "Give the run id of the one you mean, in place of the name" in result.stderr
    assert "Exp1-west in account 123456789012, us-west-2" in result.stderr
    assert invoke("status", "Exp1-west").stdout.startswith("Exp1  RUNNING")


def test_a_name_of_ended_runs_means_the_newest(invoke: Invoke, add: Add) -> None:
    add(over(id="Exp1-last", registered_at=START - DAY))
    alone = invoke("status", "Exp1").stdout
    assert "No live run is named Exp1; this is the one that has ended." in alone
    add(over(id="Exp1-this", outcome=Outcome.ABORTED))
    text = invoke("status", "Exp1").stdout
    assert "No live run is named Exp1; this is the newest of 2 that have ended." in text
    assert "Exp1-this, account 123456789012" in text
    assert "No live run" not in invoke("status", "Exp1-last").stdout
    add(run(State.RUNNING))
    assert "No live run" not in invoke("status", "Exp1").stdout


@pytest.mark.parametrize("command", ["status", "list"])
def test_no_database(invoke: Invoke, database: Path, command: str) -> None:
    result = invoke(command)
    assert result.exit_code == 0
    assert "There are no live runs" in result.output
    assert json.loads(invoke(command, "--json").stdout) == []
    assert not database.parent.exists()


@pytest.mark.parametrize("command", ["status", "list"])
def test_a_broken_database(invoke: Invoke, database: Path, command: str) -> None:
    database.parent.mkdir()
    database.write_bytes(b"no database at all, " * 400)
    result = invoke(command)
    assert result.exit_code == 4
    assert result.stderr.startswith(f"dcp-engine: The database {database} is damaged")


@pytest.fixture
def as_nobody(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that may only be read; for root permissions mean nothing, so not as root."""
    folder = Path(tempfile.mkdtemp())
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    was_root = os.geteuid() == 0
    yield folder
    if was_root:
        os.seteuid(0)
    folder.chmod(0o700)
    shutil.rmtree(folder)


def test_a_database_that_may_only_be_read(
    invoke: Invoke, add: Add, store: SqliteStore, database: Path, as_nobody: Path
) -> None:
    add(run(State.RUNNING))
    store.close()
    copy = Path(shutil.copy(database, as_nobody / "runs.db"))
    copy.chmod(0o444)
    as_nobody.chmod(0o555)
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
    result = invoke("status", "--db", str(copy))
    listed = invoke("list", "--db", str(copy))
    aborted = invoke("abort", "Exp1", "--yes", "--db", str(copy))
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1].startswith("Exp1  RUNNING")
    assert "Exp1" in listed.stdout
    assert aborted.exit_code == 3
    assert "cannot be written: it is read-only here" in aborted.stderr


def test_the_table_is_for_pipes(invoke: Invoke, add: Add) -> None:
    letter = Outcome.COMPLETED_WITH_DEAD_LETTERS
    add(over(id="Exp1-old", reading=reading(at=1), outcome=letter, dead_letters=1))
    add(run(State.RUNNING, reading=reading(5, 2, at=1)))
    head, row = (line.split() for line in invoke("list").stdout.splitlines())
    assert dict(zip(head, row, strict=True)) == {
        "APP_NAME": "Exp1",
        "STATE": "RUNNING",
        "SINCE": "2030-01-01T12:00",
        "WAITING": "5",
        "IN_FLIGHT": "2",
        "DELAYED": "0",
        "MACHINES": "3",
        "PROBLEMS": "0",
        "UNWATCHED": "-",
        "RUN": "Exp1-0123abcd",
        "REGION": "us-east-1",
        "OUTCOME": "-",
    }
    everything = invoke("list", "--all").stdout.splitlines()
    assert [line.split()[1] for line in everything] == ["STATE", "RUNNING", "EXPORTED"]
    assert everything[2].endswith("us-east-1  completed with 1 dead letter")
    assert len(json.loads(invoke("list", "--all", "--json").stdout)) == 2
