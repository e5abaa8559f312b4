"""Text as Slack shows it unchanged: nothing in it becomes a mention, a link or a broken block."""

from collections.abc import Mapping
from typing import Final

_CONTROL: Final[Mapping[str, str]] = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_ELLIPSIS: Final = " …"


def escaped(text: str, most: int) -> str:
    """The text with Slack's three control characters escaped, cut to at most so many characters.

    Slack's "Formatting message text": `&`, `<` and `>` are to be replaced, and nothing else.
    Without `<` there is no mention and no link. What is cut ends in an ellipsis, and not within
    an escape.
    """
    pieces = [_CONTROL.get(character, character) for character in text]
    if sum(map(_length, pieces)) <= most:
        return "".join(pieces)
    room = most - _length(_ELLIPSIS)
    kept: list[str] = []
    for piece in pieces:
        room -= _length(piece)
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept).rstrip() + _ELLIPSIS


def _length(piece: str) -> int:
    """As those count who count in UTF-16: what lies beyond its 65536 characters is two."""
    return len(piece) + sum(character > "\uffff" for character in piece)
