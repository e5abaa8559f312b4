"""Stores on real files, and the values to put into them."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlite_utils import Database, Migrations

from dcp_engine.model import Event, Holder, Names, Run, State
from dcp_engine.store import migrations
from dcp_engine.store.sqlite import SqliteStore

NOBODY = 65534


@pytest.fixture
def now() -> datetime:
    return datetime(2030, 5, 17, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "runs.db"


@pytest.fixture
def open_store(path: Path) -> Iterator[Callable[..., SqliteStore]]:
    stores: list[SqliteStore] = []
    default = path

    def open_(path: Path | None = None, *, read_only: bool = False) -> SqliteStore:
        store = SqliteStore.open(
            path or default, read_only=read_only, busy_timeout=timedelta(milliseconds=1)
        )
        stores.append(store)
        return store

    yield open_
    for store in stores:
        store.close()


@pytest.fixture
def store(open_store: Callable[..., SqliteStore]) -> SqliteStore:
    return open_store()


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    """A database as the first version left it."""
    path = tmp_path / "old.db"
    db = Database(sqlite3.connect(path))
    known = Migrations("dcp_engine")
    first = migrations.runs_and_what_belongs_to_them
    known(name=first.__name__)(first)
    known.apply(db)
    db.execute(f"PRAGMA application_id={migrations.APPLICATION_ID}")
    db.close()
    return path


@pytest.fixture
def make_run(now: datetime) -> Callable[..., Run]:
    def make(id_: str = "run-1", app_name: str = "Exp1", **fields: Any) -> Run:
        run = Run(
            id=id_,
            names=Names(
                app_name=app_name,
                cluster="default",
                queue=f"{app_name}Queue",
                bucket="bucket",
                log_group=app_name,
            ),
            account="123456789012",
            region="us-east-1",
            registered_at=now,
            earliest_start=now,
            state=State.PENDING,
            state_since=now,
        )
        return msgspec.structs.replace(run, **fields)

    return make


@pytest.fixture
def make_event(now: datetime) -> Callable[..., Event]:
    def make(id_: str, **fields: Any) -> Event:
        event = Event(id=id_, run_id="run-1", at=now, kind="note", text=f"text of {id_}")
        return msgspec.structs.replace(event, **fields)

    return make


@pytest.fixture
def holder() -> Holder:
    return Holder(host="laptop/4026531836", pid=17, started=1234.0625, label="monitor")


@pytest.fixture
def other_holder() -> Holder:
    return Holder(host="server/4026531999", pid=18, started=99.5, label="tick")


@pytest.fixture
def nobody_dead() -> Callable[[Holder], bool]:
    return lambda _: False


@pytest.fixture
def locked_away() -> Iterator[Path]:
    """A folder of an ordinary user, as whom the test runs: permissions mean nothing to root."""
    folder = Path(tempfile.mkdtemp())
    was_root = os.geteuid() == 0
    if was_root:
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        if was_root:
            os.seteuid(0)
        folder.chmod(0o700)
        shutil.rmtree(folder)
