"""What stands in the way of keeping runs in a file, found out without writing anything."""

import os
import shutil
from pathlib import Path

import msgspec

from dcp_engine.store.file_system import Mounts, made_up, mounted, network_file_system


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a database is, or would be made.

    `network` is the file system's type where it is a network's, `closed` the file or folder that
    this user may not write, `free` the bytes that are free on its disk; None where there is no such
    trouble, or it cannot be told.
    """

    path: Path
    exists: bool
    network: str | None = None
    closed: Path | None = None
    free: int | None = None


def examine(path: Path, mounts: Mounts = mounted) -> Place:
    """Look at where a database is; the file itself is not opened. Raises OSError."""
    real = path.resolve()
    folder = next(above for above in real.parents if above.is_dir())
    exists = real.exists()
    needed = [real, folder] if exists else [folder]
    closed = [place for place in needed if not _writable(place)]
    usage = shutil.disk_usage(folder)
    if not usage.total and made_up(path, mounts):
        closed.append(folder)
    return Place(
        path=path,
        exists=exists,
        network=network_file_system(path, mounts),
        closed=closed[0] if closed else None,
        # Some have no size at all, or do not tell it.
        free=usage.free if usage.total else None,
    )


def _writable(place: Path) -> bool:
    """Whether this process may write it, by the rights that it really uses where that can be told.

    To write a database SQLite makes files beside it, so the folder counts too
    (https://www.sqlite.org/wal.html#read_only_databases).
    """
    return os.access(place, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
