"""What is committed together is there together, or not at all."""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
import pytest

from dcp_engine.errors import NoSuchRun, StoreBroken
from dcp_engine.model import Event, Holder, Lease, Machine, Request, RequestKind, Run, State
from dcp_engine.store.protocol import Commit
from dcp_engine.store.sqlite import SqliteStore

TTL = timedelta(minutes=5)
MakeRun = Callable[..., Run]
MakeEvent = Callable[..., Event]


@pytest.fixture
def lease(
    store: SqliteStore,
    make_run: MakeRun,
    holder: Holder,
    now: datetime,
    nobody_dead: Callable[[Holder], bool],
) -> Lease:
    store.insert_run(make_run(), [], [])
    return store.acquire("run-1", holder, TTL, now, nobody_dead)


def machine(instance_id: str, first_seen: datetime, ended_at: datetime | None = None) -> Machine:
    return Machine(
        instance_id=instance_id, fleet_id="sfr-1", first_seen=first_seen, ended_at=ended_at
    )


def request(id_: str, at: datetime, run_id: str = "run-1") -> Request:
    return Request(
        id=id_, run_id=run_id, kind=RequestKind.ADD_FLEET, at=at, data={"fleet": "sfr-2"}
    )


def test_all_parts_of_a_commit_are_there_for_another_connection(
    store: SqliteStore,
    lease: Lease,
    open_store: Callable[..., SqliteStore],
    make_run: MakeRun,
    make_event: MakeEvent,
    now: datetime,
) -> None:
    store.add_request(request("q1", now))
    run = make_run(state=State.RUNNING, jobs_seen=True)
    events = [make_event("e1", data={"n": [1, None, "x"]}), make_event("e2")]
    machines = [machine("i-1", now)]

    store.commit(
        lease,
        Commit(
            run=run, events=events, machines=machines, consumed=["q1"], notifiers=["mail", "slack"]
        ),
    )

    other = open_store()
    assert other.run("run-1") == run
    assert other.events("run-1") == events
    assert other.machines("run-1") == machines
    assert other.requests("run-1") == []
    assert [(due.notifier, due.event) for due in other.due("run-1", now)] == [
        ("mail", events[0]),
        ("mail", events[1]),
        ("slack", events[0]),
        ("slack", events[1]),
    ]


@pytest.mark.parametrize("table", ["outbox", "events", "machines", "requests"])
def test_a_commit_that_fails_anywhere_leaves_nothing(
    store: SqliteStore,
    lease: Lease,
    make_run: MakeRun,
    make_event: MakeEvent,
    now: datetime,
    table: str,
) -> None:
    store.add_request(request("q1", now))
    before = store.run("run-1")
    with store._connection.write() as db:
        db.execute(
            f"CREATE TRIGGER sabotage AFTER {'UPDATE' if table == 'requests' else 'INSERT'} "
            f"ON {table} BEGIN SELECT RAISE(ABORT, 'sabotaged'); END"
        )

    with pytest.raises(StoreBroken, match="sabotaged"):
        store.commit(
            lease,
            Commit(
                run=make_run(state=State.TEARDOWN),
                events=[make_event("e1")],
                machines=[machine("i-1", now)],
                consumed=["q1"],
                notifiers=["slack"],
            ),
        )

    assert store.run("run-1") == before
    assert store.events("run-1") == []
    assert store.machines("run-1") == []
    assert store.due("run-1", now) == []
    assert [wish.id for wish in store.requests("run-1")] == ["q1"]
    with store._connection.write() as db:
        db.execute("DROP TRIGGER sabotage")
    store.commit(lease, Commit(run=make_run(state=State.TEARDOWN)))
    assert store.run("run-1").state is State.TEARDOWN


def test_inserting_a_run_is_all_or_nothing_too(
    store: SqliteStore, make_run: MakeRun, make_event: MakeEvent
) -> None:
    with pytest.raises(TypeError):
        store.insert_run(
            make_run(), [make_event("e1"), make_event("e2", data={"bad": object()})], ["slack"]
        )

    assert store.runs() == []
    assert store.events("run-1") == []
    store.insert_run(make_run(), [make_event("e1")], ["slack"])
    assert [event.id for event in store.events("run-1")] == ["e1"]


def test_a_run_that_ended_frees_its_name(
    store: SqliteStore, lease: Lease, make_run: MakeRun
) -> None:
    store.commit(lease, Commit(run=make_run(state=State.EXPORTED)))

    assert store.runs(live=True) == []
    store.insert_run(make_run("run-2"), [], [])
    assert [run.id for run in store.runs(live=True)] == ["run-2"]


def test_an_event_committed_twice_is_stored_and_told_once(
    store: SqliteStore, lease: Lease, make_run: MakeRun, make_event: MakeEvent, now: datetime
) -> None:
    again = make_event("e1", text="told differently")
    store.commit(lease, Commit(run=make_run(), events=[make_event("e1")], notifiers=["slack"]))
    for delivery in store.due("run-1", now):
        store.delivered(delivery, now)
    store.commit(lease, Commit(run=make_run(), events=[again, again], notifiers=["slack"]))

    assert store.events("run-1") == [make_event("e1")]
    assert store.due("run-1", now) == []


def test_events_keep_the_order_of_their_commits_not_of_their_moments(
    store: SqliteStore, lease: Lease, make_run: MakeRun, make_event: MakeEvent, now: datetime
) -> None:
    late, early = make_event("z", at=now), make_event("a", at=now - timedelta(days=1))
    store.commit(lease, Commit(run=make_run(), events=[late]))
    store.commit(lease, Commit(run=make_run(), events=[early]))

    assert store.events("run-1") == [late, early]
    assert store.events("run-1", after="z") == [early]
    assert store.events("run-1", after="a") == []


def test_after_an_event_of_nowhere_all_are_given(
    store: SqliteStore, lease: Lease, make_run: MakeRun, make_event: MakeEvent
) -> None:
    store.commit(lease, Commit(run=make_run(), events=[make_event("e1")]))
    store.insert_run(make_run("run-2", "Exp2"), [make_event("other", run_id="run-2")], [])

    assert [event.id for event in store.events("run-1", after="other")] == ["e1"]
    assert [event.id for event in store.events("run-1", after="unknown")] == ["e1"]
    assert store.events("run-9") == []


def test_an_event_of_another_run_cannot_be_committed(
    store: SqliteStore, lease: Lease, make_run: MakeRun, make_event: MakeEvent
) -> None:
    store.insert_run(make_run("run-2", "Exp2"), [], [])

    with pytest.raises(ValueError, match="run-2"):
        store.commit(lease, Commit(run=make_run(), events=[make_event("e1", run_id="run-2")]))
    assert store.events("run-2") == []


def test_an_event_with_characters_that_utf8_cannot_hold_is_written_down(
    store: SqliteStore, lease: Lease, make_run: MakeRun, make_event: MakeEvent
) -> None:
    event = make_event("e1", kind="\udcfe", text="no file \udcff", data={"path": "\udcfd"})
    store.commit(lease, Commit(run=make_run(), events=[event]))

    assert store.events("run-1") == [
        msgspec.structs.replace(
            event, kind="\\udcfe", text="no file \\udcff", data={"path": "\\udcfd"}
        )
    ]


def test_machines_are_given_oldest_first_and_are_recorded_once(
    store: SqliteStore, lease: Lease, make_run: MakeRun, now: datetime
) -> None:
    second = timedelta(seconds=1)
    store.commit(lease, Commit(run=make_run(), machines=[machine("i-3", now), machine("i-2", now)]))
    store.commit(lease, Commit(run=make_run(), machines=[machine("i-1", now - second)]))
    store.commit(lease, Commit(run=make_run(), machines=[machine("i-3", now, now + second)]))

    assert store.machines("run-1") == [
        machine("i-1", now - second),
        machine("i-3", now, now + second),
        machine("i-2", now),
    ]
    assert store.machines("run-2") == []


def test_the_same_machine_can_be_in_two_runs(
    store: SqliteStore, lease: Lease, make_run: MakeRun, now: datetime, holder: Holder
) -> None:
    store.insert_run(make_run("run-2", "Exp2"), [], [])
    other = store.acquire("run-2", holder, TTL, now, lambda _: False)
    store.commit(lease, Commit(run=make_run(), machines=[machine("i-1", now)]))
    store.commit(other, Commit(run=make_run("run-2", "Exp2"), machines=[machine("i-1", now, now)]))

    assert store.machines("run-1") == [machine("i-1", now)]
    assert store.machines("run-2") == [machine("i-1", now, now)]


def test_requests_wait_in_order_until_consumed_and_need_no_lease(
    store: SqliteStore,
    lease: Lease,
    open_store: Callable[..., SqliteStore],
    make_run: MakeRun,
    now: datetime,
) -> None:
    visitor = open_store()
    first, second = request("z", now), request("a", now)
    visitor.add_request(first)
    visitor.add_request(second)
    visitor.add_request(first)

    assert store.requests("run-1") == [first, second]
    store.commit(lease, Commit(run=make_run(), consumed=["z"]))
    assert visitor.requests("run-1") == [second]
    visitor.add_request(first)
    assert visitor.requests("run-1") == [second]


def test_a_commit_consumes_only_requests_of_its_own_run(
    store: SqliteStore, lease: Lease, make_run: MakeRun, now: datetime
) -> None:
    store.insert_run(make_run("run-2", "Exp2"), [], [])
    store.add_request(request("q2", now, "run-2"))
    store.commit(lease, Commit(run=make_run(), consumed=["q2", "unknown"]))

    assert [wish.id for wish in store.requests("run-2")] == ["q2"]


def test_a_request_for_a_run_that_is_not_there_is_refused(
    store: SqliteStore, now: datetime
) -> None:
    with pytest.raises(NoSuchRun, match="run-9"):
        store.add_request(request("q1", now, "run-9"))


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("events", "data", b"{"),
        ("events", "at", "today"),
        ("machines", "first_seen", "today"),
        ("requests", "kind", "dance"),
        ("requests", "data", b"\xff"),
    ],
    ids=str,
)
def test_a_row_that_cannot_be_read_names_its_run(
    store: SqliteStore,
    lease: Lease,
    make_run: MakeRun,
    make_event: MakeEvent,
    now: datetime,
    table: str,
    column: str,
    value: object,
) -> None:
    store.add_request(request("q1", now))
    store.commit(
        lease, Commit(run=make_run(), events=[make_event("e1")], machines=[machine("i-1", now)])
    )
    with store._connection.write() as db:
        db.execute(f"UPDATE {table} SET {column} = ?", [value])
    reads: dict[str, Callable[[str], object]] = {
        "events": store.events,
        "machines": store.machines,
        "requests": store.requests,
    }

    with pytest.raises(StoreBroken, match="run-1"):
        reads[table]("run-1")
