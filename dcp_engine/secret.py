"""A value that is used and never shown."""

import re
from binascii import b2a_base64
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Final
from urllib.parse import quote, quote_plus, unquote, urlsplit

HIDDEN: Final = "(hidden)"
# What is shorter would be found inside of ordinary words.
_SHORT: Final = 4
# A part of an address that is shorter is more likely a word than a token.
_LONG: Final = 8
_BASE64: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")


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

    They are found as they are, as `repr` and JSON write them, quoted for an address, in Base64 with
    whatever was written before them (as a name is in HTTP's Basic authentication), and as the
    telling parts of an address: who asks for `https://example.org/TOKEN` may be told `/TOKEN` only.
    One of fewer than 4 characters is taken out where it stands alone.
    """
    return Hiding(secrets)(text)


class Hiding:
    """`hide` for one set of secrets, worked out once and when it is needed."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = frozenset(secrets)

    def __call__(self, text: str) -> str:
        if not self._secrets:
            return text
        text = _without_base64(text, self._in_base64)
        return self._plain.sub(HIDDEN, text) if self._plain else text

    @cached_property
    def _plain(self) -> re.Pattern[str] | None:
        forms = {form for secret in self._secrets for form in _forms(secret) if form.strip()}
        return _any(map(_pattern, sorted(forms, key=len, reverse=True)))

    @cached_property
    def _in_base64(self) -> re.Pattern[str] | None:
        return _any({re.escape(part) for secret in self._secrets for part in _base64(secret)})


def _any(patterns: Iterable[str]) -> re.Pattern[str] | None:
    found = "|".join(patterns)
    return re.compile(found) if found else None


def _pattern(form: str) -> str:
    exactly = re.escape(form)
    return exactly if len(form) >= _SHORT else rf"(?<!\w){exactly}(?!\w)"


def _base64(secret: str) -> Iterator[str]:
    """What of its Base64 is the same whatever stands before it and after it.

    Three bytes make four characters (RFC 4648, section 4), so there are three ways to begin.
    """
    raw = secret.strip().encode(errors="surrogateescape")
    for before, mixed in enumerate((0, 2, 3)):
        bits = 8 * (before + len(raw))
        part = b2a_base64(bytes(before) + raw, newline=False).decode()[mixed : bits // 6]
        if len(part) >= _LONG:
            yield part
            yield part.replace("+", "-").replace("/", "_")


def _without_base64(text: str, parts: re.Pattern[str] | None) -> str:
    """The text without every word of Base64 in which one of these is."""
    kept, at = [], 0
    while parts and (found := parts.search(text, at)):
        begin, end = found.span()
        while begin > at and text[begin - 1] in _BASE64:
            begin -= 1
        while end < len(text) and text[end] in _BASE64:
            end += 1
        kept += [text[at:begin], HIDDEN]
        at = end
    return "".join([*kept, text[at:]])


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
