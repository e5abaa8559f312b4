"""The database: where it is, whether it can be written, and that it is left as it is."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from dcp_engine.doctor.database import database
from dcp_engine.doctor.finding import Finding, Verdict
from dcp_engine.doctor.memory import Memory
from dcp_engine.errors import StoreUnwritable
from dcp_engine.store import migrations
from dcp_engine.store.examination import Place, examine
from dcp_engine.store.sqlite import SqliteStore
from tests.doctor.conftest import Clinic, not_fine
from tests.unit.runs import run

GIB = 1024**3


def look(path: Path) -> Finding:
    memory = Memory(path)
    return database(memory.place(), memory.live())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "runs.db"
    store = SqliteStore.open(path)
    store.insert_run(run(), [], [])
    store.close()
    return path


def test_a_good_one(path: Path) -> None:
    finding = look(path)
    assert finding.verdict is Verdict.FINE
    assert "1 live run in it" in finding.text


def unsound(path: Path) -> None:
    path.write_bytes(b"no database at all, but long enough to be looked at" * 100)


def foreign(path: Path) -> None:
    path.unlink()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE plates (id)")
    db.commit()
    db.close()


def newer(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
        "VALUES ('dcp_engine', 'wonders', '2040-01-01')"
    )
    db.commit()
    db.close()


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "word", "remedy"),
    [
        (unsound, "is damaged or is no database", "Put back a copy"),
        (foreign, "the database of another program", "--db"),
        (newer, "written by a newer version", ""),
        (folder, "is a folder or a device", "--db"),
    ],
)
def test_a_bad_one(path: Path, spoil: Callable[[Path], None], word: str, remedy: str) -> None:
    spoil(path)
    before = path.read_bytes() if path.is_file() else b""
    finding = look(path)
    assert finding.verdict is Verdict.WRONG
    assert word in finding.text
    assert str(path) in finding.text
    assert remedy in str(finding.what_to_do)
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_a_bad_one_hides_nothing_else(ward: Clinic, path: Path) -> None:
    unsound(path)
    found = ward.of_file(ward.launch_next(), database=path)
    assert not_fine(found).keys() == {"database", "watched"}


def test_an_older_one_is_read_and_left_as_it_is(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("DELETE FROM _sqlite_migrations WHERE name = 'numbers_over_time'")
    db.execute("DROP TABLE samples")
    db.commit()
    db.close()
    before = {one.name: one.read_bytes() for one in path.parent.iterdir()}
    assert look(path).verdict is Verdict.FINE
    assert {one.name: one.read_bytes() for one in path.parent.iterdir()} == before
    store = SqliteStore.open(path, read_only=True, untouched=True)
    assert store.samples(run().id) == []
    store.close()
    assert migrations.pending(SqliteStore.open(path, read_only=True)._connection._db) is False
    assert {one.name: one.read_bytes() for one in path.parent.iterdir()} != before


def test_one_that_a_dead_process_left_is_read_with_its_log(path: Path) -> None:
    """What was committed last is in the write-ahead log alone, and stays there."""
    store = SqliteStore.open(path)
    other = sqlite3.connect(path)
    other.execute("PRAGMA wal_autocheckpoint=0")
    other.execute("UPDATE runs SET live = 0")
    other.commit()
    log = path.with_name("runs.db-wal")
    left = path.with_name("left.db")
    left.write_bytes(path.read_bytes())
    left.with_name("left.db-wal").write_bytes(log.read_bytes())
    other.close()
    store.close()
    before = left.read_bytes(), left.with_name("left.db-wal").read_bytes()
    assert "0 live runs in it" in look(left).text
    assert (left.read_bytes(), left.with_name("left.db-wal").read_bytes()) == before


def test_one_that_is_locked_is_not_known(path: Path) -> None:
    error = StoreUnwritable("The database runs.db is kept locked by another program.")
    finding = database(examine(path), error)
    assert (finding.verdict, finding.lasting) == (Verdict.UNKNOWN, False)


def test_one_on_a_network_drive(path: Path) -> None:
    place = examine(path, lambda: [("/", "ext4"), (str(path.parent), "nfs4")])
    finding = database(place, [])
    assert finding.verdict is Verdict.WRONG
    assert "network drive (file system nfs4)" in finding.text
    assert "--db" in str(finding.what_to_do)


def test_one_that_may_not_be_written(locked_away: Path) -> None:
    path = locked_away / "runs.db"
    SqliteStore.open(path).close()
    path.chmod(0o400)
    finding = look(path)
    assert finding.verdict is Verdict.WRONG
    assert f"{path} may not be written" in finding.text


def test_a_folder_that_may_not_be_written(locked_away: Path) -> None:
    locked_away.chmod(0o500)
    finding = look(locked_away / "state" / "runs.db")
    assert finding.verdict is Verdict.WRONG
    assert f"{locked_away} may not be written" in finding.text


@pytest.mark.parametrize(
    ("free", "verdict"),
    [
        (0, Verdict.WRONG),
        (GIB // 100, Verdict.WRONG),
        (GIB // 4, Verdict.ADVICE),
        (GIB, Verdict.FINE),
    ],
)
def test_the_room_on_its_disk(path: Path, free: int, verdict: Verdict) -> None:
    finding = database(Place(path=path, exists=True, free=free), [])
    assert finding.verdict is verdict
    assert "free" in finding.text


def test_a_disk_that_is_not_there_is_said_in_words(path: Path) -> None:
    finding = database(OSError(5, "Input/output error"), [])
    assert finding.verdict is Verdict.WRONG
    assert "Input/output error" in finding.text


def test_where_nobody_can_keep_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = type(shutil.disk_usage(tmp_path))(0, 0, 0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: nothing)
    path = tmp_path / "x" / "runs.db"
    finding = database(examine(path, lambda: [("/", "ext4"), (str(tmp_path), "proc")]), [])
    assert finding.verdict is Verdict.WRONG
    assert f"{tmp_path} may not be written" in finding.text
    assert "free" not in finding.text
    # One that does not tell its size may be used all the same.
    finding = database(examine(path, lambda: [("/", "ext4")]), [])
    assert finding.verdict is Verdict.FINE
    assert "unknown free" in finding.text
