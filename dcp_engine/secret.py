"""A value that is used and never shown."""

import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus, unquote, urlsplit

HIDDEN: Final = "(hidden)"
# What is shorter would be found inside of ordinary words.
_SHORT: Final = 4
# A part of an address that is shorter is more likely a word than a token.
_LONG: Final = 8


class Secret:
    """A password, token or address that opens something; only `reveal` tells it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the service that it opens."""
        return self._value

    def __str__(self) -> str:
        return HIDDEN

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written down")


def hide(text: str, secrets: Iterable[str]) -> str:
    """The text without any of these, which some library may have put into an error.

    They are found as they are, as `repr` and JSON write them, quoted for an address, and as the
    telling parts of an address: who asks for `https://example.org/TOKEN` may be told `/TOKEN` only.
    One of fewer than 4 characters is taken out where it stands alone.
    """
    forms = {form for secret in secrets for form in _forms(secret) if form.strip()}
    if not forms:
        return text
    longest_first = sorted(forms, key=len, reverse=True)
    return re.sub("|".join(map(_pattern, longest_first)), HIDDEN, text)


def _pattern(form: str) -> str:
    exactly = re.escape(form)
    return exactly if len(form) >= _SHORT else rf"(?<!\w){exactly}(?!\w)"


def _forms(secret: str) -> Iterator[str]:
    for part in (secret, *_lines(secret), *_parts_of_address(secret)):
        yield from (part, " ".join(part.split()), unquote(part))
        yield from _in_literals(part)
        yield quote(part, errors="surrogateescape")
        yield quote(part, safe="", errors="surrogateescape")
        yield quote_plus(part, errors="surrogateescape")


def _in_literals(part: str) -> Iterator[str]:
    """As it stands in the `repr` of a text around it, and in JSON."""
    import json  # noqa: PLC0415 - a command that only looks has nothing to hide

    # Which of the quotes are escaped depends on the text around it.
    escaped = repr(f"{part}\"'")[1:-4]
    for text in (escaped, escaped.replace("\\'", "'")):
        yield text
        yield text.encode("ascii", errors="backslashreplace").decode()
    yield repr(part.encode(errors="surrogateescape"))[2:-1]
    yield json.dumps(part)[1:-1]
    yield json.dumps(part, ensure_ascii=False)[1:-1]


def _lines(secret: str) -> list[str]:
    return [line for line in secret.splitlines() if len(line) >= _LONG]


def _parts_of_address(secret: str) -> Iterator[str]:
    """What opens something in an address: its path, its password, and whatever looks random."""
    if "://" not in secret:
        return
    try:
        address = urlsplit(secret)
    except ValueError:
        return
    who, _, where = address.netloc.rpartition("@")
    path = f"{address.path}?{address.query}" if address.query else address.path
    yield from (who, who.partition(":")[2], path, address.path.rstrip("/"))
    host = where.partition(":")[0]
    pieces = [] if "." in host else [host]
    for piece in (*pieces, *re.split("[/?&=;,]", path)):
        if len(piece) >= _LONG and re.search("[0-9A-Z]", piece):
            yield piece
