"""What the store needs of an open SQLite connection.

sqlite-utils has the same and much more, and takes longer to load than everything else that `status`
and `list` need together; so it is loaded only where the schema is changed.
"""

import sqlite3
from typing import Any

_Values = list[Any] | dict[str, Any]


class Handle:
    """An open connection. No transaction begins or ends but by what is said to it."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        self.conn = conn
        # Python would otherwise begin transactions by itself (sqlite3, "Transaction control").
        conn.isolation_level = None

    def execute(self, sql: str, values: _Values | tuple[()] = ()) -> sqlite3.Cursor:
        """Carry one statement out."""
        return self.conn.execute(sql, values)

    def commit(self) -> None:
        """Make what was written since BEGIN so; nothing happens outside a transaction."""
        self.conn.commit()

    def rollback(self) -> None:
        """Undo what was written since BEGIN; nothing happens outside a transaction."""
        self.conn.rollback()

    def close(self) -> None:
        """Let go of it; again is fine."""
        self.conn.close()
