"""No common query reads more than it gives, however much the database has come to remember."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from dcp_engine.model import Event, Holder, Machine, Request, RequestKind, Run
from dcp_engine.series import Sample
from dcp_engine.store.protocol import Commit
from dcp_engine.store.sqlite import SqliteStore

TTL = timedelta(minutes=5)


@pytest.fixture
def statements(
    store: SqliteStore,
    make_run: Callable[..., Run],
    make_event: Callable[..., Event],
    holder: Holder,
    now: datetime,
) -> list[str]:
    """Every SQL statement, its parameters filled in, that the store's methods lead to."""
    seen: list[str] = []
    store._connection._db.conn.set_trace_callback(seen.append)
    try:
        store.insert_run(make_run(), [make_event("e0")], ["mail"])
        lease = store.acquire("run-1", holder, TTL, now, lambda _: False)
        for wish in ("q", "open"):
            store.add_request(Request(id=wish, run_id="run-1", kind=RequestKind.ABORT, at=now))
        machine = Machine(instance_id="i-1", fleet_id="sfr-1", first_seen=now)
        store.commit(
            lease,
            Commit(
                run=make_run(),
                events=[make_event("e1")],
                machines=[machine],
                consumed=["q"],
                notifiers=["mail"],
                samples=[Sample(at=now, values={"visible": 3}), Sample(at=now, values={"x": 1})],
            ),
        )
        store.renew(lease, TTL, now)
        store.lease("run-1", now)
        store.run("run-1")
        for name in (None, "Exp1"):
            for live in (False, True):
                store.runs(app_name=name, live=live)
        store.requests("run-1")
        store.machines("run-1")
        store.events("run-1")
        store.events("run-1", after="e0")
        first, second = store.due("run-1", now)
        store.delivered(first, now)
        store.delivery_failed(second, "no network", now)
        store.release(lease)
        store.samples("run-1")
        store.samples("run-1", subject=None, since=now)
        store.thin("run-1", now + timedelta(days=2))
    finally:
        store._connection._db.conn.set_trace_callback(None)
    wanted = ("SELECT", "INSERT", "UPDATE", "DELETE")
    return [sql for sql in seen if sql.startswith(wanted) and "sqlite_master" not in sql]


def test_every_statement_finds_its_rows_by_an_index_and_in_order(
    store: SqliteStore, statements: list[str]
) -> None:
    with store._connection.read() as db:
        plans = {
            sql: [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}")] for sql in statements
        }

    assert len(plans) > 20
    slow = {
        sql: step
        for sql, steps in plans.items()
        for step in steps
        if "TEMP B-TREE" in step or (step.startswith("SCAN") and "USING INDEX" not in step)
    }
    assert slow == {}


def test_events_of_a_run_are_found_without_reading_those_of_others(
    store: SqliteStore, statements: list[str]
) -> None:
    with store._connection.read() as db:
        steps = [
            row[3]
            for sql in statements
            if " FROM events WHERE run_id = " in sql
            for row in db.execute(f"EXPLAIN QUERY PLAN {sql}")
        ]

    used = "SEARCH events USING INDEX events_of_run (run_id=? AND seq>?)"
    assert steps.count(used) == 2


def test_only_lists_of_runs_and_what_is_asked_of_them_walk_through_a_whole_index(
    store: SqliteStore, statements: list[str]
) -> None:
    with store._connection.read() as db:
        walks = {
            row[3]
            for sql in statements
            for row in db.execute(f"EXPLAIN QUERY PLAN {sql}")
            if row[3].startswith("SCAN")
        }

    assert walks == {
        "SCAN runs USING INDEX runs_by_age",
        "SCAN runs USING INDEX runs_live_by_age",
        # Only what nobody has obeyed yet is in it.
        "SCAN requests USING INDEX requests_open",
    }
