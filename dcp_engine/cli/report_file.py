"""A report's file: written whole or not at all, and over nothing but an older report."""

import contextlib
import errno
import os
from pathlib import Path
from typing import Final

from dcp_engine.errors import BadInput, FileUnwritable

# What a page of ours says of itself, near its beginning.
_MARK: Final = b'<meta name="generator" content="dcp-engine report">'
_BEGINNING: Final = 1000
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def write(path: Path, page: str, *, force: bool) -> Path:
    """Write the page, over an older one if there is one; its absolute path.

    With `force` over any other file. Raises BadInput where that is not to be, or cannot be, and
    FileUnwritable where the disk is full; then what was there before is still there.
    """
    try:
        path = path.expanduser().resolve()
        _check(path, force=force)
        _replace(path, page.encode())
    except RuntimeError as error:
        raise BadInput(f"{path} cannot be written: {error}") from error
    except OSError as error:
        why = f"{path} could not be written: {os.strerror(error.errno or errno.EIO)}."
        if error.errno in _FULL:
            raise FileUnwritable(f"{why} Make room, and try again.") from error
        raise BadInput(f"{why} Give another place with --output FILE.") from error
    return path


def _check(path: Path, *, force: bool) -> None:
    if path.is_dir():
        raise BadInput(f"{path} is a folder. Give the name of a file in it.")
    if not path.exists():
        return
    if not path.is_file():
        raise BadInput(f"{path} is no file that can be written over. Use `--output -` for a pipe.")
    if force or not path.stat().st_size:
        return
    with path.open("rb") as file:
        if _MARK in file.read(_BEGINNING):
            return
    raise BadInput(
        f"{path} is there already, and is no report of dcp-engine. It was left as it is: give "
        "another name with --output FILE, or write over it with --force."
    )


def _replace(path: Path, body: bytes) -> None:
    part = path.with_name(f".dcp-engine-report-{os.getpid()}.part")
    try:
        with part.open("xb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
