"""Fenced leases as a compare-and-set on one row per run; every function needs a transaction.

The row outlives its lease (`until` is then NULL), so that a token never comes twice.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from dcp_engine.errors import LeaseHeld, LeaseLost, NoSuchRun
from dcp_engine.model import Holder, Lease
from dcp_engine.store.codec import convert, decode, encode, stamp
from dcp_engine.store.handle import Handle

WRITES_BY: Final = "(SELECT token FROM leases WHERE run_id = runs.id AND until IS NOT NULL)"
"""Whose token may write a run, in a statement about `runs`: what `fence` says in words."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """The newest lease of a run, in force or not."""

    token: int
    holder: Holder
    until: datetime | None


def newest(db: Handle, path: Path, run_id: str) -> Row | None:
    """The row as it is, None when the run never had a driver."""
    found = db.execute(
        "SELECT token, holder, until FROM leases WHERE run_id = ?", [run_id]
    ).fetchone()
    if found is None:
        return None
    token, holder, until = found
    what = f"The lease of run {run_id}"
    fields = {
        "token": token,
        "holder": decode(holder, Holder, what=what, path=path),
        "until": until,
    }
    return convert(fields, Row, what=what, path=path)


def in_force(row: Row | None, run_id: str, now: datetime) -> Lease | None:
    """The lease, unless it was released or has lapsed."""
    if row is None or row.until is None or now >= row.until:
        return None
    return Lease(run_id=run_id, token=row.token, holder=row.holder, until=row.until)


def acquire(
    db: Handle,
    path: Path,
    run_id: str,
    *,
    holder: Holder,
    ttl: timedelta,
    now: datetime,
    is_dead: Callable[[Holder], bool],
) -> Lease:
    """Take it when nobody else who lives has it. Raises LeaseHeld and NoSuchRun."""
    app_name = _app_name(db, run_id)
    row = newest(db, path, run_id)
    current = in_force(row, run_id, now)
    if current is not None and _same(current.holder, holder):
        token = current.token
    elif current is not None and not is_dead(current.holder):
        raise LeaseHeld(
            f"{app_name} (run {run_id}) is driven by {current.holder}, whose hold lasts until "
            f"{_words(current.until)} unless it renews it. That is fine: the run is being watched "
            "and one driver is enough, so nothing needs doing and nothing was changed here. Should "
            "that process be gone, its hold ends by itself then; run this command again after that."
        )
    else:
        token = (row.token if row else 0) + 1
    lease = Lease(run_id=run_id, token=token, holder=holder, until=now + ttl)
    db.execute(
        "INSERT INTO leases (run_id, token, holder, until) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (run_id) DO UPDATE SET "
        "token = excluded.token, holder = excluded.holder, until = excluded.until",
        [run_id, token, encode(holder), stamp(lease.until)],
    )
    return lease


def still_ours(db: Handle, path: Path, run_id: str, holder: Holder, now: datetime) -> Lease | None:
    """The lease in force, where this holder has it."""
    current = in_force(newest(db, path, run_id), run_id, now)
    return current if current is not None and _same(current.holder, holder) else None


def renew(db: Handle, path: Path, lease: Lease, ttl: timedelta, now: datetime) -> Lease:
    """Extend it. Raises LeaseLost."""
    fence(db, path, lease)
    renewed = msgspec.structs.replace(lease, until=now + ttl)
    db.execute("UPDATE leases SET until = ? WHERE run_id = ?", [stamp(renewed.until), lease.run_id])
    return renewed


def release(db: Handle, lease: Lease) -> None:
    """Free it, if it still is the newest."""
    db.execute(
        "UPDATE leases SET until = NULL WHERE run_id = ? AND token = ?", [lease.run_id, lease.token]
    )


def fence(db: Handle, path: Path, lease: Lease) -> None:
    """Raise LeaseLost unless this is the newest lease and was not released.

    One that lapsed and that nobody took since still is the newest: writing under it harms nobody.
    """
    row = newest(db, path, lease.run_id)
    if row is not None and row.token == lease.token and row.until is not None:
        return
    app_name = _app_name(db, lease.run_id)
    if row is None or row.token == lease.token:
        why = f"This process had already let go of {app_name} (run {lease.run_id})."
    else:
        why = f"{app_name} (run {lease.run_id}) was taken over by {row.holder}."
    raise LeaseLost(
        f"{why} It changes nothing more, neither in the database nor on AWS, and no work is lost: "
        "whoever drives the run carries on from what is recorded. `dcp-engine status` shows it."
    )


def _same(one: Holder, other: Holder) -> bool:
    """Whether it is the same process; a process id alone comes again."""
    return (one.host, one.pid, one.started) == (other.host, other.pid, other.started)


def _app_name(db: Handle, run_id: str) -> str:
    found = db.execute("SELECT app_name FROM runs WHERE id = ?", [run_id]).fetchone()
    if found is None:
        raise no_such_run(run_id)
    return str(found[0])


def no_such_run(run_id: str) -> NoSuchRun:
    """The error for an id that the store does not know."""
    return NoSuchRun(
        f"No run {run_id} is in the database; `dcp-engine list` shows those that are. Nothing was "
        "changed."
    )


def _words(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
