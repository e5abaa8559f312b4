"""What can befall the database: ways to damage it, to take it away, and to keep it from writing."""

import os
import resource
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from dcp_engine.errors import StoreUnwritable
from dcp_engine.store.sqlite import SqliteStore

FILLER: Final = b"\0" * 3000


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file of a folder with its bytes, None for a folder in it."""
    return {file.name: file.read_bytes() if file.is_file() else None for file in folder.iterdir()}


def as_of_a_newer_version(path: Path) -> None:
    """Apply a change that this version cannot know."""
    with closing(sqlite3.connect(path)) as newer, newer:
        newer.execute("CREATE TABLE costs (run_id TEXT)")
        newer.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
            "VALUES ('dcp_engine', 'costs', '2040')"
        )


def as_of_the_first_version(path: Path) -> None:
    """Undo every change but the first."""
    with closing(sqlite3.connect(path)) as older, older:
        older.execute("DROP TABLE store")
        older.execute("DELETE FROM _sqlite_migrations WHERE name = 'identity_of_the_store'")


class FullDisk:
    """A disk that has room for so many writes, and for none after them until some is freed."""

    def __init__(self, writes: int) -> None:
        self._left = writes
        self.full = False

    def point(self, name: str) -> None:
        """A `dcp_engine.crash.CrashPoint`. Raises StoreUnwritable before a write that fails."""
        if not name.startswith("before store "):
            return
        self._left -= 1
        if self._left < 0:
            self.full = True
            raise StoreUnwritable("The database cannot be written: the disk is full.")

    def fill(self) -> None:
        """Have room for nothing more."""
        self._left = 0
        self.full = True

    def free(self) -> None:
        """Make room."""
        self._left = 1_000_000
        self.full = False


@contextmanager
def no_room_for_more(store: SqliteStore) -> Iterator[None]:
    """SQLite's own limit (SQLITE_FULL): pages can be overwritten, none can be added."""
    with store._connection.write() as db:
        db.execute("CREATE TABLE filler (filler BLOB)")
    with store._connection.read() as db:
        (most,) = db.execute("PRAGMA max_page_count").fetchone()
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count={pages}")
    while True:
        try:
            with store._connection.write() as db:
                db.execute("INSERT INTO filler VALUES (?)", [FILLER])
        except StoreUnwritable:
            break
    yield
    with store._connection.read() as db:
        db.execute(f"PRAGMA max_page_count={most}")


@contextmanager
def no_file_may_grow(store: SqliteStore) -> Iterator[None]:
    """The system's limit to a file's size (EFBIG; setrlimit(2), RLIMIT_FSIZE)."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@contextmanager
def locked_by_another_program(store: SqliteStore) -> Iterator[None]:
    """A database browser with a transaction that it does not end."""
    with closing(sqlite3.connect(store._path)) as browser:
        browser.execute("BEGIN IMMEDIATE")
        yield
        browser.rollback()


@contextmanager
def read_only(store: SqliteStore) -> Iterator[None]:
    """SQLITE_READONLY at every write."""
    with store._connection.read() as db:
        db.execute("PRAGMA query_only=ON")
    yield
    with store._connection.read() as db:
        db.execute("PRAGMA query_only=OFF")


UNWRITABLE: Final = {
    "full": no_room_for_more,
    "too large": no_file_may_grow,
    "locked": locked_by_another_program,
    "read-only": read_only,
}


def deleted(path: Path) -> None:
    path.unlink()


def replaced_by_a_copy(path: Path) -> None:
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    copy.replace(path)


def replaced_by_a_new_one(path: Path) -> None:
    path.unlink()
    SqliteStore.open(path).close()


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def overwritten_in_place(path: Path) -> None:
    path.write_bytes(b"not a database any more" * 2000)


def cut_short_in_place(path: Path) -> None:
    """Leave the first page alone, and take away one that the log does not have."""
    os.truncate(path, 5000)


def without_its_log(path: Path) -> None:
    path.with_name(f"{path.name}-wal").unlink()


def log_replaced(path: Path) -> None:
    log = path.with_name(f"{path.name}-wal")
    log.unlink()
    log.write_bytes(b"no log" * 1000)


def a_folder_in_its_place(path: Path) -> None:
    path.unlink()
    path.mkdir()


VANDALISM: Final[dict[str, Callable[[Path], None]]] = {
    "deleted": deleted,
    "replaced by a copy": replaced_by_a_copy,
    "replaced by a new one": replaced_by_a_new_one,
    "emptied": emptied,
    "overwritten in place": overwritten_in_place,
    "cut short in place": cut_short_in_place,
    "without its log": without_its_log,
    "log replaced": log_replaced,
    "a folder in its place": a_folder_in_its_place,
    "brought up to date by a newer version": as_of_a_newer_version,
}
"""What may happen to a file that is in use."""

DAMAGE: Final[dict[str, Callable[[bytes], bytes]]] = {
    "text": lambda data: b"this is not a database at all, but a text file " * 100,
    "header only": lambda data: data[:100],
    "half of it": lambda data: data[: len(data) // 2],
    "the last page gone": lambda data: data[:-4096],
    "zeros": lambda data: b"\0" * len(data),
    "garbage after the header": lambda data: data[:100] + b"\xff" * (len(data) - 100),
}
"""What may have become of a file that lay there."""
