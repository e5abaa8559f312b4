"""Text that a person hands us: read whole or refused, and quoted harmlessly in messages."""

import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from dcp_engine.errors import BadInput

LARGEST = 1024 * 1024
"""Bytes. What people write by hand, or `startCluster` for them, stays far below."""

_KINDS: Mapping[type, str] = {
    type(None): "null",
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "a table of keys and values",
}


def read_text(path: Path) -> str:
    """The whole of a UTF-8 text file, without a byte order mark.

    Raises BadInput, in words, when there is no such file, or it is a folder or a device, may not
    be read, is larger than `LARGEST`, or is not UTF-8.
    """
    name = shown(path)
    try:
        mode = path.stat().st_mode
        # A pipe or a device could keep the reader waiting for ever, or never end.
        raw = _first_bytes(path) if stat.S_ISREG(mode) else None
    except FileNotFoundError as error:
        raise BadInput(f"There is no file {name}.") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise BadInput(f"{name} could not be read: {reason}.") from error
    if raw is None:
        raise BadInput(f"{name} is {_what_else(mode)}; an ordinary file is needed.")
    if len(raw) > LARGEST:
        raise BadInput(f"{name} is larger than 1 MiB, so it must be some other file.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{name} is not UTF-8 text (the first odd byte is number {error.start + 1}). "
            "If it was edited, save it again with the encoding UTF-8."
        ) from error


def yes_or_no(text: str) -> bool | None:
    """What a person means who writes yes, true, on or 1, or their opposites; None for others."""
    match text.strip().lower():
        case "yes" | "true" | "on" | "1":
            return True
        case "no" | "false" | "off" | "0":
            return False
        case _:
            return None


def not_a_file(path: Path) -> str | None:
    """What is there in place of an ordinary file, in words; None where one is, or could be made.

    Writing to a pipe that nobody reads would wait for ever. Raises OSError.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    return None if stat.S_ISREG(mode) else _what_else(mode)


def shown(name: str | Path) -> str:
    """A name or path for a message; quoted where it holds what a terminal would obey."""
    text = str(name)
    return text if text.isprintable() else repr(text)


def quoted(text: str, most: int = 80) -> str:
    """`text` in quotes and at most `most` characters of it, control characters escaped."""
    return repr(text) if len(text) <= most else f"{text[:most]!r}…"


def kind(value: object) -> str:
    """What a decoded value is, in words: `a number`, `a list`."""
    return _KINDS.get(type(value), f"a {type(value).__name__}")


def line(value: object) -> str:
    """A decoded value that is some text on one line. Raises BadInput for any other."""
    if isinstance(value, str) and value.strip() and value.isprintable():
        return value
    got = quoted(value) if isinstance(value, str) else kind(value)
    raise BadInput(f"it must be some text in quotes, on one line, and is {got}")


def nearest(wrong: str, right: Iterable[str]) -> str | None:
    """The one of `right` that `wrong` was probably meant to be, whatever its case."""
    by_folded = {name.casefold(): name for name in right}
    import difflib  # noqa: PLC0415 - slow, and only for slips

    found = difflib.get_close_matches(wrong.casefold(), by_folded, n=1)
    return by_folded[found[0]] if found else None


def _what_else(mode: int) -> str:
    return "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST + 1)
