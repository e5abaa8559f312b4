"""Opening files: new, old, read-only, damaged and not ours. Nothing is ever destroyed."""

import contextlib
import os
import shutil
import sqlite3
import stat
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dcp_engine.errors import NoSuchRun, StoreBroken, StoreUnwritable
from dcp_engine.model import Holder, Request, RequestKind, Run
from dcp_engine.store import connection
from dcp_engine.store.handle import Handle
from dcp_engine.store.sqlite import SqliteStore
from tests.unit.runs import run

OpenStore = Callable[..., SqliteStore]
MakeRun = Callable[..., Run]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def pragma(store: SqliteStore, name: str) -> object:
    with store._connection.read() as db:
        return db.execute(f"PRAGMA {name}").fetchone()[0]


def test_the_file_and_its_folder_are_for_the_owner_only(
    open_store: OpenStore, make_run: MakeRun, path: Path
) -> None:
    before = os.umask(0)
    try:
        store = open_store()
        store.insert_run(make_run(), [], [])
    finally:
        os.umask(before)

    assert mode(path.parent) == 0o700
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["runs.db", "runs.db-shm", "runs.db-wal"]
    assert {mode(file) for file in files} == {0o600}


def test_a_link_to_nowhere_is_followed_and_as_private(
    open_store: OpenStore, make_run: MakeRun, tmp_path: Path
) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "target.db")
    open_store(link).insert_run(make_run(), [], [])

    assert mode(tmp_path / "target.db") == 0o600
    assert len(open_store(tmp_path / "target.db").runs()) == 1


def test_a_folder_that_is_there_keeps_its_mode(open_store: OpenStore, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    open_store(tmp_path / "runs.db")

    assert mode(tmp_path) == 0o755


@pytest.mark.parametrize("name", ["with space", "50%25", "what?mode=memory", "a#b", "µ"])
def test_any_file_name_will_do(
    open_store: OpenStore, make_run: MakeRun, tmp_path: Path, name: str
) -> None:
    open_store(tmp_path / name).insert_run(make_run(), [], [])

    assert (tmp_path / name).is_file()
    assert len(open_store(tmp_path / name, read_only=True).runs()) == 1


def test_what_was_committed_is_on_the_disk_before_the_call_returns(store: SqliteStore) -> None:
    assert pragma(store, "synchronous") == 2  # FULL, https://www.sqlite.org/pragma.html
    assert pragma(store, "fullfsync") == 1
    assert pragma(store, "journal_mode") == "wal"
    assert pragma(store, "foreign_keys") == 1


def test_a_current_file_is_opened_without_writing_it(
    open_store: OpenStore, make_run: MakeRun, path: Path
) -> None:
    store = open_store()
    store.insert_run(make_run(), [], [])
    store.close()
    before = path.read_bytes(), path.stat().st_mtime_ns

    again = open_store()
    assert len(again.runs()) == 1
    again.close()
    reading = open_store(read_only=True)
    assert len(reading.runs()) == 1
    reading.close()

    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_reading_only_sees_what_a_driver_is_writing(
    open_store: OpenStore, make_run: MakeRun
) -> None:
    driver = open_store()
    driver.insert_run(make_run("run-1"), [], [])
    reader = open_store(read_only=True)
    driver.insert_run(make_run("run-2", "Exp2"), [], [])

    with driver._connection.write() as db:
        db.execute("DELETE FROM runs")
        assert [run.id for run in reader.runs()] == ["run-2", "run-1"]
        db.rollback()


def test_reading_only_a_missing_file_is_an_empty_store_and_makes_nothing(
    open_store: OpenStore, make_run: MakeRun, tmp_path: Path, path: Path, now: datetime
) -> None:
    store = open_store(read_only=True)

    assert store.runs() == []
    assert store.events("x") == []
    assert store.machines("x") == []
    assert store.requests("x") == []
    assert store.due("x", now) == []
    assert store.lease("x", now) is None
    with pytest.raises(NoSuchRun):
        store.run("x")
    with pytest.raises(StoreUnwritable):
        store.insert_run(make_run(), [], [])
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_is_an_empty_store(
    open_store: OpenStore, make_run: MakeRun, tmp_path: Path
) -> None:
    path = tmp_path / "empty.db"
    path.touch()

    assert open_store(path, read_only=True).runs() == []
    assert path.stat().st_size == 0
    open_store(path).insert_run(make_run(), [], [])
    assert len(open_store(path).runs()) == 1


def test_a_store_opened_for_reading_takes_no_change(
    open_store: OpenStore, make_run: MakeRun, now: datetime, holder: Holder
) -> None:
    open_store().insert_run(make_run(), [], [])
    reader = open_store(read_only=True)

    with pytest.raises(StoreUnwritable):
        reader.add_request(Request(id="q", run_id="run-1", kind=RequestKind.ABORT, at=now))
    with pytest.raises(StoreUnwritable):
        reader.acquire("run-1", holder, timedelta(1), now, lambda _: True)
    assert reader.requests("run-1") == []


@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_without_permission_to_write_can_be_read(
    open_store: OpenStore, make_run: MakeRun, locked_away: Path, read_only: bool
) -> None:
    path = locked_away / "runs.db"
    first = open_store(path)
    first.insert_run(make_run(), [], [])
    first.close()
    path.chmod(0o400)

    store = open_store(path, read_only=read_only)
    assert store.run("run-1") == make_run()
    with pytest.raises(StoreUnwritable) as unwritable:
        store.insert_run(make_run("run-2", "Exp2"), [], [])
    for word in (str(path), "read-only", "still there", "billing", "may write the file"):
        assert word in str(unwritable.value)
    assert len(store.runs()) == 1


def test_a_folder_without_permission_to_write_can_be_read(
    open_store: OpenStore, make_run: MakeRun, locked_away: Path
) -> None:
    path = locked_away / "runs.db"
    first = open_store(path)
    first.insert_run(make_run(), [], [])
    first.close()
    locked_away.chmod(0o500)

    assert open_store(path, read_only=True).run("run-1") == make_run()
    with pytest.raises(StoreUnwritable, match="read-only"):
        open_store(path)
    with pytest.raises(StoreUnwritable, match="may write the file and its folder"):
        open_store(locked_away / "new.db")
    assert open_store(locked_away / "new.db", read_only=True).runs() == []


def test_changes_still_in_the_log_are_not_overlooked_in_a_read_only_folder(
    open_store: OpenStore, make_run: MakeRun, locked_away: Path
) -> None:
    path, copy = locked_away / "runs.db", locked_away / "copy" / "runs.db"
    copy.parent.mkdir()
    open_store(path).insert_run(make_run(), [], [])
    for end in ("", "-wal"):
        shutil.copy(f"{path}{end}", f"{copy}{end}")
    copy.parent.chmod(0o500)

    with pytest.raises(StoreBroken, match="cannot be read"):
        open_store(copy, read_only=True)
    copy.parent.chmod(0o700)
    assert open_store(copy, read_only=True).run("run-1") == make_run()


def test_a_file_that_may_not_be_read_says_so(
    open_store: OpenStore, make_run: MakeRun, locked_away: Path
) -> None:
    path = locked_away / "folder" / "runs.db"
    first = open_store(path)
    first.insert_run(make_run(), [], [])
    first.close()

    path.chmod(0)
    with pytest.raises(StoreBroken, match="cannot be read"):
        open_store(path, read_only=True)
    path.parent.chmod(0)
    with pytest.raises(StoreBroken, match="Permission denied"):
        open_store(path, read_only=True)
    with pytest.raises(StoreUnwritable, match="Permission denied"):
        open_store(path)
    path.parent.chmod(0o700)
    path.chmod(0o600)


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"this is not a database at all, but a text file " * 100,
        lambda data: data[:100],
        lambda data: data[: len(data) // 2],
        lambda data: b"\0" * len(data),
        lambda data: data[:100] + b"\xff" * (len(data) - 100),
    ],
    ids=["text", "header only", "truncated", "zeros", "garbage inside"],
)
def test_a_damaged_file_is_told_of_and_left_as_it_is(
    open_store: OpenStore,
    make_run: MakeRun,
    path: Path,
    read_only: bool,
    damage: Callable[[bytes], bytes],
) -> None:
    store = open_store()
    store.insert_run(make_run(), [], [])
    store.close()
    path.write_bytes(damage(path.read_bytes()))
    before = path.read_bytes()

    with pytest.raises(StoreBroken) as broken:
        open_store(read_only=read_only).runs()

    for word in (str(path), "AWS", "nobody is watching", "billing", "register the runs again"):
        assert word in str(broken.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("left", [b"", b"\n"])
def test_a_log_whose_file_was_emptied_is_not_thrown_away(
    open_store: OpenStore, make_run: MakeRun, path: Path, left: bytes, read_only: bool
) -> None:
    open_store().insert_run(make_run(), [], [])
    (emptied := path.with_name("emptied")).mkdir()
    (emptied / "runs.db").write_bytes(left)
    (emptied / "runs.db-wal").write_bytes(Path(f"{path}-wal").read_bytes())
    before = contents(emptied)

    with pytest.raises(StoreBroken, match="log is not"):
        open_store(emptied / "runs.db", read_only=read_only)

    assert contents(emptied) == before


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize(
    "sql", ["PRAGMA application_id=1196444487", "CREATE TABLE moz_places (id INTEGER)"]
)
def test_another_programs_database_is_refused_and_left_as_it_is(
    open_store: OpenStore, tmp_path: Path, sql: str, read_only: bool
) -> None:
    path = tmp_path / "places.sqlite"
    other = sqlite3.connect(path)
    other.execute(sql)
    other.commit()
    other.close()
    before = contents(tmp_path)

    with pytest.raises(StoreBroken) as broken:
        open_store(path, read_only=read_only)

    for word in (str(path), "another program", "--db"):
        assert word in str(broken.value)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_versions_database_is_refused_and_left_as_it_is(
    open_store: OpenStore, make_run: MakeRun, path: Path, read_only: bool
) -> None:
    store = open_store()
    store.insert_run(make_run(), [], [])
    with store._connection.write() as db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
            "VALUES ('dcp_engine', 'costs', '2040')"
        )
    store.close()
    before = path.read_bytes()

    with pytest.raises(StoreBroken) as broken:
        open_store(read_only=read_only)

    for word in (str(path), "newer version", "costs", "Update dcp-engine"):
        assert word in str(broken.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_that_lacks_a_change_is_brought_up_to_date(
    open_store: OpenStore, tmp_path: Path, read_only: bool
) -> None:
    path = tmp_path / "old.db"
    old = sqlite3.connect(path)
    old.execute("PRAGMA journal_mode=wal")
    old.execute("PRAGMA application_id=1145262149")
    old.close()

    store = open_store(path, read_only=read_only)
    assert store.runs() == []
    assert pragma(store, "journal_mode") == "wal"
    assert pragma(store, "query_only") == read_only


def test_a_reader_that_is_in_the_way_of_the_log_only_puts_it_off(
    open_store: OpenStore, make_run: MakeRun, path: Path
) -> None:
    first = open_store()
    first.insert_run(make_run(), [], [])
    first.close()
    reader = sqlite3.connect(path)
    reader.execute("PRAGMA journal_mode=delete")
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM runs").fetchall()

    meanwhile = open_store()
    assert pragma(meanwhile, "journal_mode") == "delete"
    assert meanwhile.runs() == [make_run()]
    meanwhile.close()
    reader.close()

    assert pragma(open_store(), "journal_mode") == "wal"


@pytest.mark.parametrize("read_only", [False, True])
def test_a_folder_is_not_a_database(open_store: OpenStore, tmp_path: Path, read_only: bool) -> None:
    with pytest.raises(StoreBroken, match="folder or a device"):
        open_store(tmp_path, read_only=read_only)


def test_a_file_where_the_folder_should_be(open_store: OpenStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")

    with pytest.raises(StoreUnwritable, match="disk or the folder refuses"):
        open_store(tmp_path / "file" / "runs.db")
    assert (tmp_path / "file").read_text() == "mine"


def test_closing_twice_is_fine(store: SqliteStore) -> None:
    store.close()
    store.close()


def test_a_file_that_is_replaced_under_a_process_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    store = SqliteStore.open(path)
    store.insert_run(run(), [], [])
    path.unlink()
    with pytest.raises(StoreBroken, match="deleted, moved or replaced"):
        store.insert_run(run(id="other"), [], [])
    SqliteStore.open(path).close()
    with pytest.raises(StoreBroken, match="deleted, moved or replaced"):
        store.insert_run(run(id="other"), [], [])
    store.close()


def test_an_empty_file_that_somebody_made_is_made_private(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    path.touch(mode=0o644)
    SqliteStore.open(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_another_process_makes_while_it_is_looked_at_is_not_foreign(
    open_store: OpenStore, make_run: MakeRun, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = connection._database
    others: list[Path] = []

    def make_it_first(statement: str) -> None:
        if "sqlite_master" not in statement or others:
            return
        others.append(path)
        # It may be kept out for as long as we look, as any writer.
        with contextlib.suppress(StoreUnwritable):
            open_store().insert_run(make_run("run-1"), [], [])

    def watched(file: Path, how: str, seconds: float) -> Handle:
        db = database(file, how, seconds)
        if not others:
            db.conn.set_trace_callback(make_it_first)
        return db

    monkeypatch.setattr(connection, "_database", watched)
    store = open_store()
    store.insert_run(make_run("run-2", app_name="Exp2"), [], [])

    assert others
    assert "run-2" in {run.id for run in open_store().runs()}
