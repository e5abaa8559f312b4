"""What is in the file while it is in use: damage is noticed where it lies, and nothing else is."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from dcp_engine.errors import StoreBroken
from dcp_engine.model import Event, Run
from dcp_engine.store import connection
from dcp_engine.store.sqlite import SqliteStore

OpenStore = Callable[..., SqliteStore]
MakeRun = Callable[..., Run]
MakeEvent = Callable[..., Event]


def noise(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 500)


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def a_few_bytes(path: Path) -> None:
    path.write_bytes(b"xyz")


def cut_short(path: Path) -> None:
    os.truncate(path, 5000)


def cut_within_the_header(path: Path) -> None:
    os.truncate(path, 50)


def another_programs(path: Path) -> None:
    other = path.with_name("other")
    with closing(sqlite3.connect(other)) as db:
        db.execute("PRAGMA application_id=7")
        db.execute("CREATE TABLE places (name TEXT)")
        db.execute("INSERT INTO places VALUES (zeroblob(200000))")
        db.commit()
    path.write_bytes(other.read_bytes())


def kept(path: Path) -> dict[str, bytes]:
    """The file and its log; what stands beside them is memory that processes share."""
    return {name: path.with_name(name).read_bytes() for name in (path.name, f"{path.name}-wal")}


@pytest.mark.parametrize(
    "harm", [noise, zeros, a_few_bytes, cut_short, cut_within_the_header, another_programs]
)
@pytest.mark.parametrize("logged", [0, 300])
def test_what_is_done_to_the_file_in_place_is_noticed_and_it_is_left_so(
    open_store: OpenStore,
    make_run: MakeRun,
    make_event: MakeEvent,
    path: Path,
    harm: Callable[[Path], None],
    logged: int,
) -> None:
    store = open_store()
    store.insert_run(make_run(), [make_event(str(number)) for number in range(logged)], [])
    assert store.runs() != []
    harm(path)
    before = kept(path)
    for _ in range(2):
        with pytest.raises(StoreBroken, match="overwritten or cut short while it was in use"):
            store.runs()
        with pytest.raises(StoreBroken, match="overwritten or cut short while it was in use"):
            store.insert_run(make_run("run-2", "Exp2"), [], [])
    store.close()
    assert kept(path) == before


def test_a_file_that_lags_behind_its_log_is_sound(
    open_store: OpenStore, make_run: MakeRun, make_event: MakeEvent, path: Path
) -> None:
    store = open_store()
    first_size = path.stat().st_size
    store.insert_run(make_run(), [make_event(str(number)) for number in range(300)], [])
    with closing(sqlite3.connect(path)) as reader:
        # Holds the checkpoint up, so that only a part of the log gets into the file.
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM events").fetchone()
        store.insert_run(
            make_run("run-2", "Exp2"),
            [make_event(f"2-{number}", run_id="run-2") for number in range(300)],
            [],
        )
        with closing(sqlite3.connect(path)) as other:
            other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        assert path.stat().st_size > first_size
        assert len(store.events("run-2")) == 300
    assert len(store.runs()) == 2


def test_a_checkpoint_that_was_killed_is_sound(
    open_store: OpenStore, make_run: MakeRun, make_event: MakeEvent, path: Path
) -> None:
    store = open_store()
    store.insert_run(make_run(), [make_event(str(number)) for number in range(300)], [])
    with closing(sqlite3.connect(path)) as db:
        (page_size,) = db.execute("PRAGMA page_size").fetchone()
        (pages,) = db.execute("PRAGMA page_count").fetchone()
    log = path.with_name(f"{path.name}-wal").read_bytes()
    frames = range(32, len(log), page_size + 24)
    # The first page is copied first, and says already how long the file will be.
    (first,) = {
        log[at + 24 : at + 24 + page_size] for at in frames if log[at : at + 4] == b"\0\0\0\1"
    }
    assert int.from_bytes(first[28:32]) == pages > path.stat().st_size // page_size
    with path.open("r+b") as file:
        file.write(first)
    assert len(store.events("run-1")) == 300
    store.insert_run(make_run("run-2", "Exp2"), [], [])
    store.close()
    assert len(open_store().runs()) == 2


def test_an_empty_database_of_another_program_that_became_ours_is_sound(
    open_store: OpenStore, make_run: MakeRun, tmp_path: Path
) -> None:
    path = tmp_path / "empty.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=WAL")
    store = open_store(path)
    assert path.read_bytes()[68:72] == bytes(4)
    store.insert_run(make_run(), [], [])
    assert len(store.runs()) == 1


def test_looking_into_the_file_keeps_its_locks(
    open_store: OpenStore, make_run: MakeRun, path: Path
) -> None:
    """Who closes a file loses the locks on it; the next to close the database ends the log."""
    store = open_store()
    store.insert_run(make_run(), [], [])
    path.touch()
    store.insert_run(make_run("run-2", "Exp2"), [], [])
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        with closing(sqlite3.connect(path)) as other:
            other.execute("SELECT count(*) FROM runs").fetchone()
        os.write(writer, b"x")
        os._exit(0)
    os.read(reader, 1)
    os.waitpid(child, 0)
    for end in (reader, writer):
        os.close(end)
    assert path.with_name(f"{path.name}-wal").exists()
    assert len(store.runs()) == 2


def test_others_may_write_and_clear_the_log_right_after_the_file_was_looked_at(
    open_store: OpenStore,
    make_run: MakeRun,
    make_event: MakeEvent,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A view begins with what is read first in it, and not with the look at the file before."""
    store, others = open_store(), open_store()
    store.insert_run(make_run(), [], [])
    events = [make_event(str(number), run_id="run-2") for number in range(300)]
    looked, checkpoints = connection._found, []

    def clear_the_log() -> None:
        with closing(sqlite3.connect(path)) as db:
            checkpoints.append(db.execute("PRAGMA wal_checkpoint(RESTART)").fetchone())

    def then_others_act(of: str) -> os.stat_result | None:
        found = looked(of)
        if of == os.fspath(path):
            monkeypatch.setattr(connection, "_found", looked)
            others.insert_run(make_run("run-2", "Exp2"), events, [])
            clear_the_log()
            others.insert_run(make_run("run-3", "Exp3"), [], [])
        return found

    # What is in the file is only looked at where it has changed.
    clear_the_log()
    monkeypatch.setattr(connection, "_found", then_others_act)
    assert len(store.runs()) == 3
    assert len(checkpoints) == 2
    for busy, logged, copied in checkpoints:
        assert not busy
        assert logged == copied > 0
