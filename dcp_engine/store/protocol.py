"""What the engine asks of its memory, so that another database can take SQLite's place.

Every method may raise StoreBroken; every writing method StoreUnwritable. Moments come from the
caller's clock, never from the database.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import msgspec

from dcp_engine.model import Event, Holder, Lease, Machine, Request, Run

if TYPE_CHECKING:
    from dcp_engine.series import Bucket, Sample


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """What changes together, or not at all."""

    run: Run
    events: Sequence[Event] = ()
    machines: Sequence[Machine] = ()
    consumed: Sequence[str] = ()
    samples: "Sequence[Sample]" = ()
    notifiers: Sequence[str] = ()


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """An event on its way to one notifier."""

    event: Event
    notifier: str
    attempts: int
    next_at: datetime


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A run that has to be looked at, where it is, and when; None is at once."""

    run_id: str
    account: str
    region: str
    at: datetime | None


class Store(Protocol):
    """Runs, their events, machines, requests, leases and outgoing messages."""

    def close(self) -> None:
        """Let go of the database."""

    def identity(self) -> str:
        """What tells this store from every other one: the same for all who share it, for ever."""

    def insert_run(self, run: Run, events: Sequence[Event], notifiers: Sequence[str]) -> None:
        """Add a new run with its first events.

        Raises Refused when a live run of that name is there in the same account and region.
        """

    def run(self, run_id: str) -> Run:
        """Raises NoSuchRun."""

    def runs(self, *, app_name: str | None = None, live: bool = False) -> list[Run]:
        """Runs, the newest registration first; only those of a name, only live ones."""

    def agenda(self) -> list[Due]:
        """Every run that is to be looked at: live ones, and ended ones with something to tell."""

    def version_of_others(self) -> int:
        """A number that is another one whenever anybody but this process has written."""

    def wished(self) -> Collection[str]:
        """The ids of the runs of which people ask something that nobody has obeyed yet."""

    def release_all(self, leases: Sequence[Lease]) -> None:
        """Free these, as far as they still are ours."""

    def acquire(
        self,
        run_id: str,
        holder: Holder,
        ttl: timedelta,
        now: datetime,
        is_dead: Callable[[Holder], bool],
        *,
        enough: timedelta | None = None,
    ) -> Lease:
        """Take the lease when it is free, lapsed, ours, or its holder `is_dead`.

        A new holder gets a higher token. Where it is ours and has `enough` left (and no more than
        `ttl`), it stays as it is and nothing is written. Raises LeaseHeld, naming the holder.
        """

    def renew(self, lease: Lease, ttl: timedelta, now: datetime) -> Lease:
        """Extend it. Raises LeaseLost when the token is no longer the newest."""

    def release(self, lease: Lease) -> None:
        """Free it, if it still is ours."""

    def lease(self, run_id: str, now: datetime) -> Lease | None:
        """The lease that is in force."""

    def commit(self, lease: Lease, changes: Commit) -> None:
        """Write all of it in one transaction. Raises LeaseLost when the token is not the newest.

        Events are queued for each of `notifiers` in the same transaction.
        """

    def crowded(self, gather: timedelta | None) -> None:
        """Be frugal for the driver of very many runs, who asks `wished` each second; None: do not.

        Each commit waits for `gather` for those of other threads, to be written with them, and
        `requests` may miss what others have asked since `wished` was asked last.
        """

    def add_request(self, request: Request) -> None:
        """Write down a person's wish; needs no lease."""

    def requests(self, run_id: str) -> list[Request]:
        """Wishes not yet consumed, oldest first."""

    def machines(self, run_id: str) -> list[Machine]:
        """Every machine ever recorded, oldest first."""

    def samples(
        self, run_id: str, *, subject: str | None = "", since: datetime | None = None
    ) -> "list[Bucket]":
        """What is kept of a subject's numbers in order, or by subject of all (None)."""

    def thin(self, run_id: str, now: datetime) -> None:
        """Make the numbers of a run as coarse as their age asks for; again does no harm."""

    def events(self, run_id: str, after: str | None = None) -> list[Event]:
        """All events in the order they were committed, or those after the one with this id."""

    def due(self, run_id: str, now: datetime) -> list[Delivery]:
        """Per notifier the oldest events still to tell, in order.

        Where the oldest is not due yet, none of that notifier is given: order is kept.
        """

    def waiting(self, run_id: str) -> bool:
        """Whether any event is still to tell, now or later."""

    def delivered(self, delivery: Delivery, now: datetime) -> None:
        """It was told."""

    def delivery_failed(self, delivery: Delivery, error: str, next_at: datetime | None) -> None:
        """It was not; tell it again at `next_at`, or never (None): recorded as undelivered."""
