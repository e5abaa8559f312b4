"""Commits of several threads in one transaction."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from dcp_engine.errors import LeaseLost, StoreUnwritable
from dcp_engine.model import Holder, Lease, Run
from dcp_engine.store.protocol import Commit
from dcp_engine.store.sqlite import SqliteStore

MakeRun = Callable[..., Run]
TTL = timedelta(minutes=5)
MANY = 8
LONG_ENOUGH_FOR_ALL = timedelta(seconds=0.3)


@pytest.fixture
def leases(store: SqliteStore, make_run: MakeRun, holder: Holder, now: datetime) -> list[Lease]:
    """One of each of so many runs."""
    found = []
    for n in range(MANY):
        store.insert_run(make_run(f"run-{n}", f"Exp{n}"), (), ())
        found.append(store.acquire(f"run-{n}", holder, TTL, now, lambda _: False))
    store.crowded(LONG_ENOUGH_FOR_ALL)
    return found


class Transactions:
    """Counts those that were written."""

    def __init__(self, store: SqliteStore) -> None:
        self.statements: list[str] = []
        store._connection._db.conn.set_trace_callback(self.statements.append)

    @property
    def count(self) -> int:
        return self.statements.count("BEGIN IMMEDIATE")


def all_at_once(commits: list[Callable[[], None]]) -> list[BaseException | None]:
    """What each of them raised."""
    together = threading.Barrier(len(commits))

    def one(commit: Callable[[], None]) -> None:
        together.wait()
        commit()

    with ThreadPoolExecutor(len(commits)) as pool:
        return [future.exception() for future in [pool.submit(one, c) for c in commits]]


def commit(store: SqliteStore, lease: Lease, run: Run) -> Callable[[], None]:
    return lambda: store.commit(lease, Commit(run=run))


def changed(store: SqliteStore, lease: Lease, jobs_seen: bool = True) -> Run:
    return replace(store.run(lease.run_id), jobs_seen=jobs_seen)


def test_what_comes_together_is_written_together(store: SqliteStore, leases: list[Lease]) -> None:
    commits = [commit(store, lease, changed(store, lease)) for lease in leases]
    seen = Transactions(store)
    assert all_at_once(commits) == [None] * MANY
    assert all(store.run(lease.run_id).jobs_seen for lease in leases)
    assert seen.count < MANY


def test_one_that_is_refused_is_undone_alone(store: SqliteStore, leases: list[Lease]) -> None:
    lost = leases[3]
    store.release(lost)
    commits = [commit(store, lease, changed(store, lease)) for lease in leases]
    raised = all_at_once(commits)
    assert isinstance(raised.pop(3), LeaseLost)
    assert raised == [None] * (MANY - 1)
    assert [store.run(lease.run_id).jobs_seen for lease in leases] == [
        lease is not lost for lease in leases
    ]


def test_one_that_sqlite_refuses_takes_none_with_it(
    store: SqliteStore, leases: list[Lease]
) -> None:
    commits = [commit(store, lease, changed(store, lease)) for lease in leases]
    no_text: Any = object()
    bad = Commit(run=changed(store, leases[0]), consumed=[no_text])
    commits[0] = lambda: store.commit(leases[0], bad)
    raised = all_at_once(commits)
    assert raised.pop(0) is not None
    assert raised == [None] * (MANY - 1)
    assert [store.run(lease.run_id).jobs_seen for lease in leases] == [False] + [True] * (MANY - 1)


def test_where_nothing_can_be_written_each_is_told_so(
    store: SqliteStore, leases: list[Lease]
) -> None:
    commits = [commit(store, lease, changed(store, lease)) for lease in leases]
    store._connection._db.execute("PRAGMA query_only=ON")
    raised = all_at_once(commits)
    store._connection._db.execute("PRAGMA query_only=OFF")
    assert [type(error) for error in raised] == [StoreUnwritable] * MANY
    assert not any(store.run(lease.run_id).jobs_seen for lease in leases)
    # And the next ones are written as ever.
    assert all_at_once(commits) == [None] * MANY
    assert all(store.run(lease.run_id).jobs_seen for lease in leases)


def test_who_is_alone_is_written_at_once(store: SqliteStore, leases: list[Lease]) -> None:
    store.crowded(None)
    for lease in leases:
        commit(store, lease, changed(store, lease))()
    assert all(store.run(lease.run_id).jobs_seen for lease in leases)


def test_none_is_lost_when_many_write_for_long(store: SqliteStore, leases: list[Lease]) -> None:
    store.crowded(timedelta(milliseconds=1))

    def go(lease: Lease) -> Callable[[], None]:
        def often() -> None:
            for n in range(30):
                run = changed(store, lease, jobs_seen=n % 2 == 0)
                store.commit(lease, Commit(run=run))
                assert store.run(lease.run_id) == run

        return often

    assert all_at_once([go(lease) for lease in leases]) == [None] * MANY
