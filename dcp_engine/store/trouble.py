"""What SQLite and the file system complain of, in words: which file, what it means, what to do."""

import contextlib
import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from dcp_engine.errors import StoreBroken, StoreError, StoreUnwritable

_FULL = {sqlite3.SQLITE_FULL}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_READ_ONLY = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
_DISK = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOLFS}

_FULL_ERRNO = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_READ_ONLY_ERRNO = {errno.EACCES, errno.EPERM, errno.EROFS}


def primary_code(error: sqlite3.Error) -> int | None:
    """SQLite's result code without its details, None for a misuse of the Python module.

    Source: https://www.sqlite.org/rescode.html#primary_result_codes_versus_extended_result_codes
    """
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def of_sqlite(error: sqlite3.Error, path: Path, *, writing: bool) -> StoreError | None:
    """The error to raise in place of SQLite's; None when it is a defect of ours, not of the file.

    A lock is StoreUnwritable for a reader too, since it passes by itself; anything else that keeps
    a reader from reading is StoreBroken.
    """
    code = primary_code(error)
    if code is None:
        return None
    detail = f"{error}; {error.sqlite_errorname}"
    if code in _BUSY:
        return _locked(path, detail)
    if error.sqlite_errorcode == sqlite3.SQLITE_IOERR_SHORT_READ:
        return damaged(path, detail)
    for codes, in_words in ((_FULL, _full), (_READ_ONLY, _read_only), (_DISK, _disk)):
        if code in codes:
            return in_words(path, detail) if writing else _unreadable(path, detail)
    return damaged(path, detail)


def of_system(error: OSError, path: Path, *, writing: bool) -> StoreError:
    """The error to raise for what the file system said while the file was looked up or made."""
    detail = error.strerror or str(error)
    if not writing:
        return _unreadable(path, detail)
    if error.errno in _FULL_ERRNO:
        return _full(path, detail)
    if error.errno in _READ_ONLY_ERRNO:
        return _read_only(path, detail)
    return _disk(path, detail)


def damaged(path: Path, detail: str) -> StoreBroken:
    """The content is not what we wrote."""
    return _broken(
        f"The database {path} is damaged or is no database ({detail}).",
        "Put back a copy of the file; or move it aside (keep it, with the files beside it that end "
        "in -wal and -shm) and register the runs again with their monitor files.",
    )


def not_a_file(path: Path) -> StoreBroken:
    """A folder or a device."""
    return _broken(
        f"{path} is a folder or a device, not a database file.",
        "Name a file with --db or the variable DCP_ENGINE_DB.",
    )


def foreign(path: Path) -> StoreBroken:
    """A proper SQLite database of another program."""
    return _broken(
        f"{path} is the database of another program, not of dcp-engine.",
        "Name another file with --db or the variable DCP_ENGINE_DB.",
    )


def replaced(path: Path) -> StoreBroken:
    """The file was deleted, moved or replaced under a process that has it open."""
    return StoreBroken(
        f"The database {path}, or the file beside it that ends in -wal, was deleted, moved or "
        "replaced while it was in use. What is decided from now on would be remembered nowhere, so "
        "nothing more is asked of AWS or changed there; machines run on and are billed. Put the "
        "files back and start again, or register the runs anew from their monitor files."
    )


def overwritten(path: Path) -> StoreBroken:
    """The file was written over or cut short where it is, under a process that has it open."""
    return StoreBroken(
        f"The database {path} was overwritten or cut short while it was in use: runs in it may "
        "be lost. What is decided from now on could not be remembered, so nothing more is "
        "changed in it, nor asked of AWS or changed there; machines run on and are billed. Put "
        "back a copy of the file and start again; or move it aside (keep it, with the files beside "
        "it that end in -wal and -shm) and register the runs anew from their monitor files."
    )


def on_network(path: Path, kind: str) -> StoreBroken:
    """On a file system where locks cannot be trusted."""
    return _broken(
        f"The database {path} is on a network drive (file system {kind}). Locks cannot be trusted "
        "there: two computers could drive the same run at once, and the file can be damaged.",
        "Name a file on a disk of this computer with --db or the variable DCP_ENGINE_DB, and "
        "register the runs there with their monitor files. `dcp-engine status` and `list` can "
        "still read this one.",
    )


def newer(path: Path, changes: list[str]) -> StoreBroken:
    """Changed by a later version than this one."""
    return _broken(
        f"The database {path} was written by a newer version of dcp-engine (this one does not know "
        f"{', '.join(changes)}).",
        "Update dcp-engine here, for example with `pip install --upgrade dcp-engine`; nothing in "
        "the file is wrong.",
    )


def _broken(what: str, then: str) -> StoreBroken:
    return StoreBroken(
        f"{what} Nothing was changed, neither in the file nor on AWS: nobody is watching the runs "
        "that it may remember from here, and what runs on AWS goes on running and billing; look at "
        f"it in the EC2 console, under Spot Requests. {then}"
    )


def _unreadable(path: Path, detail: str) -> StoreBroken:
    return _broken(
        f"The database {path} cannot be read ({detail}).",
        f"Check that this user may read the file and its folder {path.parent}, that the disk is "
        "sound and not full, then try again.",
    )


def _unwritable(what: str, then: str) -> StoreUnwritable:
    return StoreUnwritable(
        f"{what} This change was not recorded; everything recorded before is still there. Until "
        "this is mended no new decision is made for the runs in it, and machines on AWS may go on "
        f"working and billing. {then}"
    )


def _full(path: Path, detail: str) -> StoreUnwritable:
    return _unwritable(
        f"The database {path} cannot be written: the disk or the quota is full ({detail}).",
        "Free some space and try again; the run is carried on from where it stood.",
    )


def _read_only(path: Path, detail: str) -> StoreUnwritable:
    return _unwritable(
        f"The database {path} cannot be written: it is read-only here ({detail}).",
        f"Check that this user may write the file and its folder {path.parent}, then try again.",
    )


def _locked(path: Path, detail: str) -> StoreUnwritable:
    return _unwritable(
        f"The database {path} is kept locked by another program ({detail}).",
        "Close what else has it open (a database browser, a backup) and try again.",
    )


def _disk(path: Path, detail: str) -> StoreUnwritable:
    return _unwritable(
        f"The database {path} cannot be opened or written: the disk or the folder refuses "
        f"({detail}).",
        f"Check the folder {path.parent} and its disk (is it there, is it full, is it a network "
        "drive that went away?) and try again.",
    )


@contextlib.contextmanager
def in_words(path: Path, *, writing: bool) -> Iterator[None]:
    """Turn SQLite's complaints into the engine's errors."""
    try:
        yield
    except sqlite3.Error as error:
        raise_in_words(error, path, writing=writing)


def raise_in_words(error: sqlite3.Error, path: Path, *, writing: bool) -> NoReturn:
    """Raise the engine's error for SQLite's, or SQLite's own where that is a defect of ours."""
    told = of_sqlite(error, path, writing=writing)
    if told is None:
        raise error
    raise told from error


@contextlib.contextmanager
def system_in_words(path: Path, *, writing: bool) -> Iterator[None]:
    """Turn the complaints of the file system into the engine's errors."""
    try:
        yield
    except OSError as error:
        raise of_system(error, path, writing=writing) from error
