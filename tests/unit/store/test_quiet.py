"""What is asked of a run is heard at once, whoever asks it."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from dcp_engine.model import Holder, Lease, Request, RequestKind, Run
from dcp_engine.store.protocol import Commit
from dcp_engine.store.sqlite import SqliteStore

TTL = timedelta(minutes=5)


@pytest.fixture
def lease(store: SqliteStore, make_run: Callable[..., Run], holder: Holder, now: datetime) -> Lease:
    for n in (1, 2):
        store.insert_run(make_run(f"run-{n}", f"Exp{n}"), (), ())
    return store.acquire("run-1", holder, TTL, now, lambda _: False)


def wish(now: datetime, id_: str = "q", run_id: str = "run-1") -> Request:
    return Request(id=id_, run_id=run_id, kind=RequestKind.ABORT, at=now)


def test_what_others_ask_is_heard_at_once(
    store: SqliteStore, open_store: Callable[..., SqliteStore], lease: Lease, now: datetime
) -> None:
    assert store.requests("run-1") == []
    others = open_store()
    others.add_request(wish(now))
    assert [one.id for one in store.requests("run-1")] == ["q"]
    assert store.requests("run-2") == []
    others.add_request(wish(now, "r", "run-2"))
    assert [one.id for one in store.requests("run-2")] == ["r"]


def test_what_this_process_asks_and_obeys_is_too(
    store: SqliteStore, lease: Lease, now: datetime
) -> None:
    assert store.requests("run-1") == []
    store.add_request(wish(now))
    assert [one.id for one in store.requests("run-1")] == ["q"]
    store.commit(lease, Commit(run=store.run("run-1"), consumed=["q"]))
    assert store.requests("run-1") == []


def test_what_was_asked_and_undone_is_not_heard(
    store: SqliteStore, lease: Lease, now: datetime
) -> None:
    store.add_request(wish(now))
    gone = Commit(run=store.run("run-1"), consumed=["q"])
    store.release(lease)
    with pytest.raises(Exception, match="let go"):
        store.commit(lease, gone)
    assert [one.id for one in store.requests("run-1")] == ["q"]


def test_as_long_as_nobody_writes_the_tables_are_not_asked_again(
    store: SqliteStore, lease: Lease, now: datetime
) -> None:
    store.requests("run-1")
    seen: list[str] = []
    store._connection._db.conn.set_trace_callback(seen.append)
    store.requests("run-1")
    store.requests("run-2")
    store.commit(lease, Commit(run=store.run("run-1")))
    del seen[:]
    store.requests("run-1")
    assert [sql for sql in seen if "FROM" in sql] == []


GATHER = timedelta(milliseconds=1)


def test_in_a_crowd_what_others_ask_is_heard_when_it_is_listened_for(
    store: SqliteStore, open_store: Callable[..., SqliteStore], lease: Lease, now: datetime
) -> None:
    store.crowded(GATHER)
    assert store.requests("run-1") == []
    others = open_store()
    others.add_request(wish(now))
    assert store.requests("run-1") == []
    assert set(store.wished()) == {"run-1"}
    assert [one.id for one in store.requests("run-1")] == ["q"]
    assert store.requests("run-2") == []
    others.add_request(wish(now, "r", "run-2"))
    store.crowded(None)
    assert [one.id for one in store.requests("run-2")] == ["r"]


def test_in_a_crowd_what_this_process_asks_and_obeys_is_heard_at_once(
    store: SqliteStore, lease: Lease, now: datetime
) -> None:
    store.crowded(GATHER)
    assert store.requests("run-1") == []
    store.add_request(wish(now))
    assert [one.id for one in store.requests("run-1")] == ["q"]
    store.commit(lease, Commit(run=store.run("run-1"), consumed=["q"]))
    assert store.requests("run-1") == []
    assert set(store.wished()) == set()


def test_in_a_crowd_the_tables_are_not_asked_though_others_write(
    store: SqliteStore, open_store: Callable[..., SqliteStore], lease: Lease, now: datetime
) -> None:
    store.crowded(GATHER)
    store.requests("run-1")
    seen: list[str] = []
    store._connection._db.conn.set_trace_callback(seen.append)
    open_store().add_request(wish(now))
    store.requests("run-2")
    assert seen == []
