"""`status --watch`: following from the store alone, here where standard output is no terminal."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import Result
from msgspec.structs import replace

from dcp_engine.cli.detach import Detach
from dcp_engine.model import Event, Outcome, Problem, Run, State
from dcp_engine.store.protocol import Commit
from dcp_engine.store.sqlite import SqliteStore
from tests.unit.cli.conftest import ELSEWHERE, Knocks
from tests.unit.runs import START, reading, run

Invoke = Callable[..., Result]
Add = Callable[..., Run]
Act = Callable[[], None]
Meanwhile = Callable[..., list[float]]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """What happens in the pauses, one after the other; in the next one Ctrl-C is pressed."""

    def happens(*acts: Act) -> list[float]:
        left, pauses = list(acts), []

        def wait(self: Detach, timeout: float) -> bool:
            pauses.append(timeout)
            if not left:
                return True
            left.pop(0)()
            return False

        monkeypatch.setattr(Detach, "wait", wait)
        return pauses

    return happens


@pytest.fixture
def drive(store: SqliteStore) -> Callable[..., None]:
    """Have another process write down how the run goes on."""

    def driven(run: Run, *events: Event) -> None:
        now = datetime.now(UTC)
        lease = store.acquire(run.id, ELSEWHERE, timedelta(hours=1), now, lambda _: False)
        store.commit(lease, Commit(run=run, events=events))
        store.release(lease)

    return driven


def event(id_: str, kind: str, text: str, **data: object) -> Event:
    return Event(id=id_, run_id="Exp1-0123abcd", at=START, kind=kind, text=text, data=data)


def test_one_run_to_its_end(
    invoke: Invoke, add: Add, drive: Callable[..., None], meanwhile: Meanwhile, aws: Knocks
) -> None:
    held = add(run(State.RUNNING, reading=reading(5, at=1)), event("1", "old", "Told before."))
    counted = replace(held, reading=reading(3, 1, at=2))
    ended = replace(counted, state=State.EXPORTED, outcome=Outcome.COMPLETED)
    pauses = meanwhile(
        lambda: drive(counted),
        lambda: None,
        lambda: drive(counted, event("2", "alarms", "Deleting 2 alarms.")),
        lambda: drive(ended, event("3", "state", "RUNNING → EXPORTED: over.", to="EXPORTED")),
    )
    result = invoke("status", "Exp1", "--watch", "--every", "500ms")
    assert result.exit_code == 0
    first, *_ = result.stdout.splitlines()
    assert first.startswith("Exp1  RUNNING since")
    happened = re.findall(r"^\d\d:\d\d:\d\d  (\S+) +(.+)$", result.stdout, re.MULTILINE)
    assert happened == [
        ("jobs", "3 waiting, 1 in flight, 0 delayed; 3 machines up (capacity requested: 3)"),
        ("alarms", "Deleting 2 alarms."),
        ("EXPORTED", "RUNNING → EXPORTED: over."),
    ]
    assert "Exp1 has ended: completed" in result.stdout
    assert pauses == [0.5] * 4
    assert aws.count == 0


def test_ctrl_c_leaves(invoke: Invoke, add: Add, meanwhile: Meanwhile, store: SqliteStore) -> None:
    held = add(run(State.RUNNING))
    assert meanwhile() == []
    result = invoke("status", "Exp1", "--watch")
    assert result.exit_code == 0
    assert "has ended" not in result.stdout
    assert store.run(held.id) == held


def test_a_run_that_has_ended_is_not_waited_for(
    invoke: Invoke, add: Add, meanwhile: Meanwhile
) -> None:
    add(run(State.EXPORTED, outcome=Outcome.ABORTED))
    pauses = meanwhile(lambda: None)
    result = invoke("status", "Exp1", "--watch")
    assert result.exit_code == 0
    assert result.stdout.startswith("Exp1  EXPORTED: aborted")
    assert pauses == []


def test_all_runs_are_shown_again_when_something_has_changed(
    invoke: Invoke, add: Add, drive: Callable[..., None], meanwhile: Meanwhile
) -> None:
    held = add(run(State.RUNNING, reading=reading(5, at=1)))
    wrong = Problem(name="stalled", since=START, text="Nothing happens.")
    meanwhile(
        lambda: None,
        lambda: drive(replace(held, last_tick_at=START)),
        lambda: drive(replace(held, problems=(wrong,))),
        lambda: drive(replace(held, state=State.EXPORTED, outcome=Outcome.COMPLETED)),
    )
    result = invoke("status", "--watch")
    assert result.exit_code == 0
    told = result.stdout.split("\n\n")
    assert len(told) == 4
    assert "Exp1  RUNNING" in told[0]
    assert "PROBLEM  Nothing happens. [stalled, since 2030-01-01 12:00]" in told[1]
    assert told[2].splitlines()[1:] == ["There are no live runs."]
    assert not told[3]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--watch", "--json"], "do not go together"),
        (["--watch", "--every", "5"], "has no unit"),
        (["--watch", "--every", "1ms"], "not between 200ms and 1d"),
        (["--watch", "--every", "2d"], "not between 200ms and 1d"),
    ],
)
def test_what_cannot_be_asked_for(
    invoke: Invoke, add: Add, meanwhile: Meanwhile, args: list[str], words: str
) -> None:
    add(run(State.RUNNING))
    pauses = meanwhile()
    result = invoke("status", "Exp1", *args)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())
    assert pauses == []


def test_a_run_that_there_is_not(invoke: Invoke) -> None:
    assert invoke("status", "Exp9", "--watch").exit_code == 2
