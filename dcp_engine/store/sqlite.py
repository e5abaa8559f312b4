"""The store in one SQLite file, for one computer: the embedded default."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from dcp_engine.errors import Refused
from dcp_engine.model import Event, Holder, Lease, Machine, Request, Run
from dcp_engine.store import agenda, journal, leases, machines
from dcp_engine.store.codec import convert, decode, encode, stamp, stamp_or_none
from dcp_engine.store.connection import Connection, connect
from dcp_engine.store.file_system import Mounts, mounted
from dcp_engine.store.handle import Handle
from dcp_engine.store.joint import Joint
from dcp_engine.store.leases import release
from dcp_engine.store.protocol import Commit, Delivery, Due
from dcp_engine.store.quiet import Quiet

if TYPE_CHECKING:
    from dcp_engine.series import Bucket

_BUSY_TIMEOUT: Final = timedelta(seconds=5)

# The usual commit: what is searched for is as it was, so that no index is written anew, and the
# lease is in force. It changes no row where either is otherwise.
_AS_BEFORE: Final = (
    "UPDATE runs SET next_tick_at = ?6, body = ?7 WHERE id = ?8 AND app_name = ?1 "
    "AND account = ?2 AND region = ?3 AND live = ?4 AND registered_at = ?5 "
    f"AND ?9 = {leases.WRITES_BY}"
)
_ALL_OF_IT: Final = (
    "UPDATE runs SET app_name = ?, account = ?, region = ?, live = ?, registered_at = ?, "
    "next_tick_at = ?, body = ? WHERE id = ?"
)


class SqliteStore:
    """Implements `dcp_engine.store.protocol.Store`; its methods are described there."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._path = connection.path
        self._quiet = Quiet(connection)
        self._joint = Joint(connection)
        # A file has one for ever, and another file in its place is noticed.
        self._identity: str | None = None

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        read_only: bool = False,
        busy_timeout: timedelta = _BUSY_TIMEOUT,
        mounts: Mounts = mounted,
        untouched: bool = False,
    ) -> Self:
        """Open the file, making it and its folder when they are not there.

        With `read_only` a file that is up to date is not written, and a missing one is not made
        but is like a store without runs; with `untouched` as well, none is written at all.
        `busy_timeout` is how long to wait while another program has the file locked; `mounts` is
        what is mounted where. Raises StoreBroken, and StoreUnwritable: then `read_only` may still
        succeed, on a full disk above all. So it may on a network file system, where writing is
        StoreBroken.
        """
        return cls(
            connect(
                path,
                read_only=read_only,
                busy_timeout=busy_timeout,
                mounts=mounts,
                untouched=untouched,
            )
        )

    def close(self) -> None:
        self._connection.close()

    def identity(self) -> str:
        if self._identity is None:
            with self._connection.read() as db:
                (identity,) = db.execute("SELECT identity FROM store").fetchone()
            self._identity = str(identity)
        return self._identity

    def insert_run(self, run: Run, events: Sequence[Event], notifiers: Sequence[str]) -> None:
        _check_belongs(run.id, events)
        with self._connection.write() as db:
            _refuse_second(db, run)
            db.execute(
                "INSERT INTO runs (app_name, account, region, live, registered_at, next_tick_at, "
                "body, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                _columns(run),
            )
            journal.append(db, events, notifiers)

    def run(self, run_id: str) -> Run:
        with self._connection.read() as db:
            found = db.execute(
                "SELECT id, app_name, body FROM runs WHERE id = ?", [run_id]
            ).fetchone()
            if found is None:
                raise leases.no_such_run(run_id)
            return self._decoded(*found)

    def runs(self, *, app_name: str | None = None, live: bool = False) -> list[Run]:
        conditions = ["app_name = :app_name"] if app_name is not None else []
        conditions += ["live = 1"] if live else []
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        with self._connection.read() as db:
            rows = db.execute(
                f"SELECT id, app_name, body FROM runs {where} "
                "ORDER BY registered_at DESC, rowid DESC",
                {"app_name": app_name},
            )
            return [self._decoded(*row) for row in rows]

    def agenda(self) -> list[Due]:
        with self._connection.read() as db:
            return agenda.of_all(db, self._path)

    def version_of_others(self) -> int:
        with self._connection.still() as version:
            return version

    def wished(self) -> Collection[str]:
        return self._quiet.wished()

    def crowded(self, gather: timedelta | None) -> None:
        self._joint.gather(gather or timedelta(0))
        self._quiet.rely(gather is not None)

    def release_all(self, leases: Sequence[Lease]) -> None:
        with self._connection.write() as db:
            for lease in leases:
                release(db, lease)

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
        if enough is not None:
            with self._connection.read() as db:
                own = leases.still_ours(db, self._path, run_id, holder, now)
            if own is not None and own.lasts(now, enough, most=ttl):
                # A write has to wait for the disk.
                return own
        with self._connection.write() as db:
            return leases.acquire(
                db, self._path, run_id, holder=holder, ttl=ttl, now=now, is_dead=is_dead
            )

    def renew(self, lease: Lease, ttl: timedelta, now: datetime) -> Lease:
        with self._connection.write() as db:
            return leases.renew(db, self._path, lease, ttl, now)

    def release(self, lease: Lease) -> None:
        with self._connection.write() as db:
            leases.release(db, lease)

    def lease(self, run_id: str, now: datetime) -> Lease | None:
        with self._connection.read() as db:
            return leases.in_force(leases.newest(db, self._path, run_id), run_id, now)

    def commit(self, lease: Lease, changes: Commit) -> None:
        run = changes.run
        if run.id != lease.run_id:
            raise ValueError(f"a lease on run {lease.run_id} cannot write run {run.id}")
        _check_belongs(run.id, changes.events)

        def written(db: Handle) -> None:
            columns = _columns(run)
            if not db.execute(_AS_BEFORE, [*columns, lease.token]).rowcount:
                leases.fence(db, self._path, lease)
                db.execute(_ALL_OF_IT, columns)
            machines.record(db, run.id, changes.machines)
            if changes.samples:
                from dcp_engine.store import samples  # noqa: PLC0415 - who only looks needs none

                samples.record(db, self._path, run.id, changes.samples)
            _consume(db, run.id, changes.consumed)
            journal.append(db, changes.events, changes.notifiers)
            if changes.consumed:
                self._quiet.stirred()

        self._joint.write(written)

    def add_request(self, request: Request) -> None:
        with self._connection.write() as db:
            known = db.execute("SELECT 1 FROM runs WHERE id = ?", [request.run_id]).fetchone()
            if known is None:
                raise leases.no_such_run(request.run_id)
            db.execute(
                "INSERT INTO requests (id, run_id, kind, at, data) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (id) DO NOTHING",
                [
                    request.id,
                    request.run_id,
                    request.kind.value,
                    stamp(request.at),
                    encode(request.data),
                ],
            )
            self._quiet.stirred()

    def requests(self, run_id: str) -> list[Request]:
        if self._quiet.about(run_id):
            return []
        with self._connection.read() as db:
            rows = db.execute(
                "SELECT id, kind, at, data FROM requests WHERE run_id = ? AND consumed = 0 "
                "ORDER BY seq",
                [run_id],
            )
            return [
                convert(
                    {"id": id_, "run_id": run_id, "kind": kind, "at": at, "data": data},
                    Request,
                    what=f"Request {id_} of run {run_id}",
                    path=self._path,
                )
                for id_, kind, at, data in rows
            ]

    def machines(self, run_id: str) -> list[Machine]:
        with self._connection.read() as db:
            return machines.of_run(db, self._path, run_id)

    def samples(
        self, run_id: str, *, subject: str | None = "", since: datetime | None = None
    ) -> "list[Bucket]":
        from dcp_engine.store import samples  # noqa: PLC0415

        with self._connection.read() as db:
            return samples.of_run(db, self._path, run_id, subject, since)

    def thin(self, run_id: str, now: datetime) -> None:
        from dcp_engine.store import samples  # noqa: PLC0415

        with self._connection.write() as db:
            samples.thin(db, self._path, run_id, now)

    def events(self, run_id: str, after: str | None = None) -> list[Event]:
        with self._connection.read() as db:
            return journal.of_run(db, self._path, run_id, after)

    def due(self, run_id: str, now: datetime) -> list[Delivery]:
        with self._connection.read() as db:
            return journal.due(db, self._path, run_id, now)

    def waiting(self, run_id: str) -> bool:
        with self._connection.read() as db:
            return journal.waiting(db, run_id)

    def delivered(self, delivery: Delivery, now: datetime) -> None:
        with self._connection.write() as db:
            journal.delivered(db, delivery, now)

    def delivery_failed(self, delivery: Delivery, error: str, next_at: datetime | None) -> None:
        with self._connection.write() as db:
            journal.failed(db, delivery, error, next_at)

    def _decoded(self, id_: str, app_name: str, body: bytes) -> Run:
        return decode(
            body, Run, what=f"What is recorded of {app_name} (run {id_})", path=self._path
        )


def _columns(run: Run) -> list[Any]:
    """What is searched for, the whole run, and its id last."""
    return [
        run.names.app_name,
        run.account,
        run.region,
        int(run.live),
        stamp(run.registered_at),
        stamp_or_none(run.next_tick_at),
        encode(run),
        run.id,
    ]


def _refuse_second(db: Handle, run: Run) -> None:
    """A live run has its name for itself; so says the index runs_one_live too, without words."""
    if not run.live:
        return
    found = db.execute(
        "SELECT id FROM runs WHERE account = ? AND region = ? AND app_name = ? AND live = 1",
        [run.account, run.region, run.names.app_name],
    ).fetchone()
    if found is not None:
        raise Refused(
            f"A run called {run.names.app_name} is already live in account {run.account}, region "
            f"{run.region}: run {found[0]}. Two of one name would share alarms, queue and service, "
            "so the new one was not registered and nothing on AWS was changed; its machines are "
            f"not watched. See the other with `dcp-engine status {run.names.app_name}`; wait for "
            f"its end or end it with `dcp-engine abort {run.names.app_name}`, then register again."
        )


def _check_belongs(run_id: str, events: Sequence[Event]) -> None:
    for event in events:
        if event.run_id != run_id:
            raise ValueError(f"event {event.id} of run {event.run_id} is not of run {run_id}")


def _consume(db: Handle, run_id: str, request_ids: Sequence[str]) -> None:
    for id_ in request_ids:
        db.execute("UPDATE requests SET consumed = 1 WHERE id = ? AND run_id = ?", [id_, run_id])
