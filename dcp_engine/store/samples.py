"""Numbers over time; every function needs a transaction.

A row holds what was seen of one subject at one moment, or within one span: MessagePack, in which a
number that was seen once is just that number.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import msgspec

from dcp_engine.series import Bucket, Sample, Spread, thinned, tiers
from dcp_engine.store.codec import undecodable
from dcp_engine.store.handle import Handle

_Body = dict[str, int | float | Spread]

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(_Body)


def record(db: Handle, path: Path, run_id: str, samples: Sequence[Sample]) -> None:
    """Add samples; one of a moment that is there already adds its numbers to those."""
    for sample in samples:
        at = int(sample.at.timestamp())
        values = {name: _once(value) for name, value in sample.values.items()}
        if _put(db, run_id, sample.subject, at=at, span=0, values=values, otherwise="NOTHING"):
            continue
        span, before = db.execute(
            "SELECT span, body FROM samples WHERE run_id = ? AND subject = ? AND at = ?",
            [run_id, sample.subject, at],
        ).fetchone()
        values = {**_decoded(before, path, run_id), **values}
        _put(db, run_id, sample.subject, at=at, span=span, values=values)


def of_run(
    db: Handle, path: Path, run_id: str, subject: str | None, since: datetime | None
) -> list[Bucket]:
    """What is kept, in order; with a subject of None of all of them, one after the other."""
    conditions = ["run_id = :run_id"]
    conditions += ["subject = :subject"] if subject is not None else []
    conditions += ["at + span >= :since"] if since is not None else []
    rows = db.execute(
        f"SELECT subject, at, span, body FROM samples WHERE {' AND '.join(conditions)} "
        "ORDER BY subject, at",
        {
            "run_id": run_id,
            "subject": subject,
            "since": 0 if since is None else int(since.timestamp()),
        },
    )
    return [_bucket(row, path, run_id) for row in rows]


def thin(db: Handle, path: Path, run_id: str, now: datetime) -> None:
    """Make one of what has grown old enough to be one."""
    moment = int(now.timestamp())
    for subject, rows in groupby(_overdue(db, run_id, moment), key=lambda row: row[0]):
        buckets = [_bucket(row, path, run_id) for row in rows]
        kept = thinned(buckets, now)
        if kept == buckets:
            continue
        db.execute(
            "DELETE FROM samples WHERE run_id = ? AND subject = ? AND at BETWEEN ? AND ?",
            [run_id, subject, _seconds(kept[0].at), _seconds(buckets[-1].at)],
        )
        for bucket in kept:
            _put(
                db,
                run_id,
                subject,
                at=_seconds(bucket.at),
                span=int(bucket.span.total_seconds()),
                values=bucket.values,
            )


def _overdue(db: Handle, run_id: str, now: int) -> Iterator[Sequence[Any]]:
    """The rows of each subject up to the youngest that is finer than its age asks for."""
    subjects = [
        row[0]
        for row in db.execute("SELECT DISTINCT subject FROM samples WHERE run_id = ?", [run_id])
    ]
    for subject in subjects:
        finest = tiers(subject)[0]
        oldest_fine = now - int(finest.age.total_seconds())
        # Spans are begun anew from whole ones only, so that each is put together once.
        whole = oldest_fine // int(finest.span.total_seconds()) * int(finest.span.total_seconds())
        yield from db.execute(
            "SELECT subject, at, span, body FROM samples "
            "WHERE run_id = ? AND subject = ? AND at < ? ORDER BY at",
            [run_id, subject, whole],
        ).fetchall()


def _put(
    db: Handle,
    run_id: str,
    subject: str,
    *,
    at: int,
    span: int,
    values: Mapping[str, Spread],
    otherwise: str = "UPDATE SET span = excluded.span, body = excluded.body",
) -> bool:
    """Write a row; `otherwise` is done where there is one. Returns whether any was written."""
    body = {name: _short(spread) for name, spread in values.items()}
    written = db.execute(
        "INSERT INTO samples (run_id, subject, at, span, body) VALUES (?, ?, ?, ?, ?) "
        f"ON CONFLICT (run_id, subject, at) DO {otherwise}",
        [run_id, subject, at, span, _ENCODER.encode(body)],
    )
    return written.rowcount > 0


def _bucket(row: Sequence[Any], path: Path, run_id: str) -> Bucket:
    subject, at, span, body = row
    return Bucket(
        subject=subject,
        at=datetime.fromtimestamp(at, UTC),
        span=timedelta(seconds=span),
        values=_decoded(body, path, run_id),
    )


def _decoded(body: bytes, path: Path, run_id: str) -> dict[str, Spread]:
    try:
        found = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError) as error:
        raise undecodable(f"A sample of run {run_id}", path, error) from error
    return {
        name: value if isinstance(value, Spread) else _once(value) for name, value in found.items()
    }


def _once(value: float) -> Spread:
    return Spread(value, value, value)


def _short(spread: Spread) -> int | float | Spread:
    if spread.count > 1:
        return spread
    whole = int(spread.mean)
    return whole if whole == spread.mean else spread.mean


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
