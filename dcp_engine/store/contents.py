"""Whether what is in a file is still the database that we have open.

A program that writes over the file where it lies, or cuts it short, leaves its name and its inode
as they were. SQLite goes on from what it remembers, and in the end writes its log into the rest.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dcp_engine.store import migrations, trouble
from dcp_engine.store.handle import Handle

_NO_DATABASE: Final = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT})

# SQLite file format, section 4.1, "WAL File Format".
_LOG_HEADER: Final = 32
_FRAME_HEADER: Final = 24


class Contents:
    """Looks into the file itself, past the log, whenever it has changed since the last time."""

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self._log = self._path.with_name(f"{self._path.name}-wal")
        self._sound: tuple[int, ...] | None = None

    def are_lost(self, db: Handle, found: os.stat_result) -> bool:
        """Whether the file is ours no more, or lacks pages; `db` has it open, in a transaction.

        `found` is what the file's directory says of it now. Raises OSError.

        While that lasts nobody can take a page out of the log that the file does not have yet.
        A checkpoint that was killed, or that a reader holds up, leaves the file behind the log, and
        shorter than its own header says: only what neither of them has is lost.
        """
        if _look(found) == self._sound:
            return False
        # A transaction that only reads begins with what it reads first
        # (https://www.sqlite.org/lang_transaction.html, "Deferred"). Until then others may have
        # made the file longer and begun the log anew: what the file was before tells nothing.
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        found = self._path.stat()
        (page_size,) = db.execute("PRAGMA page_size").fetchone()
        lacking = set(range(found.st_size // page_size + 1, pages + 1))
        mark = self._mark()
        if mark is None:
            return False
        if mark not in {0, migrations.APPLICATION_ID}:
            return True
        if mark == 0:
            # An empty database that another program made was not ours before the log was copied.
            lacking.add(1)
        if lacking:
            return not lacking <= self._logged(page_size)
        self._sound = _look(found)
        return False

    @contextlib.contextmanager
    def left_alone(self) -> Iterator[None]:
        """Whoever closes the file in the meantime does not copy the log into it.

        Who closes it last does (https://www.sqlite.org/wal.html, "Avoiding Excessively Large WAL
        Files"). Here that is a connection that may not write.
        """
        with contextlib.ExitStack() as until_then:
            with contextlib.suppress(sqlite3.Error):
                last = until_then.enter_context(contextlib.closing(self._connection("mode=ro")))
                # Whatever comes of it, it counts as a reader from here on.
                last.execute("SELECT count(*) FROM sqlite_master").fetchone()
            yield

    def _mark(self) -> int | None:
        """The application id that is in the file; -1 for no database, None when it cannot be told.

        SQLite reads it, by another connection: to open the file beside SQLite and to close it again
        would drop the locks that this process has on it (https://www.sqlite.org/howtocorrupt.html,
        "POSIX advisory locks").
        """
        try:
            with contextlib.closing(self._connection("mode=ro&immutable=1")) as db:
                # Or a file that only lags behind its log would be refused as too short.
                db.execute("PRAGMA writable_schema=ON")
                (mark,) = db.execute("PRAGMA application_id").fetchone()
        except sqlite3.Error as error:
            # Anything else, as too many open files, says nothing of what is in it.
            return -1 if trouble.primary_code(error) in _NO_DATABASE else None
        return int(mark)

    def _logged(self, page_size: int) -> set[int]:
        """The numbers of the pages that are in the log."""
        try:
            log = self._log.read_bytes()
        except FileNotFoundError:
            return set()
        salt = log[16:24]
        frames = range(_LOG_HEADER, len(log) - page_size, _FRAME_HEADER + page_size)
        # What another salt stands before is left over from before the log was begun anew.
        return {int.from_bytes(log[at : at + 4]) for at in frames if log[at + 8 : at + 16] == salt}

    def _connection(self, how: str) -> sqlite3.Connection:
        return sqlite3.connect(f"{self._path.as_uri()}?{how}", uri=True, check_same_thread=False)


def _look(found: os.stat_result) -> tuple[int, ...]:
    """What is another one once the file has been written."""
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns
