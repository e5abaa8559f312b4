"""A database of an older version, and processes killed while they bring it up to date."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dcp_engine.model import Event, Holder, Machine, Request, RequestKind, State
from dcp_engine.simulation.launch import launch_run
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from dcp_engine.store.protocol import Commit
from dcp_engine.store.sqlite import SqliteStore
from tests.engine.rig import Rig, leftovers
from tests.reliability.store_drivers import Driver, drive_on
from tests.reliability.store_trouble import as_of_the_first_version, contents
from tests.unit.runs import run

NOW = datetime(2030, 1, 1, tzinfo=UTC)
RUN = run(State.TEARDOWN)
HOLDER = Holder(host="laptop/1", pid=17, started=1.0, label="monitor")

MIGRATE = """
import os, signal, sys
from dcp_engine.store import connection, migrations
from dcp_engine.cli import main

def costs(db):
    # More than the cache holds, so that some of it is in the file before it is committed.
    db.execute("PRAGMA cache_size=5")
    db.execute("CREATE TABLE costs (cost BLOB)")
    db.execute("UPDATE runs SET body = 'gone', live = 0")
    for _ in range(300):
        db.execute("INSERT INTO costs VALUES (zeroblob(3000))")
    if {die!r} == "in the middle":
        os.kill(os.getpid(), signal.SIGKILL)

migrate = connection._migrate
def and_die(db, path):
    migrate(db, path)
    os.kill(os.getpid(), signal.SIGKILL)

if {die!r} == "in the middle":
    migrations._CHANGES = (*migrations._CHANGES, costs)
else:
    connection._migrate = and_die
sys.argv = ["dcp-engine", *sys.argv[1:]]
main()
"""
"""The command, killed while or right after it brings the database up to date."""


@pytest.fixture(params=["wal", "delete"])
def older(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A first version's database with something of everything in it, by either kind of journal."""
    path = tmp_path / "state" / "runs.db"
    with closing(SqliteStore.open(path)) as store:
        store.insert_run(RUN, [], [])
        lease = store.acquire(RUN.id, HOLDER, timedelta(minutes=5), NOW, lambda _: False)
        event = Event(id="e1", run_id=RUN.id, at=NOW, kind="note", text="about to cancel")
        machine = Machine(instance_id="i-1", fleet_id="sfr-1", first_seen=NOW)
        store.commit(
            lease, Commit(run=RUN, events=[event], machines=[machine], notifiers=["slack"])
        )
        store.add_request(Request(id="q", run_id=RUN.id, kind=RequestKind.RELEASE, at=NOW))
    as_of_the_first_version(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA journal_mode={request.param}")
    return path


@pytest.fixture(params=[True, False], ids=["to read", "to write"])
def opened(request: pytest.FixtureRequest, older: Path) -> Iterator[None]:
    """Afterwards the file is opened, has everything and is up to date."""
    yield
    with closing(SqliteStore.open(older, read_only=request.param)) as store:
        assert store.run(RUN.id) == RUN
        assert [event.id for event in store.events(RUN.id)] == ["e1"]
        assert [machine.instance_id for machine in store.machines(RUN.id)] == ["i-1"]
        assert [asked.id for asked in store.requests(RUN.id)] == ["q"]
        assert [delivery.notifier for delivery in store.due(RUN.id, NOW)] == ["slack"]
        lease = store.lease(RUN.id, NOW)
        assert lease is not None
        assert (lease.token, lease.holder) == (1, HOLDER)
        identity = store.identity()
    with closing(SqliteStore.open(older)) as store:
        assert store.identity() == identity


def killed(path: Path, die: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", MIGRATE.format(die=die), "tick", "--all", "--db", str(path)],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


@pytest.mark.usefixtures("opened")
def test_an_older_file_loses_nothing(older: Path) -> None:
    with closing(sqlite3.connect(older)) as db:
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
    assert "store" not in tables


@pytest.mark.usefixtures("opened")
def test_killed_in_the_middle(older: Path) -> None:
    before = contents(older.parent)
    killed(older, "in the middle")
    # Something had been written, so there is something to undo.
    assert contents(older.parent) != before


@pytest.mark.usefixtures("opened")
def test_killed_right_after(older: Path) -> None:
    killed(older, "right after")


def test_a_run_goes_on_with_a_database_of_the_first_version(
    aws: SimulatedAws, rig: Rig, clock: VirtualClock, tmp_path: Path
) -> None:
    launch = launch_run(aws, "Exp1", jobs=2, machines=1, directory=tmp_path)
    run = rig.register(launch).run
    rig.store.close()
    as_of_the_first_version(rig.database)
    driver = Driver(rig.database, clock, 100)
    ended = drive_on(clock, run, lambda: driver)
    driver.close()
    assert ended.state is State.EXPORTED
    own, _ = rig.split(launch)
    assert leftovers(own) == {}
