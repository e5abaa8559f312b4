"""The database's schema, as an ordered list of changes of which each is applied once.

A change that was ever released is never edited: add another at the end.
"""

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from dcp_engine.store.handle import Handle

if TYPE_CHECKING:
    from sqlite_utils import Database

APPLICATION_ID: Final = 0x44435045
"""Marks a file as ours ("DCPE"; https://www.sqlite.org/pragma.html#pragma_application_id)."""


def runs_and_what_belongs_to_them(db: "Database") -> None:
    """Runs, leases, events, machines, requests and the outbox.

    Moments are fixed-width ISO 8601 text in UTC, so that their order is the text's order.
    """
    db.executescript(
        """
        CREATE TABLE runs (
            id TEXT NOT NULL PRIMARY KEY,
            app_name TEXT NOT NULL,
            account TEXT NOT NULL,
            region TEXT NOT NULL,
            live INTEGER NOT NULL CHECK (live IN (0, 1)),
            registered_at TEXT NOT NULL,
            next_tick_at TEXT,
            body BLOB NOT NULL
        );
        CREATE UNIQUE INDEX runs_one_live ON runs (account, region, app_name) WHERE live = 1;
        CREATE INDEX runs_by_age ON runs (registered_at);
        CREATE INDEX runs_live_by_age ON runs (registered_at) WHERE live = 1;
        CREATE INDEX runs_by_name ON runs (app_name, registered_at);

        CREATE TABLE leases (
            run_id TEXT NOT NULL PRIMARY KEY REFERENCES runs (id),
            token INTEGER NOT NULL,
            holder BLOB NOT NULL,
            until TEXT
        );

        CREATE TABLE events (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            run_id TEXT NOT NULL REFERENCES runs (id),
            at TEXT NOT NULL,
            kind TEXT NOT NULL,
            text TEXT NOT NULL,
            data BLOB NOT NULL
        );
        CREATE INDEX events_of_run ON events (run_id, seq);

        CREATE TABLE machines (
            run_id TEXT NOT NULL REFERENCES runs (id),
            instance_id TEXT NOT NULL,
            fleet_id TEXT NOT NULL,
            first_seen TEXT NOT NULL,
            ended_at TEXT,
            PRIMARY KEY (run_id, instance_id)
        );
        CREATE INDEX machines_by_age ON machines (run_id, first_seen);

        CREATE TABLE requests (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            run_id TEXT NOT NULL REFERENCES runs (id),
            kind TEXT NOT NULL,
            at TEXT NOT NULL,
            data BLOB NOT NULL,
            consumed INTEGER NOT NULL DEFAULT 0 CHECK (consumed IN (0, 1))
        );
        CREATE INDEX requests_open ON requests (run_id, seq) WHERE consumed = 0;

        -- next_at is NULL once nothing is left to do: told, or given up (then with an error).
        CREATE TABLE outbox (
            seq INTEGER NOT NULL REFERENCES events (seq),
            notifier TEXT NOT NULL,
            run_id TEXT NOT NULL REFERENCES runs (id),
            attempts INTEGER NOT NULL DEFAULT 0,
            next_at TEXT,
            delivered_at TEXT,
            error TEXT,
            PRIMARY KEY (seq, notifier)
        );
        CREATE INDEX outbox_open ON outbox (run_id, notifier, seq) WHERE next_at IS NOT NULL;
        """
    )


def identity_of_the_store(db: "Database") -> None:
    """A name for this store that no other one has; it goes with the file when that is copied."""
    db.execute("CREATE TABLE store (identity TEXT NOT NULL)")
    db.execute("INSERT INTO store (identity) VALUES (?)", [uuid.uuid4().hex])


def machines_in_detail(db: "Database") -> None:
    """What is known of a machine beside its ids and its times, as JSON."""
    db.execute("ALTER TABLE machines ADD COLUMN details BLOB")


def numbers_over_time(db: "Database") -> None:
    """Samples and what they are thinned to; see `dcp_engine.series`.

    `at` and `span` are in whole seconds, `at` since 1970: there are many rows.
    """
    db.executescript(
        """
        CREATE TABLE samples (
            run_id TEXT NOT NULL REFERENCES runs (id),
            subject TEXT NOT NULL,
            at INTEGER NOT NULL,
            span INTEGER NOT NULL,
            body BLOB NOT NULL,
            PRIMARY KEY (run_id, subject, at)
        ) WITHOUT ROWID;
        """
    )


_CHANGES: Final[tuple[Callable[["Database"], None], ...]] = (
    runs_and_what_belongs_to_them,
    identity_of_the_store,
    machines_in_detail,
    numbers_over_time,
)
_KNOWN: Final = tuple(change.__name__ for change in _CHANGES)
# Where sqlite-utils records them (its documentation, "Database migrations").
_SET: Final = "dcp_engine"
_RECORD: Final = "_sqlite_migrations"


def applied(db: Handle) -> list[str]:
    """The names of the changes that were made to the file."""
    table = db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", [_RECORD])
    if table.fetchone() is None:
        return []
    rows = db.execute(f"SELECT name FROM {_RECORD} WHERE migration_set = ?", [_SET])
    return [str(name) for (name,) in rows]


def pending(db: Handle) -> bool:
    """Whether the file lacks a change that this version knows."""
    return not set(_KNOWN) <= set(applied(db))


def unknown(db: Handle) -> list[str]:
    """Changes made to the file by a newer version, which this one cannot know."""
    return [name for name in applied(db) if name not in _KNOWN]


def migrate(db: Handle) -> None:
    """Bring the file up to date and mark it as ours.

    Call it inside a transaction: then a file is either ours and whole, or as it was before.
    """
    from sqlite_utils import Database, Migrations  # noqa: PLC0415 - slow, and seldom needed

    migrations = Migrations(_SET)
    for change in _CHANGES:
        migrations(name=change.__name__)(change)
    # Plugins of sqlite-utils which happen to be installed are somebody else's code.
    migrations.apply(Database(db.conn, recursive_triggers=False, execute_plugins=False))
    db.execute(f"PRAGMA application_id={APPLICATION_ID}")
