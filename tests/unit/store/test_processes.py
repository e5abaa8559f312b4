"""Real processes beside each other on one file, and ones that are killed."""

import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dcp_engine.model import Holder, Run
from dcp_engine.store.protocol import Commit
from dcp_engine.store.sqlite import SqliteStore

PRELUDE = """
import os, signal, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
import msgspec
from dcp_engine.errors import LeaseHeld
from dcp_engine.model import Event, Holder
from dcp_engine.store.protocol import Commit
from dcp_engine.store.sqlite import SqliteStore

path = Path(sys.argv[1])
now = datetime.fromisoformat(sys.argv[2])
me = Holder(host="here", pid=os.getpid(), started=1.0, label="monitor")
ttl = timedelta(minutes=5)

def wait_for_the_start():
    print("ready", flush=True)
    sys.stdin.readline()

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
"""

CONTEND = (
    PRELUDE
    + """
store = SqliteStore.open(path)
wait_for_the_start()
try:
    print("got", store.acquire("run-1", me, ttl, now, lambda _: False).token)
except LeaseHeld:
    print("held")
"""
)

OPEN_NEW = (
    PRELUDE
    + """
wait_for_the_start()
store = SqliteStore.open(path)
print(len(store.runs()))
"""
)

DIE_WHILE_WRITING = (
    PRELUDE
    + """
store = SqliteStore.open(path)
with store._connection.write() as db:
    db.execute("UPDATE leases SET token = 99")
    db.execute("UPDATE runs SET live = 0, body = 'gone'")
    die()
"""
)

DIE_AFTER_COMMIT = (
    PRELUDE
    + """
store = SqliteStore.open(path)
lease = store.acquire("run-1", me, ttl, now, lambda _: False)
event = Event(id="e1", run_id="run-1", at=now, kind="intent", text="about to cancel")
run = msgspec.structs.replace(store.run("run-1"), first_cancel_at=now)
store.commit(lease, Commit(run=run, events=[event], notifiers=["slack"]))
die()
"""
)


def side_by_side(script: str, count: int, *arguments: str) -> list[str]:
    """What each of `count` processes printed, when all were let go at the same moment."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0] * count
    return said


def run_killed(script: str, *arguments: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, timeout=60, check=False
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


def test_of_many_processes_one_gets_the_lease(
    store: SqliteStore, make_run: Callable[..., Run], path: Path, now: datetime
) -> None:
    store.insert_run(make_run(), [], [])

    said = side_by_side(CONTEND, 6, str(path), now.isoformat())

    assert sorted(said) == ["got 1"] + ["held"] * 5


def test_many_processes_can_make_the_file_at_the_same_moment(
    open_store: Callable[..., SqliteStore], make_run: Callable[..., Run], path: Path, now: datetime
) -> None:
    said = side_by_side(OPEN_NEW, 6, str(path), now.isoformat())

    assert said == ["0"] * 6
    store = open_store()
    store.insert_run(make_run(), [], [])
    assert len(store.runs()) == 1


@pytest.mark.parametrize("read_only", [False, True])
def test_a_process_killed_while_writing_leaves_all_as_it_was(
    open_store: Callable[..., SqliteStore],
    make_run: Callable[..., Run],
    holder: Holder,
    path: Path,
    now: datetime,
    read_only: bool,
) -> None:
    before = open_store()
    before.insert_run(make_run(), [], [])
    lease = before.acquire("run-1", holder, timedelta(minutes=5), now, lambda _: False)
    before.close()

    run_killed(DIE_WHILE_WRITING, str(path), now.isoformat())

    after = open_store(read_only=read_only)
    assert after.run("run-1") == make_run()
    assert after.lease("run-1", now) == lease


@pytest.mark.parametrize("read_only", [False, True])
def test_what_a_killed_process_had_committed_is_there(
    open_store: Callable[..., SqliteStore],
    make_run: Callable[..., Run],
    path: Path,
    now: datetime,
    read_only: bool,
) -> None:
    before = open_store()
    before.insert_run(make_run(), [], [])
    before.close()

    run_killed(DIE_AFTER_COMMIT, str(path), now.isoformat())

    after = open_store(read_only=read_only)
    assert after.run("run-1").first_cancel_at == now
    assert [delivery.event.text for delivery in after.due("run-1", now)] == ["about to cancel"]


def test_the_lease_of_a_killed_process_is_taken_over_with_a_higher_token(
    store: SqliteStore,
    make_run: Callable[..., Run],
    holder: Holder,
    path: Path,
    now: datetime,
) -> None:
    store.insert_run(make_run(), [], [])
    run_killed(DIE_AFTER_COMMIT, str(path), now.isoformat())

    lease = store.acquire("run-1", holder, timedelta(minutes=5), now, lambda who: who.pid != 17)

    assert lease.token == 2
    store.commit(lease, Commit(run=make_run(jobs_seen=True)))
    assert store.run("run-1").jobs_seen
