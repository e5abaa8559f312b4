"""Changes of several threads in one transaction: each waits for the disk, and all for one write.

Each is all or nothing by itself: one that is refused is undone alone. Where the transaction as a
whole fails, each is tried again by its own thread and fails, or not, for itself.
"""

import sqlite3
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from dcp_engine.store.connection import Connection
from dcp_engine.store.handle import Handle

Change = Callable[[Handle], None]

_SAVEPOINT: Final = "one_of_several"


class _Waiting:
    """One change; `settled` once it is written, or `refused` by itself."""

    def __init__(self, change: Change) -> None:
        self.change = change
        self.settled = False
        self.refused: Exception | None = None
        # Held until the transaction is over: the cheapest there is to wait for.
        self.pending = threading.Lock()
        self.pending.acquire()


class Joint:
    """See the module; to be used from any thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._is_led = False
        self._pause = 0.0

    def gather(self, pause: timedelta) -> None:
        """Wait so long for others before each transaction: for who makes many at the same time."""
        self._pause = pause.total_seconds()

    def write(self, change: Change) -> None:
        """Make a change, with those of others or alone; it is on the disk when this returns.

        `change` may be called by another thread, and twice. Raises what it raises, StoreUnwritable,
        StoreBroken.
        """
        own = _Waiting(change)
        with self._lock:
            self._waiting.append(own)
            leads, self._is_led = not self._is_led, True
        if leads:
            self._lead()
        else:
            own.pending.acquire()
        if not own.settled:
            with self._connection.write() as db:
                change(db)
        elif own.refused is not None:
            raise own.refused

    def _lead(self) -> None:
        """Write all that has come together, the own one with it."""
        together: list[_Waiting] = []
        try:
            if self._pause:
                threading.Event().wait(self._pause)
            with self._connection.write() as db:
                together = self._take()
                if len(together) == 1:
                    together[0].change(db)
                else:
                    for one in together:
                        _make(db, one)
            for one in together:
                one.settled = True
        except Exception:
            if len(together := together or self._take()) == 1:
                raise
        finally:
            for one in together or self._take():
                one.pending.release()

    def _take(self) -> list[_Waiting]:
        """All that wait; whoever comes from now on leads the next ones."""
        with self._lock:
            together, self._waiting = self._waiting, []
            self._is_led = False
        return together


def _make(db: Handle, one: _Waiting) -> None:
    """Make one change within the transaction, or undo it alone. Raises sqlite3.Error."""
    db.execute(f"SAVEPOINT {_SAVEPOINT}")
    try:
        one.change(db)
    except sqlite3.Error:
        # Of some of them SQLite itself undoes everything (https://www.sqlite.org/lang_transaction
        # .html, "Response To Errors Within A Transaction").
        raise
    except Exception as error:  # noqa: BLE001 - it is raised again in the thread that it belongs to
        one.refused = error
        db.execute(f"ROLLBACK TO {_SAVEPOINT}")
    db.execute(f"RELEASE {_SAVEPOINT}")
