"""Between the engine's values and what SQLite keeps: text, bytes and fixed-width moments."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from dcp_engine.errors import StoreBroken

_T = TypeVar("_T")


def stamp(at: datetime) -> str:
    """A moment as fixed-width ISO 8601 in UTC, so that texts sort as moments do.

    Raises ValueError for a moment without a timezone: what it means would depend on the computer.
    """
    if at.tzinfo is None:
        raise ValueError(f"the moment {at} has no timezone")
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def stamp_or_none(at: datetime | None) -> str | None:
    """Like `stamp`, and nothing stays nothing."""
    return None if at is None else stamp(at)


def printable(text: str) -> str:
    r"""The text with what UTF-8 cannot hold written out, as in `\udcff`.

    Error texts and paths bring such characters from undecodable file names; they must not keep an
    event from being written down.
    """
    return text.encode(errors="backslashreplace").decode()


def encode(value: object) -> bytes:
    """JSON. Raises TypeError for what JSON cannot hold."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_all_printable(msgspec.to_builtins(value)))


def decode(body: bytes, type_: type[_T], *, what: str, path: Path) -> _T:
    """The value that `encode` wrote. Raises StoreBroken, saying `what` could not be read."""
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError) as error:
        raise undecodable(what, path, error) from error


def convert(fields: dict[str, Any], type_: type[_T], *, what: str, path: Path) -> _T:
    """A value from a row's columns; `data`, where there is one, is JSON. Raises StoreBroken."""
    try:
        if "data" in fields:
            fields = {**fields, "data": msgspec.json.decode(fields["data"])}
        return msgspec.convert(fields, type_)
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError) as error:
        raise undecodable(what, path, error) from error


def apart(value: _T, type_: type[_T]) -> _T:
    """A copy with nothing in common, as another process would read it.

    Raises TypeError for what JSON cannot hold, and msgspec's ValidationError for what is no value
    of that type.
    """
    return msgspec.json.decode(encode(value), type=type_)


def undecodable(what: str, path: Path, error: Exception) -> StoreBroken:
    """The error for what is in the file and cannot be made sense of."""
    return StoreBroken(
        f"{what} in the database {path} cannot be read: {error}. Nothing was changed, neither in "
        "the file nor on AWS: nobody is watching this run now, and whatever runs for it goes on "
        "running and billing. If a newer version of dcp-engine wrote it, use that one. Otherwise "
        "put back a copy of the file, or register the run again in a new database (--db) with its "
        "monitor file, and look at its machines in the EC2 console meanwhile."
    )


def _all_printable(value: Any) -> Any:
    match value:
        case str():
            return printable(value)
        case dict():
            return {_all_printable(key): _all_printable(item) for key, item in value.items()}
        case list() | tuple():
            return [_all_printable(item) for item in value]
        case _:
            return value
