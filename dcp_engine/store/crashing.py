"""A store with a crash point before and after everything that is written."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from dcp_engine.crash import CrashPoint
from dcp_engine.model import Event, Holder, Lease, Machine, Request, Run
from dcp_engine.series import RUN, Bucket
from dcp_engine.store.protocol import Commit, Delivery, Due, Store


class CrashingStore:
    """Implements `dcp_engine.store.protocol.Store` by another one; its methods are described there.

    A write has no point in its middle: each is one transaction, there as a whole or not at all. A
    write that fails has none after it.
    """

    def __init__(self, store: Store, crash: CrashPoint) -> None:
        self._store = store
        self._crash = crash

    def close(self) -> None:
        self._store.close()

    def identity(self) -> str:
        return self._store.identity()

    def insert_run(self, run: Run, events: Sequence[Event], notifiers: Sequence[str]) -> None:
        self._crash("before store insert_run")
        self._store.insert_run(run, events, notifiers)
        self._crash("after store insert_run")

    def run(self, run_id: str) -> Run:
        return self._store.run(run_id)

    def runs(self, *, app_name: str | None = None, live: bool = False) -> list[Run]:
        return self._store.runs(app_name=app_name, live=live)

    def agenda(self) -> list[Due]:
        return self._store.agenda()

    def version_of_others(self) -> int:
        return self._store.version_of_others()

    def wished(self) -> Collection[str]:
        return self._store.wished()

    def crowded(self, gather: timedelta | None) -> None:
        self._store.crowded(gather)

    def release_all(self, leases: Sequence[Lease]) -> None:
        self._crash("before store release_all")
        self._store.release_all(leases)
        self._crash("after store release_all")

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
        self._crash("before store acquire")
        lease = self._store.acquire(run_id, holder, ttl, now, is_dead, enough=enough)
        self._crash("after store acquire")
        return lease

    def renew(self, lease: Lease, ttl: timedelta, now: datetime) -> Lease:
        self._crash("before store renew")
        renewed = self._store.renew(lease, ttl, now)
        self._crash("after store renew")
        return renewed

    def release(self, lease: Lease) -> None:
        self._crash("before store release")
        self._store.release(lease)
        self._crash("after store release")

    def lease(self, run_id: str, now: datetime) -> Lease | None:
        return self._store.lease(run_id, now)

    def commit(self, lease: Lease, changes: Commit) -> None:
        self._crash("before store commit")
        self._store.commit(lease, changes)
        self._crash("after store commit")

    def add_request(self, request: Request) -> None:
        self._crash("before store add_request")
        self._store.add_request(request)
        self._crash("after store add_request")

    def requests(self, run_id: str) -> list[Request]:
        return self._store.requests(run_id)

    def machines(self, run_id: str) -> list[Machine]:
        return self._store.machines(run_id)

    def samples(
        self, run_id: str, *, subject: str | None = RUN, since: datetime | None = None
    ) -> list[Bucket]:
        return self._store.samples(run_id, subject=subject, since=since)

    def thin(self, run_id: str, now: datetime) -> None:
        self._crash("before store thin")
        self._store.thin(run_id, now)
        self._crash("after store thin")

    def events(self, run_id: str, after: str | None = None) -> list[Event]:
        return self._store.events(run_id, after)

    def due(self, run_id: str, now: datetime) -> list[Delivery]:
        return self._store.due(run_id, now)

    def waiting(self, run_id: str) -> bool:
        return self._store.waiting(run_id)

    def delivered(self, delivery: Delivery, now: datetime) -> None:
        self._crash("before store delivered")
        self._store.delivered(delivery, now)
        self._crash("after store delivered")

    def delivery_failed(self, delivery: Delivery, error: str, next_at: datetime | None) -> None:
        self._crash("before store delivery_failed")
        self._store.delivery_failed(delivery, error, next_at)
        self._crash("after store delivery_failed")
