"""A store has a name of its own, from its making or its first opening by this version."""

import shutil
from collections.abc import Callable
from pathlib import Path

from dcp_engine.model import Run
from dcp_engine.store.sqlite import SqliteStore

OpenStore = Callable[..., SqliteStore]


def test_it_stays_the_same(open_store: OpenStore) -> None:
    first = open_store()
    identity = first.identity()
    assert len(identity) >= 32
    assert " " not in identity
    first.close()
    assert open_store().identity() == identity
    assert open_store(read_only=True).identity() == identity


def test_no_two_are_alike(open_store: OpenStore, tmp_path: Path) -> None:
    names = {open_store(tmp_path / f"{n}.db").identity() for n in range(3)}
    assert len(names) == 3


def test_a_copy_is_the_same_store(open_store: OpenStore, path: Path, tmp_path: Path) -> None:
    store = open_store()
    identity = store.identity()
    store.close()
    shutil.copy(path, tmp_path / "copy.db")
    assert open_store(tmp_path / "copy.db").identity() == identity


def test_an_older_file_gets_one_and_keeps_what_is_in_it(
    open_store: OpenStore, make_run: Callable[..., Run], old_file: Path
) -> None:
    store = open_store(old_file)
    identity = store.identity()
    assert store.runs() == []
    store.insert_run(make_run(), [], [])
    store.close()
    again = open_store(old_file)
    assert again.identity() == identity
    assert again.runs() == [make_run()]
