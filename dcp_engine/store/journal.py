"""Events, and the outbox of what is still to tell of them; every function needs a transaction."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from dcp_engine.model import Event
from dcp_engine.store.codec import convert, encode, printable, stamp, stamp_or_none
from dcp_engine.store.handle import Handle
from dcp_engine.store.protocol import Delivery

_BATCH: Final = 1000
"""So many events per notifier are handed out at a time, lest a long silence fill the memory."""

_EVENT: Final = "events.id, events.run_id, events.at, events.kind, events.text, events.data"


def append(db: Handle, events: Sequence[Event], notifiers: Sequence[str]) -> None:
    """Add events in this order and queue each for each notifier; what is there already stays."""
    for event in events:
        at = stamp(event.at)
        db.execute(
            "INSERT INTO events (id, run_id, at, kind, text, data) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO NOTHING",
            [
                event.id,
                event.run_id,
                at,
                printable(event.kind),
                printable(event.text),
                encode(event.data),
            ],
        )
        for notifier in notifiers:
            db.execute(
                "INSERT INTO outbox (seq, notifier, run_id, next_at) "
                "SELECT seq, ?, run_id, ? FROM events WHERE id = ? "
                "ON CONFLICT (seq, notifier) DO NOTHING",
                [notifier, at, event.id],
            )


def of_run(db: Handle, path: Path, run_id: str, after: str | None) -> list[Event]:
    """Events in the order they were added; all of them when `after` is no event of this run."""
    rows = db.execute(
        f"SELECT {_EVENT} FROM events WHERE run_id = ? AND seq > "
        "coalesce((SELECT seq FROM events WHERE id = ? AND run_id = ?), 0) ORDER BY seq",
        [run_id, after, run_id],
    )
    return [_event(row, path) for row in rows]


def due(db: Handle, path: Path, run_id: str, now: datetime) -> list[Delivery]:
    """Per notifier the oldest events, up to the first whose moment has not come."""
    return [
        delivery
        for notifier in _waiting_notifiers(db, run_id)
        for delivery in _due_for(db, path, run_id, notifier, now)
    ]


def waiting(db: Handle, run_id: str) -> bool:
    """Whether any notifier has an event still to tell, now or later."""
    return next(_waiting_notifiers(db, run_id), None) is not None


def delivered(db: Handle, delivery: Delivery, now: datetime) -> None:
    """Nothing is left to do for it."""
    db.execute(
        "UPDATE outbox SET attempts = attempts + 1, next_at = NULL, delivered_at = ?, error = NULL "
        "WHERE seq = (SELECT seq FROM events WHERE id = ?) AND notifier = ? "
        "AND delivered_at IS NULL",
        [stamp(now), delivery.event.id, delivery.notifier],
    )


def failed(db: Handle, delivery: Delivery, error: str, next_at: datetime | None) -> None:
    """Try again at `next_at`, or never; not where it was told or given up meanwhile."""
    db.execute(
        "UPDATE outbox SET attempts = attempts + 1, next_at = ?, error = ? "
        "WHERE seq = (SELECT seq FROM events WHERE id = ?) AND notifier = ? "
        "AND next_at IS NOT NULL",
        [stamp_or_none(next_at), printable(error), delivery.event.id, delivery.notifier],
    )


def _waiting_notifiers(db: Handle, run_id: str) -> Iterator[str]:
    """Names in order, each found with one step in the index however much is waiting."""
    name = ""
    while True:
        found = db.execute(
            "SELECT notifier FROM outbox WHERE run_id = ? AND next_at IS NOT NULL "
            "AND notifier > ? ORDER BY notifier LIMIT 1",
            [run_id, name],
        ).fetchone()
        if found is None:
            return
        name = str(found[0])
        yield name


def _due_for(
    db: Handle, path: Path, run_id: str, notifier: str, now: datetime
) -> Iterator[Delivery]:
    rows = db.execute(
        f"SELECT outbox.attempts, outbox.next_at, {_EVENT} FROM outbox JOIN events USING (seq) "
        "WHERE outbox.run_id = ? AND outbox.notifier = ? AND outbox.next_at IS NOT NULL "
        "ORDER BY outbox.seq LIMIT ?",
        [run_id, notifier, _BATCH],
    )
    moment = stamp(now)
    for attempts, next_at, *columns in rows:
        # One never tried is due whatever the clock says: it may have been set back since.
        if attempts and next_at > moment:
            return
        event = _event(columns, path)
        yield convert(
            {"event": event, "notifier": notifier, "attempts": attempts, "next_at": next_at},
            Delivery,
            what=f"A message of run {run_id}",
            path=path,
        )


def _event(columns: Sequence[Any], path: Path) -> Event:
    id_, run_id, at, kind, text, data = columns
    return convert(
        {"id": id_, "run_id": run_id, "at": at, "kind": kind, "text": text, "data": data},
        Event,
        what=f"Event {id_} of run {run_id}",
        path=path,
    )
