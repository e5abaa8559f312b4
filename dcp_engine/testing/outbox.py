"""What reached the kit's own notifier, and what other notifiers failed to tell."""

from datetime import datetime
from pathlib import Path
from typing import Self

import msgspec

from dcp_engine.hookspecs import hookimpl
from dcp_engine.model import Event, Run
from dcp_engine.store.protocol import Delivery
from dcp_engine.store.sqlite import SqliteStore


class Undelivered(msgspec.Struct, frozen=True, kw_only=True):
    """An event that a notifier has failed to tell.

    `error` is what it raised last, in words; `attempts` how often it has failed. It is told again,
    unless `given_up`.
    """

    notifier: str
    event: Event
    error: str
    attempts: int
    given_up: bool


class Recorder:
    """A notifier that writes down every event it is told, in order."""

    def __init__(self) -> None:
        self.told: list[Event] = []

    @hookimpl
    def notify(self, run: Run, event: Event) -> None:
        """Write it down."""
        self.told.append(event)


class Outbox:
    """Failed deliveries of every run, kept across restarts."""

    def __init__(self) -> None:
        self._failed: dict[tuple[str, str], Undelivered] = {}

    def of(self, run_id: str) -> list[Undelivered]:
        """A run's, in the order in which they failed first."""
        return [failed for failed in self._failed.values() if failed.event.run_id == run_id]

    def delivered(self, delivery: Delivery) -> None:
        """It was told in the end."""
        self._failed.pop((delivery.notifier, delivery.event.id), None)

    def failed(self, delivery: Delivery, error: str, *, given_up: bool) -> None:
        """It was not."""
        self._failed[delivery.notifier, delivery.event.id] = Undelivered(
            notifier=delivery.notifier,
            event=delivery.event,
            error=error,
            attempts=delivery.attempts + 1,
            given_up=given_up,
        )


class OverheardStore(SqliteStore):
    """The store, which tells an outbox what becomes of every message."""

    outbox: Outbox

    @classmethod
    def overheard(cls, path: Path, outbox: Outbox) -> Self:
        """Open it, as `SqliteStore.open` does."""
        store = cls.open(path)
        store.outbox = outbox
        # What a process has written outlives it in any case. Waiting for the disk with every
        # change is for computers that may lose their power.
        store._connection._db.execute("PRAGMA synchronous=OFF")
        return store

    def delivered(self, delivery: Delivery, now: datetime) -> None:
        super().delivered(delivery, now)
        self.outbox.delivered(delivery)

    def delivery_failed(self, delivery: Delivery, error: str, next_at: datetime | None) -> None:
        super().delivery_failed(delivery, error, next_at)
        self.outbox.failed(delivery, error, given_up=next_at is None)
