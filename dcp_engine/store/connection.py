"""One connection to one SQLite file: how it is made, opened, locked, and read or written.

The file is made for its owner only, since it names accounts, queues and hosts. Changes are in a
write-ahead log, so that reading never waits for the driver, and each is on the disk
(`synchronous=FULL`) before a call to AWS relies on it.
"""

import contextlib
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from dcp_engine.store import migrations, trouble
from dcp_engine.store.contents import Contents
from dcp_engine.store.file_system import Mounts, mounted, network_file_system
from dcp_engine.store.handle import Handle

_NO_ROOM_FOR_A_LOG: Final = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
    }
)

_DISK_FULL: Final = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL})

# So many seconds tell that a lock which was waited for in vain is still there.
_STILL_LOCKED: Final = 0.05

FileId = tuple[int, int]


class Connection:
    """Transactions on an opened file; usable from several threads, one at a time."""

    def __init__(
        self, path: Path, db: Handle, file: FileId | None = None, busy: float = 0.0
    ) -> None:
        """`file` is what was opened for writing; None for who only reads.

        `busy` is how many seconds `db` waits for another program's lock.
        """
        self.path = path
        self._busy = self._waits = busy
        self._file = file
        self._log: FileId | None = None
        self._contents = Contents(path)
        # Looked at before every transaction: a text is looked up faster than a path.
        self._texts = os.fspath(path), os.fspath(_beside(path, "wal"))
        self._lost = False
        self._schema: int | None = None
        self._db = db
        self._lock = threading.RLock()

    @contextlib.contextmanager
    def read(self) -> Iterator[Handle]:
        """One unchanging view of the data. Raises StoreBroken, or StoreUnwritable when locked."""
        with self._lock:
            try:
                if self._db.conn.in_transaction:
                    yield self._db
                    return
                try:
                    self._db.execute("BEGIN")
                    self._check_in_place(writing=False)
                    self._check_schema()
                    yield self._db
                finally:
                    self._db.rollback()
            except sqlite3.Error as error:
                trouble.raise_in_words(error, self.path, writing=False)

    @contextlib.contextmanager
    def still(self) -> Iterator[int]:
        """With nobody else of this process writing: a number that is another one where others have.

        https://www.sqlite.org/pragma.html#pragma_data_version. Raises StoreBroken.
        """
        with self._lock:
            try:
                (version,) = self._db.execute("PRAGMA data_version").fetchone()
            except sqlite3.Error as error:
                trouble.raise_in_words(error, self.path, writing=False)
            yield int(version)

    @contextlib.contextmanager
    def write(self) -> Iterator[Handle]:
        """All of it or nothing, with no other writer between. Raises StoreUnwritable, StoreBroken.

        It is a write transaction from its start, so what is read in it is still so when it ends.
        """
        with self._lock:
            if self._db.conn.in_transaction:
                raise RuntimeError("a change to the store was begun inside another")
            try:
                self._begin_to_write()
                self._check_in_place(writing=True)
                self._check_schema()
                yield self._db
                self._db.commit()
            except sqlite3.Error as error:
                self._db.rollback()
                trouble.raise_in_words(error, self.path, writing=True)
            except BaseException:
                self._db.rollback()
                raise

    def _begin_to_write(self) -> None:
        """Wait for the lock of another program, but not anew for each run. Raises sqlite3.Error.

        Where one write has waited in vain, the next ones wait just long enough to see that the lock
        is still there.
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if trouble.primary_code(error) == sqlite3.SQLITE_BUSY:
                self._wait_for_locks(min(self._busy, _STILL_LOCKED))
            raise
        self._wait_for_locks(self._busy)

    def _wait_for_locks(self, at_most: float) -> None:
        if at_most != self._waits:
            self._db.execute(f"PRAGMA busy_timeout={round(1000 * at_most)}")
            self._waits = at_most

    def _check_in_place(self, *, writing: bool) -> None:
        """Raise StoreBroken when the files under our path are not those we have open.

        A file, or its write-ahead log, that was deleted, replaced or emptied can still be written,
        but nobody else will ever read it: another process would know nothing of the run, and drive
        it too (https://www.sqlite.org/howtocorrupt.html, "Unlinking or renaming a database file
        while in use"). SQLite keeps the log for as long as anybody has the file open.

        Nor when it was overwritten or cut short where it is.
        """
        if self._file is None:
            return
        try:
            found, log = _found(self._texts[0]), _found(self._texts[1])
            if found is None or not stat.S_ISREG(found.st_mode) or found.st_size <= 1:
                # Says in words what is there instead, where that can be told.
                _size(self.path)
                raise trouble.replaced(self.path)
            log_id = None if log is None else (log.st_dev, log.st_ino)
            if (found.st_dev, found.st_ino) != self._file or self._log not in {None, log_id}:
                raise trouble.replaced(self.path)
            self._log = log_id
            self._lost = self._lost or self._contents.are_lost(self._db, found)
        except OSError as error:
            raise trouble.of_system(error, self.path, writing=writing) from error
        if self._lost:
            raise trouble.overwritten(self.path)

    def _check_schema(self) -> None:
        """Raise StoreBroken when a newer version has changed the file while we had it open.

        https://www.sqlite.org/pragma.html#pragma_schema_version: it grows with every such change.
        """
        if self._file is None:
            return
        (version,) = self._db.execute("PRAGMA schema_version").fetchone()
        if version != self._schema:
            _check_ours(self._db, self.path)
            self._schema = version

    def close(self) -> None:
        """Let go of the file; again is fine."""
        with self._lock, self._contents.left_alone() if self._lost else contextlib.nullcontext():
            self._db.close()


def connect(
    path: Path,
    *,
    read_only: bool,
    busy_timeout: timedelta,
    mounts: Mounts = mounted,
    untouched: bool = False,
) -> Connection:
    """Open the file, made and brought up to date when that is needed.

    `read_only` changes nothing in a file that is up to date, and makes none: a missing file is
    like an empty one; with `untouched` nothing is changed in any file. `busy_timeout` is how long
    to wait for another program's lock. `mounts` says what is mounted where; on a network file
    system nothing is written.
    Raises StoreBroken, and StoreUnwritable: then `read_only` may still succeed.
    """
    seconds = busy_timeout.total_seconds()
    with (
        trouble.system_in_words(path, writing=not read_only),
        trouble.in_words(path, writing=not read_only),
    ):
        blank = not _size(path)
        if read_only and not blank and untouched:
            return Connection(path, _open_untouched(path, seconds))
        if read_only:
            return Connection(path, _nothing() if blank else _open_reading(path, seconds, mounts))
        network = network_file_system(path, mounts)
        if network is not None:
            raise trouble.on_network(path, network)
        db = _open_writing(path, seconds)
        return Connection(path, db, _file_id(path), seconds)


def _found(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - many times in every look
    except FileNotFoundError:
        return None


def _file_id(path: Path) -> FileId | None:
    """What tells this file from another of the same name; None when there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _size(path: Path) -> int | None:
    """The file's size in bytes, None when there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise trouble.not_a_file(path)
    # One byte is none to SQLite (its os_unix.c, unixFileSize), and that is what `echo >` leaves.
    size = found.st_size if found.st_size > 1 else 0
    if not size and _log_has_content(path):
        # SQLite would take the file for a new one and throw the log away.
        raise trouble.damaged(path, "the file is empty, its write-ahead log is not")
    return size


def _log_has_content(path: Path) -> bool:
    return _has_content(_beside(path, "wal"))


def _has_content(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0


def _beside(path: Path, what: str) -> Path:
    """A file that SQLite keeps beside the database, which is where a link leads to."""
    real = path.resolve()
    return real.with_name(f"{real.name}-{what}")


def _open_writing(path: Path, seconds: float) -> Handle:
    _make_file(path)
    db = _database(path, "mode=rw", seconds)
    with _closed_on_failure(db):
        _check_ours(db, path)
        if migrations.pending(db):
            _migrate(db, path)
        _use_write_ahead_log(db)
        db.execute("PRAGMA synchronous=FULL")
        # Without it macOS calls data written that are still in the drive's own cache:
        # https://www.sqlite.org/pragma.html#pragma_fullfsync
        db.execute("PRAGMA fullfsync=ON")
        db.execute("PRAGMA foreign_keys=ON")
    return db


def _make_file(path: Path) -> None:
    """Make the file for its owner only, before SQLite would make it for everybody."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # An existing file must not even be opened beside SQLite: closing it would drop the locks that
    # this process has on it (https://www.sqlite.org/howtocorrupt.html, "POSIX advisory locks").
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path.resolve(), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        return
    if not _size(path):
        # Somebody made the file for us; what will be in it is for its owner only all the same.
        path.chmod(0o600)


def _migrate(db: Handle, path: Path) -> None:
    try:
        db.execute("BEGIN IMMEDIATE")
        # Nobody can have made it theirs since it was looked at.
        _check_ours(db, path)
        migrations.migrate(db)
        db.commit()
    except BaseException:
        db.rollback()
        raise


def _use_write_ahead_log(db: Handle) -> None:
    """Switch the file over, once in its life.

    SQLite does not wait for a lock here, so that two processes which open a new file at the same
    moment can get in each other's way. Taking the write lock does wait. Should it still not
    succeed, the older kind of journal is as durable, and the next opening tries again.
    """
    for _ in range(5):
        try:
            db.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if trouble.primary_code(error) != sqlite3.SQLITE_BUSY:
                raise
        else:
            return
        db.execute("BEGIN IMMEDIATE")
        db.rollback()


def _open_reading(path: Path, seconds: float, mounts: Mounts) -> Handle:
    db = _database_for_reading(path, seconds)
    with _closed_on_failure(db):
        _check_ours(db, path)
        if not migrations.pending(db):
            return db
        if network_file_system(path, mounts) is not None:
            return _brought_up_to_date(db)
        try:
            written = _open_writing(path, seconds)
        except (sqlite3.OperationalError, OSError):
            # A full disk must not hide what is recorded from a version that brings a change.
            return _brought_up_to_date(db)
    db.close()
    with _closed_on_failure(written):
        written.execute("PRAGMA query_only=ON")
    return written


def _open_untouched(path: Path, seconds: float) -> Handle:
    """The file as it is, with what it lacks made up for in memory.

    Where it has no journal of any kind beside it, SQLite is not let make one either
    (https://www.sqlite.org/uri.html#uriimmutable).
    """
    whole = not _log_has_content(path) and not _has_content(_beside(path, "journal"))
    db = _database(path, "mode=ro&immutable=1" if whole else "mode=ro", seconds)
    with _closed_on_failure(db):
        _check_ours(db, path)
        return _brought_up_to_date(db) if migrations.pending(db) else db


def _brought_up_to_date(db: Handle) -> Handle:
    """A copy in memory with every change that the file lacks, for who cannot write the file."""
    copy = _in_memory()
    with _closed_on_failure(copy):
        db.conn.backup(copy.conn)
        db.close()
        migrations.migrate(copy)
        copy.execute("PRAGMA query_only=ON")
    return copy


def _database_for_reading(path: Path, seconds: float) -> Handle:
    db = _database(path, "mode=ro", seconds)
    try:
        with _closed_on_failure(db):
            _look_into(db)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_READONLY_ROLLBACK:
            return _undone(path, seconds)
        # SQLite wants to make a log first, and the folder or a full disk does not let it.
        code = trouble.primary_code(error)
        if code in _NO_ROOM_FOR_A_LOG and not _log_has_content(path):
            # The file has it all: https://www.sqlite.org/wal.html#read_only_databases
            return _database(path, "mode=ro&immutable=1", seconds)
        if code in _DISK_FULL:
            return _alone(path, seconds)
        raise
    return db


def _alone(path: Path, seconds: float) -> Handle:
    """A copy in memory of the file and its log, for whom a full disk lets make nothing beside them.

    Nobody else may have the file open for that moment
    (https://www.sqlite.org/wal.html#use_of_wal_without_shared_memory).
    """
    copy = _in_memory()
    with _closed_on_failure(copy), contextlib.closing(_database(path, "mode=rw", seconds)) as db:
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        _look_into(db)
        db.conn.backup(copy.conn)
        copy.execute("PRAGMA query_only=ON")
    return copy


def _undone(path: Path, seconds: float) -> Handle:
    """Opened once what a killed process left half-written is undone, which takes writing.

    To look past its journal would be to read that half (SQLite documentation, "File Locking And
    Concurrency In SQLite Version 3", section 4.1, "Dealing with hot journals").
    """
    db = _database(path, "mode=rw", seconds)
    with _closed_on_failure(db):
        _look_into(db)
        db.execute("PRAGMA query_only=ON")
    return db


def _look_into(db: Handle) -> None:
    db.execute("SELECT count(*) FROM sqlite_master").fetchone()


def _nothing() -> Handle:
    """A store without runs that takes none."""
    db = _in_memory()
    migrations.migrate(db)
    db.execute("PRAGMA query_only=ON")
    return db


def _in_memory() -> Handle:
    return Handle(sqlite3.connect(":memory:", check_same_thread=False))


def _database(path: Path, how: str, seconds: float) -> Handle:
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?{how}", uri=True, timeout=seconds, check_same_thread=False
    )
    return Handle(connection)


def _check_ours(db: Handle, path: Path) -> None:
    """Refuse what another program or a newer version of this one made."""
    with _one_view(db):
        (mark,) = db.execute("PRAGMA application_id").fetchone()
        if mark != migrations.APPLICATION_ID:
            (objects,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if mark or objects:
                raise trouble.foreign(path)
        if changes := migrations.unknown(db):
            raise trouble.newer(path, changes)


@contextlib.contextmanager
def _one_view(db: Handle) -> Iterator[None]:
    """What is read in it is of one moment, also while another process makes the tables."""
    if db.conn.in_transaction:
        yield
        return
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.rollback()


@contextlib.contextmanager
def _closed_on_failure(db: Handle) -> Iterator[None]:
    try:
        yield
    except BaseException:
        db.close()
        raise
