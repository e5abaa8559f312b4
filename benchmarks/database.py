"""A database that has seen many runs: how large it gets, and what it then takes to use it."""

import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from unittest import mock

import msgspec

from benchmarks.figure import Figure
from benchmarks.load import fill
from benchmarks.process import cpu_of
from benchmarks.stub import fleet_of, machine_of
from benchmarks.stubbed import StubProcess
from dcp_engine import series
from dcp_engine.app import App
from dcp_engine.defaults import Settings
from dcp_engine.model import Event, Holder, Lease, Outcome, Run, State
from dcp_engine.series import Sample
from dcp_engine.store.protocol import Commit
from dcp_engine.store.sqlite import SqliteStore

_MACHINES: Final = 20
_MOST_GROWTH: Final = 1.1
_MOST_MORE: Final = 0.1
_EVERY: Final = timedelta(minutes=1)
_MINUTES_OF_AN_EVENT: Final = 30


def lived(path: Path, hours: int) -> list[int]:
    """Have `Exp0` watched for so long in a database of its own; how many bytes it has each hour.

    What is written is what a look writes: the numbers of each minute, those of each machine in
    five minutes, an event now and then; and every hour the numbers are thinned.
    """
    fill(path, 1, machines=_MACHINES)
    store = SqliteStore.open(path)
    sizes = []
    try:
        db = store._connection._db
        db.execute("PRAGMA synchronous=OFF")
        (run,) = store.runs()
        now = datetime.now(UTC) - timedelta(hours=hours)
        me = Holder(host="bench", pid=1, started=0.0, label="bench")
        lease = store.acquire(run.id, me, timedelta(days=30), now, lambda _: True)
        for minute in range(hours * 60):
            now += _EVERY
            _a_minute(store, lease, run, minute, now)
            if minute % 60 == 59:
                store.thin(run.id, now)
                (pages,) = db.execute("PRAGMA page_count").fetchone()
                (free,) = db.execute("PRAGMA freelist_count").fetchone()
                (each,) = db.execute("PRAGMA page_size").fetchone()
                sizes.append((pages - free) * each)
        store.release(lease)
    finally:
        store.close()
    return sizes


def _a_minute(store: SqliteStore, lease: Lease, run: Run, minute: int, now: datetime) -> None:
    numbers = {series.VISIBLE: 9000 - minute, series.IN_FLIGHT: 40, series.DELAYED: 0}
    samples = [Sample(at=now, values=numbers)]
    if minute % 5 == 0:
        fleet = fleet_of("Exp0")
        values = {series.CPU: 80.0 + minute % 7}
        samples += [
            Sample(subject=machine_of(fleet, n), at=now, values=values) for n in range(_MACHINES)
        ]
    events = []
    if minute % _MINUTES_OF_AN_EVENT == 0:
        text = "Lowering the requested capacity of fleet sfr-… from 100 to 58."
        events = [Event(id=f"e{minute}", run_id=run.id, at=now, kind="downscale", text=text)]
    changed = msgspec.structs.replace(run, last_tick_at=now, next_tick_at=now + _EVERY)
    store.commit(lease, Commit(run=changed, samples=samples, events=events))


def multiply(path: Path, runs: int) -> None:
    """Add so many runs that have ended, each with all that is kept of `Exp0`."""
    store = SqliteStore.open(path)
    try:
        with store._connection.write() as db:
            (one,) = [store._decoded(*row) for row in db.execute(_RUN)]
            for number in range(1, runs + 1):
                name = f"Old{number}"
                ended = msgspec.structs.replace(
                    one,
                    id=f"{name}-bench",
                    names=msgspec.structs.replace(one.names, app_name=name),
                    state=State.EXPORTED,
                    outcome=Outcome.COMPLETED,
                    next_tick_at=None,
                )
                db.execute(_COPY_RUN, [ended.id, name, msgspec.json.encode(ended), one.id])
                for copy in _COPIES:
                    db.execute(copy, [ended.id, one.id])
    finally:
        store.close()


_RUN: Final = "SELECT id, app_name, body FROM runs"
_COPY_RUN: Final = (
    "INSERT INTO runs (id, app_name, body, account, region, live, registered_at, next_tick_at) "
    "SELECT ?, ?, ?, account, region, 0, registered_at, NULL FROM runs WHERE id = ?"
)
_COPIES: Final = (
    "INSERT INTO samples (run_id, subject, at, span, body) "
    "SELECT ?1, subject, at, span, body FROM samples WHERE run_id = ?2",
    "INSERT INTO machines (run_id, instance_id, fleet_id, first_seen, ended_at, details) "
    "SELECT ?1, instance_id, fleet_id, first_seen, first_seen, details FROM machines "
    "WHERE run_id = ?2",
    "INSERT INTO events (id, run_id, at, kind, text, data) "
    "SELECT ?1 || id, ?1, at, kind, text, data FROM events WHERE run_id = ?2",
)


def measure(*, runs: int, hours: int, rounds: int) -> list[Figure]:
    """So many ended runs that were watched for so long, beside one that is live."""
    with TemporaryDirectory() as folder, StubProcess(latency=0) as stub:
        small, large = Path(folder) / "small.db", Path(folder) / "large.db"
        sizes = lived(small, hours)
        lived(large, hours)
        multiply(large, runs)
        in_large, in_small = _looks([large, small], stub, 20 * rounds)
        command = [sys.executable, "-m", "dcp_engine", "status", "Exp0"]
        more = _least(command, stub, large, rounds) - _least(command, stub, small, rounds)
        megabytes = large.stat().st_size / 1e6
    # In the last quarter of its life the numbers of a run grow by what is thinned already.
    growth = sizes[-1] / sizes[3 * len(sizes) // 4]
    what = f"database after {runs} runs of {hours} hours"
    return [
        Figure(
            what=f"{what}: size",
            figure=f"{megabytes:.0f} MB, {1000 * megabytes / runs:.0f} kB for each run of "
            f"{_MACHINES} machines",
        ),
        Figure(
            what=f"{what}: size of one run at its end / after three quarters of it",
            figure=f"{growth:.2f}",
            target="flat",
            met=growth <= _MOST_GROWTH,
        ),
        Figure(
            what=f"{what}: CPU of a look / the same with one run in the database",
            figure=f"{in_large / in_small:.2f}",
            target="flat",
            met=in_large <= _MOST_GROWTH * in_small,
        ),
        Figure(
            what=f"{what}: `status` of one run, more than with one run in the database",
            figure=f"{1000 * more:.0f} ms",
            target="< 100 ms",
            met=more < _MOST_MORE,
        ),
    ]


def _looks(paths: Sequence[Path], stub: StubProcess, looks: int) -> list[float]:
    """The CPU of a look at the live run of each database, by turns: the middle of so many."""
    with mock.patch.dict(os.environ, stub.environment, clear=True):
        apps = [App(database=path, settings=Settings()) for path in paths]
        taken: list[list[float]] = [[] for _ in apps]
        for look in range(looks + 3):
            for app, own in zip(apps, taken, strict=True):
                before = time.process_time()
                app.tick("Exp0")
                # What is due only now and then is done in the first ones.
                if look >= 3:
                    own.append(time.process_time() - before)
        for app in apps:
            app.close()
    return [sorted(own)[looks // 2] for own in taken]


def _least(command: Sequence[str], stub: StubProcess, path: Path, rounds: int) -> float:
    environment = {**stub.environment, "DCP_ENGINE_DB": str(path)}
    return min(cpu_of(command, environment) for _ in range(rounds))
