"""Driving in the foreground, where AWS does not answer: lines, leaving, taking over."""

import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partialmethod
from pathlib import Path

import pytest
from click.testing import Result

from dcp_engine.app import App
from dcp_engine.cli.lines import Lines
from dcp_engine.cli.terminal import Terminal
from dcp_engine.defaults import Settings
from dcp_engine.engine import TickReport
from dcp_engine.errors import StoreUnwritable, Transient
from dcp_engine.model import (
    Ended,
    Event,
    Outcome,
    Problem,
    Request,
    RequestKind,
    Run,
    State,
    Step,
)
from dcp_engine.process import this_process
from dcp_engine.register import Registered
from dcp_engine.simulation.virtual_clock import VirtualClock
from dcp_engine.store.sqlite import SqliteStore
from tests.unit.cli.conftest import ELSEWHERE
from tests.unit.runs import START, fleet, reading, run

Invoke = Callable[..., Result]
Add = Callable[..., Run]
Start = Callable[..., subprocess.Popen[str]]
Failed = Callable[[StoreUnwritable | None], None]


def read_until(process: subprocess.Popen[str], word: str) -> str:
    """Its output up to the line with the word; fails when it ends before."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if word in line:
            return "".join(lines)
    raise AssertionError(f"no {word!r} in {lines} {process.communicate()}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_leaving(start: Start, add: Add, store: SqliteStore, number: signal.Signals) -> None:
    before = add(run(State.RUNNING))
    process = start("resume", "Exp1")
    said = read_until(process, "The account could not be checked")
    assert "Going on with Exp1 (run Exp1-0123abcd), RUNNING" in said
    assert "crontab -e" in said
    assert "tick Exp1" in said
    process.send_signal(number)
    _, errors = process.communicate()
    assert process.returncode == 3
    last = errors.strip().splitlines()[-1]
    assert "Nothing is lost" in last
    assert "unwatched" in last
    assert "dcp-engine resume Exp1" in last
    assert "Traceback" not in errors
    assert store.lease(before.id, datetime.now(UTC)) is None


def test_who_leaves_need_not_wait_for_calls_that_fail_again_and_again(
    invoke: Invoke, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = add(run(State.RUNNING))
    soon: list[bool] = []

    def drive(app: App, run_id: str, **_: object) -> Run:
        """A tick in the middle of which the person leaves."""
        app.hurry()
        assert "_cloud" not in app.__dict__
        made: object = app._cloud
        signal.raise_signal(signal.SIGTERM)
        soon.append(made.__dict__["_hurried"])
        return held

    monkeypatch.setattr(App, "drive", drive)
    invoke("resume", "Exp1")
    assert soon == [True]


def test_leaving_by_a_pipe_that_closes(start: Start, add: Add) -> None:
    add(run(State.RUNNING))
    process = start("resume", "Exp1")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    errors = process.stderr.read()
    assert process.wait() == 3
    assert "Detached. Nothing is lost" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("command", ["resume", "monitor"])
def test_what_is_wrong_already_is_said_and_an_old_count_is_not(
    invoke: Invoke, add: Add, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    expired = Problem(name="credentials", since=START, text="Somebody must log in.")
    held = add(run(State.RUNNING, reading=reading(295, at=1), problems=(expired,)))

    def drive(app: App, run_id: str, *, look: Callable[[Run], None], **_: object) -> Run:
        """One tick in which nothing can be counted."""
        look(held)
        return held

    def register(app: App, path: Path, **_: object) -> Registered:
        return Registered(run=held, new=False)

    monkeypatch.setattr(App, "drive", drive)
    monkeypatch.setattr(App, "register", register)
    text = invoke(command, "Exp1").stdout
    assert "  PROBLEM  Somebody must log in. [credentials, since 2030-01-01" in text
    assert "295 waiting" not in text


def test_following_another_driver(
    start: Start, add: Add, store: SqliteStore, driven_elsewhere: Callable[[Run], None]
) -> None:
    driven_elsewhere(add(run(State.RUNNING)))
    process = start("resume", "Exp1")
    assert process.stderr is not None
    line = process.stderr.readline()
    assert str(ELSEWHERE) in line
    assert "follows along and takes over" in line
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 0
    assert f"{ELSEWHERE} drives Exp1" in errors
    lease = store.lease("Exp1-0123abcd", datetime.now(UTC))
    assert lease is not None
    assert lease.holder == ELSEWHERE


def test_who_drives_is_said_once(
    add: Add, store: SqliteStore, database: Path, driven_elsewhere: Callable[[Run], None]
) -> None:
    held = add(run(State.RUNNING))
    driven_elsewhere(held)
    warnings: list[str] = []
    told: list[Event] = []

    class After:
        """Stops after some rounds, in each of which the other driver renews its lease."""

        rounds = 0

        def wait(self, timeout: float) -> bool:
            self.rounds += 1
            driven_elsewhere(held)
            return self.rounds == 3

    app = App(database=database, settings=Settings())
    app.drive(held.id, stop=After(), tell=told.append, warn=warnings.append)
    app.close()
    assert len(warnings) == 1
    assert told == []


@pytest.mark.parametrize(
    "error", [StoreUnwritable("The disk is full."), Transient("sts:X", "Broken", "no answer")]
)
def test_trouble_is_said_once_and_waited_out(add: Add, database: Path, error: Exception) -> None:
    held = add(run(State.RUNNING))

    clock = VirtualClock()
    ticks: list[float] = []

    class Failing:
        def tick(self, run_id: str, *, keep_lease: bool) -> None:
            ticks.append(clock.monotonic())
            raise error

    class AfterThreeMinutes:
        def wait(self, timeout: float) -> bool:
            clock.advance(timeout)
            return clock.monotonic() > 179

    warnings: list[str] = []
    app = App(database=database, settings=Settings(), clock=clock)
    vars(app)["_engine"] = Failing()
    found = app.drive(held.id, stop=AfterThreeMinutes(), tell=print, warn=warnings.append)
    app.close()
    assert found == held
    assert warnings == [str(error)]
    assert ticks == [0.0, 60.0, 120.0]


def test_a_wish_ends_the_pause(add: Add, store: SqliteStore, database: Path) -> None:
    clock = VirtualClock()
    held = add(run(State.RUNNING, next_tick_at=clock.now() + timedelta(minutes=1)))
    ticks: list[float] = []

    class Idle:
        def tick(self, run_id: str, *, keep_lease: bool) -> TickReport:
            ticks.append(clock.monotonic())
            return TickReport(run=held)

    class Asking:
        def wait(self, timeout: float) -> bool:
            clock.advance(timeout)
            if clock.monotonic() == 5:
                store.add_request(
                    Request(id="1", run_id=held.id, kind=RequestKind.ABORT, at=clock.now())
                )
            return len(ticks) == 2

    app = App(database=database, settings=Settings(), clock=clock)
    vars(app)["_engine"] = Idle()
    app.drive(held.id, stop=Asking(), tell=print, warn=print)
    app.close()
    assert ticks == [0.0, 5.0]


def test_a_run_that_has_ended(invoke: Invoke, add: Add) -> None:
    add(
        run(
            State.EXPORTED,
            outcome=Outcome.COMPLETED_WITH_DEAD_LETTERS,
            dead_letters=2,
            machines_ended_at=START,
            steps=(
                Step(name="cluster", ended=Ended.KEPT, reason="in use: 2 services"),
                Step(name="queue", ended=Ended.DONE),
                Step(
                    name="logs",
                    ended=Ended.DONE,
                    reason="Exp1 is at s3://exp-bucket/exportedlogs/Exp1/0a1b/; there is no log "
                    "group Exp1_perInstance",
                ),
            ),
        )
    )
    result = invoke("resume", "Exp1")
    assert result.exit_code == 0
    text = result.stdout
    assert "has already ended" in text
    assert "completed with 2 dead letters" in text
    assert "kept      cluster: in use: 2 services" in text
    assert "\n  logs      Exp1 is at s3://exp-bucket/exportedlogs/Exp1/0a1b/\n" in text
    assert "\n            there is no log group Exp1_perInstance\n" in text
    assert "CloudWatch" not in text
    assert "queue:" not in text


@pytest.mark.parametrize(
    ("logs", "where"),
    [
        (
            Step(name="logs", ended=Ended.KEPT, reason="Exp1 and Exp1_perInstance: tape is full"),
            "kept: Exp1 and Exp1_perInstance: tape is full",
        ),
        (
            Step(name="logs", ended=Ended.WAIVED, reason="a person said so"),
            "waived: a person said so",
        ),
        (None, "What has not been exported"),
    ],
)
def test_logs_that_did_not_come_home_are_said_to_be_in_cloudwatch(
    invoke: Invoke, add: Add, logs: Step | None, where: str
) -> None:
    add(run(State.EXPORTED, outcome=Outcome.COMPLETED, steps=(logs,) if logs else ()))
    text = invoke("resume", "Exp1").stdout
    assert f"\n  logs      {where}" in text
    assert "CloudWatch Logs (Exp1 and Exp1_perInstance) until those groups expire" in text
    assert "s3://" not in text
    assert text.count("tape is full") <= 1


def test_logs_that_a_plugin_brought_elsewhere_are_where_it_says(invoke: Invoke, add: Add) -> None:
    step = Step(name="logs", ended=Ended.DONE, reason="Exp1 and Exp1_perInstance: on tape 7")
    add(run(State.EXPORTED, outcome=Outcome.COMPLETED, steps=(step,)))
    text = invoke("resume", "Exp1").stdout
    assert "\n  logs      Exp1 and Exp1_perInstance: on tape 7\n" in text
    assert "s3://" not in text


def test_a_released_run(invoke: Invoke, add: Add) -> None:
    add(run(State.EXPORTED, outcome=Outcome.RELEASED))
    text = invoke("resume", "Exp1").stdout
    assert "Exp1 has ended: released" in text
    assert "machines may run and be billed" in text
    assert "exportedlogs" not in text


def test_lines(capsys: pytest.CaptureFixture[str], database: Path) -> None:
    app = App(database=database, settings=Settings())
    lines = Lines(app, Terminal())
    moved = Event(
        id="1",
        run_id="r",
        at=START,
        kind="state",
        text="PENDING → RUNNING: jobs.",
        data={"to": "RUNNING"},
    )
    lines.tell(moved)
    for visible in (3, 3, 2):
        lines.look(run(State.RUNNING, reading=reading(visible, 1, at=1)))
    lines.look(run(State.TEARDOWN, reading=reading(9, at=1)))
    out = capsys.readouterr().out.splitlines()
    assert out[1].split(maxsplit=2) == [
        f"{START.astimezone():%H:%M:%S}",
        "RUNNING",
        "PENDING → RUNNING: jobs.",
    ]
    counts = [line.split(maxsplit=2)[2] for line in out[2:]]
    assert counts == [
        f"{n} waiting, 1 in flight, 0 delayed; 3 machines up (capacity requested: 3)"
        for n in (3, 2)
    ]


def test_an_old_count_is_no_news(capsys: pytest.CaptureFixture[str], database: Path) -> None:
    old = reading(295, at=1)
    lines = Lines(App(database=database, settings=Settings()), Terminal(), known=old)
    lines.look(run(State.RUNNING, reading=old))
    # Nobody could count, but one machine more is up.
    lines.look(run(State.RUNNING, reading=old, fleets=(fleet(active=4),)))
    assert capsys.readouterr().out == ""
    lines.look(run(State.RUNNING, reading=reading(295, at=61)))
    assert "295 waiting" in capsys.readouterr().out


def test_an_event_is_a_stop_too(add: Add, database: Path, store: SqliteStore) -> None:
    add(run(State.EXPORTED))
    app = App(database=database, settings=Settings())
    found = app.drive("Exp1-0123abcd", stop=threading.Event(), tell=print, warn=print)
    app.close()
    assert found.state is State.EXPORTED


def test_leaving_while_the_database_is_locked(
    start: Start, add: Add, store: SqliteStore, database: Path
) -> None:
    add(run(State.RUNNING))
    process = start("resume", "Exp1")
    read_until(process, "The account could not be checked")
    with closing(sqlite3.connect(database)) as browser:
        browser.execute("BEGIN IMMEDIATE")
        assert process.stderr is not None
        assert "kept locked by another program" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == 3
    assert "Nothing is lost" not in errors
    last = errors.strip().splitlines()[-1]
    assert "Detached, but the last look at Exp1 failed at the database" in last
    assert "kept locked by another program" in last
    assert "dcp-engine resume Exp1" in last


def test_only_the_last_look_counts(
    invoke: Invoke, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = add(run(State.RUNNING))

    def drive(app: App, run_id: str, *, failed: Failed, recovered: bool, **_: object) -> Run:
        failed(StoreUnwritable("The database is locked."))
        if recovered:
            failed(None)
        return held

    for recovered, code in ((True, 0), (False, 3)):
        monkeypatch.setattr(App, "drive", partialmethod(drive, recovered=recovered))
        result = invoke("resume", "Exp1")
        assert result.exit_code == code
        assert ("Nothing is lost:" in result.stderr) == recovered


def test_a_lease_that_could_not_be_given_back_is_no_driver(
    invoke: Invoke, add: Add, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = add(run(State.RUNNING))

    def drive(app: App, run_id: str, **_: object) -> Run:
        now, hour = datetime.now(UTC), timedelta(hours=1)
        store.acquire(run_id, this_process("dcp-engine resume"), hour, now, lambda _: False)
        return held

    monkeypatch.setattr(App, "drive", drive)
    assert "Exp1 goes on in AWS, but unwatched" in invoke("resume", "Exp1").stderr
