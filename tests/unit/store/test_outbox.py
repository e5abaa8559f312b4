"""Every event is told to each notifier, in order, until it was told or given up."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from dcp_engine.model import Event, Run
from dcp_engine.store.protocol import Delivery
from dcp_engine.store.sqlite import SqliteStore

MINUTE = timedelta(minutes=1)


@pytest.fixture
def filled(
    store: SqliteStore, make_run: Callable[..., Run], make_event: Callable[..., Event]
) -> SqliteStore:
    """Three events for each of two notifiers."""
    store.insert_run(
        make_run(), [make_event("e3"), make_event("e1"), make_event("e2")], ["slack", "mail"]
    )
    return store


def told(deliveries: list[Delivery]) -> list[tuple[str, str]]:
    return [(delivery.notifier, delivery.event.id) for delivery in deliveries]


def test_events_are_due_at_once_in_their_order(filled: SqliteStore, now: datetime) -> None:
    due = filled.due("run-1", now)

    assert told(due) == [
        ("mail", "e3"),
        ("mail", "e1"),
        ("mail", "e2"),
        ("slack", "e3"),
        ("slack", "e1"),
        ("slack", "e2"),
    ]
    assert {(delivery.attempts, delivery.next_at) for delivery in due} == {(0, now)}


def test_what_was_told_is_not_due_again_even_after_reopening(
    filled: SqliteStore, open_store: Callable[..., SqliteStore], now: datetime
) -> None:
    for delivery in filled.due("run-1", now)[:4]:
        filled.delivered(delivery, now)
    filled.close()

    assert told(open_store().due("run-1", now)) == [("slack", "e1"), ("slack", "e2")]


def test_a_failure_holds_back_what_follows_for_that_notifier_only(
    filled: SqliteStore, now: datetime
) -> None:
    filled.delivery_failed(filled.due("run-1", now)[0], "no network", now + MINUTE)

    assert told(filled.due("run-1", now + MINUTE - timedelta.resolution)) == [
        ("slack", "e3"),
        ("slack", "e1"),
        ("slack", "e2"),
    ]
    again = filled.due("run-1", now + MINUTE)
    assert told(again)[:3] == [("mail", "e3"), ("mail", "e1"), ("mail", "e2")]
    assert (again[0].attempts, again[0].next_at) == (1, now + MINUTE)


def test_a_failure_further_back_ends_the_list_there(filled: SqliteStore, now: datetime) -> None:
    filled.delivery_failed(filled.due("run-1", now)[1], "too long", now + MINUTE)

    assert told(filled.due("run-1", now))[:2] == [("mail", "e3"), ("slack", "e3")]


def test_attempts_are_counted(filled: SqliteStore, now: datetime) -> None:
    for attempts in range(5):
        head = filled.due("run-1", now)[0]
        assert (head.event.id, head.attempts) == ("e3", attempts)
        filled.delivery_failed(head, "still no network", now)


def test_given_up_is_recorded_as_undelivered_and_lets_the_next_through(
    filled: SqliteStore, now: datetime
) -> None:
    head = filled.due("run-1", now)[0]
    filled.delivery_failed(head, "gone \udcff for good", None)
    filled.delivery_failed(head, "a late echo", now)

    assert told(filled.due("run-1", now))[0] == ("mail", "e1")
    with filled._connection.read() as db:
        rows = db.execute(
            "SELECT attempts, delivered_at, error FROM outbox JOIN events USING (seq) "
            "WHERE id = 'e3' AND notifier = 'mail'"
        ).fetchall()
    assert rows == [(1, None, "gone \\udcff for good")]


def test_when_it_was_told_is_recorded_and_no_late_failure_undoes_it(
    filled: SqliteStore, now: datetime
) -> None:
    head = filled.due("run-1", now)[0]
    filled.delivery_failed(head, "no network", now)
    filled.delivered(head, now + MINUTE)
    filled.delivered(head, now + 2 * MINUTE)
    filled.delivery_failed(head, "a late echo", now)

    assert told(filled.due("run-1", now))[0] == ("mail", "e1")
    with filled._connection.read() as db:
        rows = db.execute(
            "SELECT attempts, delivered_at, error FROM outbox JOIN events USING (seq) "
            "WHERE id = 'e3' AND notifier = 'mail'"
        ).fetchall()
    assert rows == [(2, "2030-05-17T12:01:00.123456+00:00", None)]


def test_a_clock_set_back_does_not_hold_back_what_was_never_tried(
    filled: SqliteStore, now: datetime
) -> None:
    assert len(filled.due("run-1", now - timedelta(days=400))) == 6


def test_runs_have_outboxes_of_their_own(
    filled: SqliteStore,
    make_run: Callable[..., Run],
    make_event: Callable[..., Event],
    now: datetime,
) -> None:
    filled.insert_run(make_run("run-2", "Exp2"), [make_event("f1", run_id="run-2")], ["mail"])
    filled.delivery_failed(filled.due("run-1", now)[0], "no network", None)

    assert told(filled.due("run-2", now)) == [("mail", "f1")]
    assert filled.due("run-9", now) == []


def test_without_notifiers_nothing_is_queued(
    store: SqliteStore,
    make_run: Callable[..., Run],
    make_event: Callable[..., Event],
    now: datetime,
) -> None:
    store.insert_run(make_run(), [make_event("e1")], [])

    assert store.due("run-1", now) == []


def test_a_long_silence_is_made_up_for_in_portions(
    store: SqliteStore,
    make_run: Callable[..., Run],
    make_event: Callable[..., Event],
    now: datetime,
) -> None:
    ids = [f"e{number}" for number in range(1500)]
    store.insert_run(make_run(), [make_event(id_) for id_ in ids], ["mail"])
    portion = store.due("run-1", now)
    with store._connection.write() as db:
        db.execute("UPDATE outbox SET next_at = NULL WHERE seq <= ?", [len(portion)])
    rest = store.due("run-1", now)

    assert [delivery.event.id for delivery in [*portion, *rest]] == ids
    assert 0 < len(rest) < len(portion)
