"""The lines at the bottom of a terminal that are drawn anew in place, as what the terminal is told.

Only a few sequences are used, which every terminal knows (ECMA-48): cursor up, erase to the end of
the line, erase to the end of the screen. The cursor rests at the beginning of the last line, and
what is drawn is never as wide as the terminal, so that nothing wraps by itself.
"""

from collections.abc import Sequence
from math import ceil
from typing import Final

from dcp_engine.cli.live.paper import Line

_ERASE_LINE: Final = "\x1b[K"
_ERASE_BELOW: Final = "\x1b[J"


class Region:
    """What of a terminal is ours at the moment."""

    def __init__(self, *, reflows: bool = True) -> None:
        """`reflows` is whether the terminal wraps lines that its window became too narrow for."""
        self._reflows = reflows
        self._lines: list[Line] = []
        self._width = 0

    def draw(self, lines: Sequence[Line], width: int, *, above: str = "") -> str:
        """What draws these lines in place of those before, and `above` as text that stays.

        `above` is whole lines, each with its end.
        """
        if not lines:
            return self.wipe(width) + in_terminal(above)
        same = width == self._width and not above
        told = self._to_the_top(width)
        if not same:
            # What is as wide as the terminal must not be erased after it was written: the cursor
            # still stands on its last column then.
            told += _ERASE_BELOW + in_terminal(above)
        kept = self._lines if same else []
        fewer = len(kept) > len(lines)
        last = len(lines) - 1
        for index, line in enumerate(lines):
            # What is below the last line is erased from behind its text.
            if index >= len(kept) or kept[index] != line or (fewer and index == last):
                told += line.written + _ERASE_LINE
            if index < last:
                told += "\r\n"
        if fewer:
            told += _ERASE_BELOW
        self._lines, self._width = list(lines), width
        return told + "\r"

    def wipe(self, width: int) -> str:
        """What takes the lines away; what is said next stands in their place."""
        told = self._to_the_top(width) + _ERASE_BELOW if self._lines else ""
        self.forget()
        return told

    def leave(self) -> str:
        """What leaves the lines where they are, for good; what is said next stands below."""
        told = "\r\n" if self._lines else ""
        self.forget()
        return told

    def forget(self) -> None:
        """Somebody else has written since: what was drawn is not where it was."""
        self._lines = []

    def _to_the_top(self, width: int) -> str:
        """Up from the last line to the first, through all that a narrower window made of them."""
        above = self._lines[:-1]
        rows = len(above)
        if self._reflows and width < self._width:
            rows = sum(max(1, ceil(line.columns / width)) for line in above)
        return "\r" + (f"\x1b[{rows}A" if rows else "")


def in_terminal(text: str) -> str:
    """Line ends as a terminal wants them, whatever it makes of a line feed."""
    return text.replace("\n", "\r\n")
