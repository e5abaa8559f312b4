"""Which file system a path is on, and whether locks on it can be trusted.

SQLite keeps one driver out of another's way by locking the file, and its write-ahead log needs
memory that all who use the file share. On a network file system neither holds from one computer to
the next (https://www.sqlite.org/wal.html, "All processes using a database must be on the same host
computer"; https://www.sqlite.org/faq.html#q5).
"""

from collections.abc import Callable, Iterable
from pathlib import Path, PurePath
from typing import Final

Mounts = Callable[[], Iterable[tuple[str, str]]]
"""Gives every mount point with its file system's type, in the order in which they were mounted."""

# As the kernels of Linux and macOS call them. What is not listed is taken for local; so is `9p`,
# by which a sandbox or WSL shares the disk of the very same computer.
_NETWORK: Final = frozenset(
    {
        "acfs",
        "afpfs",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "fhgfs",
        "fuse.beegfs",
        "fuse.ceph",
        "fuse.davfs",
        "fuse.gcsfuse",
        "fuse.glusterfs",
        "fuse.goofys",
        "fuse.mount-s3",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "glusterfs",
        "gpfs",
        "lustre",
        "macfuse.sshfs",
        "ncpfs",
        "nfs",
        "nfs3",
        "nfs4",
        "orangefs",
        "panfs",
        "pvfs2",
        "smb2",
        "smb3",
        "smbfs",
        "webdav",
        "wekafs",
    }
)
# Files that are made up when they are read (Linux, filesystems/proc and filesystems/sysfs).
_MADE_UP: Final = frozenset({"proc", "sysfs", "cgroup", "cgroup2", "debugfs", "securityfs"})


def network_file_system(path: Path, mounts: Mounts) -> str | None:
    """The type of the network file system that the path is on; None where it is on none.

    None also where that cannot be told: a wrong guess would keep somebody from their own disk.
    """
    try:
        real = path.resolve()
        found = _type_of(real, mounts())
    except OSError:
        return None
    return found if found in _NETWORK else None


def made_up(path: Path, mounts: Mounts) -> bool:
    """Whether the path is on a file system of the kernel's own, where nobody can keep a file."""
    try:
        return _type_of(path.resolve(), mounts()) in _MADE_UP
    except OSError:
        return False


def _type_of(real: PurePath, mounts: Iterable[tuple[str, str]]) -> str | None:
    depth, found = -1, None
    for point, kind in mounts:
        where = PurePath(point)
        # A later mount on the same point covers the earlier one.
        if real.is_relative_to(where) and len(where.parts) >= depth:
            depth, found = len(where.parts), kind.lower()
    return found


def mounted() -> Iterable[tuple[str, str]]:
    """What is mounted on this computer; nothing where that cannot be told."""
    import psutil  # noqa: PLC0415 - slow, and needed by who writes only

    try:
        return [(part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=True)]
    except (OSError, RuntimeError):
        return []
