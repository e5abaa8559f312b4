"""A database on a network file system is read, and never written."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from dcp_engine.errors import StoreBroken
from dcp_engine.model import Run
from dcp_engine.store.file_system import mounted, network_file_system
from dcp_engine.store.sqlite import SqliteStore

OpenStore = Callable[..., SqliteStore]


def on(kind: str, point: Path | str = "/") -> Callable[[], list[tuple[str, str]]]:
    return lambda: [("/", "ext4"), (str(point), kind)]


@pytest.mark.parametrize(
    "kind", ["nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "lustre", "gpfs", "fuse.sshfs", "NFS"]
)
def test_writing_there_is_refused_with_the_reason(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "lab" / "runs.db"
    with pytest.raises(StoreBroken) as refused:
        SqliteStore.open(path, mounts=on(kind, tmp_path))
    for word in (str(path), kind.lower(), "Locks cannot be trusted", "--db", "DCP_ENGINE_DB"):
        assert word in str(refused.value)
    assert not path.parent.exists()


@pytest.mark.parametrize("kind", ["ext4", "apfs", "overlay", "9p", "fuse.something", ""])
def test_what_is_local_or_unknown_is_allowed(
    tmp_path: Path, make_run: Callable[..., Run], kind: str
) -> None:
    store = SqliteStore.open(tmp_path / "runs.db", mounts=on(kind, tmp_path))
    store.insert_run(make_run(), [], [])
    assert store.runs() == [make_run()]
    store.close()


def test_reading_there_goes_on(
    open_store: OpenStore, make_run: Callable[..., Run], path: Path
) -> None:
    store = open_store()
    store.insert_run(make_run(), [], [])
    store.close()
    reader = SqliteStore.open(path, read_only=True, mounts=on("nfs4"))
    assert reader.runs() == [make_run()]
    reader.close()


def test_reading_an_older_file_there_leaves_it_as_it_is(old_file: Path) -> None:
    before = old_file.read_bytes()
    reader = SqliteStore.open(old_file, read_only=True, mounts=on("nfs4"))
    assert reader.runs() == []
    assert reader.identity()
    with reader._connection.read() as db, pytest.raises(sqlite3.OperationalError):
        db.execute("DELETE FROM runs")
    reader.close()
    assert old_file.read_bytes() == before


def test_an_older_file_on_a_full_disk_is_read_too(
    old_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("dcp_engine.store.connection._open_writing", full)
    reader = SqliteStore.open(old_file, read_only=True)
    assert reader.runs() == []
    reader.close()


def test_the_longest_mount_point_counts_and_on_one_point_the_last(tmp_path: Path) -> None:
    inner = tmp_path / "local"
    inner.mkdir()
    mounts = [(str(inner), "nfs"), (str(inner), "xfs"), ("/", "ext4"), (str(tmp_path), "nfs")]
    assert network_file_system(inner / "runs.db", lambda: mounts) is None
    assert network_file_system(tmp_path / "localish" / "runs.db", lambda: mounts) == "nfs"


def test_a_link_onto_a_network_drive_is_followed(tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "share")
    mounts = on("nfs", tmp_path / "share")
    assert network_file_system(tmp_path / "link" / "runs.db", mounts) == "nfs"


def test_mounts_that_cannot_be_told_keep_nobody_from_writing(
    tmp_path: Path, make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(**_: object) -> list[object]:
        raise PermissionError("no /proc here")

    monkeypatch.setattr("psutil.disk_partitions", unknown)
    assert list(mounted()) == []
    store = SqliteStore.open(tmp_path / "runs.db")
    store.insert_run(make_run(), [], [])
    assert store.runs() == [make_run()]
    store.close()


def test_this_computers_mounts_are_told() -> None:
    assert any(point == "/" for point, _ in mounted())
