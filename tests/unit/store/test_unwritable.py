"""A database that can be read and not written: said in words, and nothing half-written."""

import resource
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dcp_engine.errors import EXIT_TIME_MAY_MEND, StoreUnwritable
from dcp_engine.model import Event, Holder, Machine, Run, State
from dcp_engine.store.protocol import Commit
from dcp_engine.store.sqlite import SqliteStore

TTL = timedelta(minutes=5)
MakeRun = Callable[..., Run]


def nobody_dead(_: Holder) -> bool:
    return False


def test_a_full_disk_leaves_what_was_recorded_and_recovers(
    store: SqliteStore,
    make_run: MakeRun,
    make_event: Callable[..., Event],
    holder: Holder,
    now: datetime,
) -> None:
    store.insert_run(make_run(), [], [])
    lease = store.acquire("run-1", holder, TTL, now, nobody_dead)
    big = Commit(
        run=make_run(state=State.TEARDOWN),
        events=[make_event("e1", text="x" * 1_000_000)],
        machines=[Machine(instance_id="i-1", fleet_id="sfr-1", first_seen=now)],
    )
    with store._connection.read() as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count={pages}")

    with pytest.raises(StoreUnwritable) as unwritable:
        store.commit(lease, big)

    assert unwritable.value.exit_code == EXIT_TIME_MAY_MEND
    for word in (str(store._path), "full", "still there", "billing", "Free some space"):
        assert word in str(unwritable.value)
    assert store.run("run-1") == make_run()
    assert store.events("run-1") == []
    assert store.machines("run-1") == []

    with store._connection.read() as db:
        db.execute("PRAGMA max_page_count=1000000")
    store.commit(lease, big)
    assert store.run("run-1").state is State.TEARDOWN


def test_runs_can_be_read_where_there_is_no_room_for_a_log(
    store: SqliteStore, open_store: Callable[..., SqliteStore], make_run: MakeRun
) -> None:
    store.insert_run(make_run(), [], [])
    store.close()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        run = open_store(read_only=True).run("run-1")
        with pytest.raises(StoreUnwritable) as unwritable:
            open_store()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert run == make_run()
    assert "is it full" in str(unwritable.value)


def test_a_lock_of_another_program_is_waited_for_and_then_told(
    store: SqliteStore, make_run: MakeRun, path: Path, now: datetime, holder: Holder
) -> None:
    store.insert_run(make_run(), [], [])
    browser = sqlite3.connect(path)
    browser.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreUnwritable) as unwritable:
        store.acquire("run-1", holder, TTL, now, nobody_dead)
    assert store.run("run-1") == make_run()
    browser.rollback()
    browser.close()

    for word in (str(path), "locked by another program", "try again"):
        assert word in str(unwritable.value)
    assert store.acquire("run-1", holder, TTL, now, nobody_dead).token == 1


def test_a_lock_that_was_waited_for_in_vain_is_not_waited_for_by_each_of_many(
    make_run: MakeRun, path: Path, now: datetime, holder: Holder
) -> None:
    store = SqliteStore.open(path, busy_timeout=timedelta(milliseconds=200))
    store.insert_run(make_run(), [], [])

    def waits() -> int:
        return int(store._connection._db.execute("PRAGMA busy_timeout").fetchone()[0])

    assert waits() == 200
    browser = sqlite3.connect(path)
    browser.execute("BEGIN IMMEDIATE")
    for _ in range(3):
        with pytest.raises(StoreUnwritable, match="locked by another program"):
            store.acquire("run-1", holder, TTL, now, nobody_dead)
        assert waits() == 50
    browser.rollback()
    browser.close()
    assert store.acquire("run-1", holder, TTL, now, nobody_dead).token == 1
    assert waits() == 200
    store.close()


def test_a_file_locked_even_for_readers_is_a_passing_trouble(
    store: SqliteStore,
    open_store: Callable[..., SqliteStore],
    make_run: MakeRun,
    path: Path,
) -> None:
    store.insert_run(make_run(), [], [])
    store.close()
    hog = sqlite3.connect(path)
    hog.execute("PRAGMA locking_mode=EXCLUSIVE")
    hog.execute("BEGIN IMMEDIATE")
    hog.execute("UPDATE runs SET live = live")

    for read_only in (False, True):
        with pytest.raises(StoreUnwritable, match="locked"):
            open_store(read_only=read_only)
    hog.rollback()
    hog.close()
    assert open_store(read_only=True).run("run-1") == make_run()


def test_a_lock_held_for_less_than_the_timeout_is_waited_out(
    store: SqliteStore, make_run: MakeRun, path: Path, now: datetime, holder: Holder
) -> None:
    store.insert_run(make_run(), [], [])
    patient = SqliteStore.open(path, busy_timeout=timedelta(seconds=60))
    waiting = threading.Event()

    def acquire() -> int:
        waiting.set()
        return patient.acquire("run-1", holder, TTL, now, nobody_dead).token

    with ThreadPoolExecutor(1) as pool:
        with store._connection.write():
            token = pool.submit(acquire)
            assert waiting.wait(30)
        assert token.result(30) == 1
    patient.close()


def test_one_store_serves_several_threads(
    store: SqliteStore,
    make_run: MakeRun,
    make_event: Callable[..., Event],
    holder: Holder,
    now: datetime,
) -> None:
    store.insert_run(make_run(), [], [])
    lease = store.acquire("run-1", holder, TTL, now, nobody_dead)

    def work(number: int) -> int:
        events = [make_event(f"{number}a"), make_event(f"{number}b")]
        store.commit(lease, Commit(run=make_run(), events=events))
        return len(store.events("run-1")) % 2

    with ThreadPoolExecutor(8) as pool:
        odd = list(pool.map(work, range(40)))

    assert not any(odd)
    ids = [event.id for event in store.events("run-1")]
    assert len(ids) == 80
    assert all(a[:-1] == b[:-1] for a, b in zip(ids[::2], ids[1::2], strict=True))
