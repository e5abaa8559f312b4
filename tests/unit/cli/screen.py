"""A terminal's screen: it shows what it is told, and knows only what the live view may use.

A sequence that it does not know is an error: not every terminal would know it either.
"""

import re
from typing import Final

_TOLD: Final = re.compile(
    r"\x1b\[(?P<number>\d*)A"
    r"|(?P<line>\x1b\[K)"
    r"|(?P<below>\x1b\[J)"
    r"|\x1b\[[\d;]*m"
    r"|(?P<control>[\x00-\x1f\x7f])"
    r"|(?P<text>[^\x00-\x1f\x7f]+)"
)


class Row:
    """A row of the screen; `wrapped` when its line goes on in the next one."""

    def __init__(self, text: str = "", *, wrapped: bool = False) -> None:
        self.text = text
        self.wrapped = wrapped


class Screen:
    """Rows, those that have scrolled away included, and a cursor."""

    def __init__(self, width: int = 80, height: int = 24, *, reflows: bool = True) -> None:
        """`reflows` is whether lines are wrapped anew when the window becomes narrower."""
        self.width, self.height = width, height
        self._reflows = reflows
        self._rows = [Row()]
        self._row = 0
        self._column = 0

    @property
    def lines(self) -> list[str]:
        """Everything that was ever shown and not erased, wrapped lines put together."""
        found = [""]
        for row in self._rows:
            found[-1] += row.text
            if not row.wrapped:
                found.append("")
        while found and not found[-1].strip():
            found.pop()
        return [line.rstrip() for line in found]

    @property
    def shown(self) -> list[str]:
        """The rows that are to be seen now."""
        return [row.text for row in self._rows[self._top :]]

    def feed(self, text: str) -> None:
        """What the terminal is told."""
        end = 0
        for found in _TOLD.finditer(text):
            assert found.start() == end, f"not known: {text[end : end + 20]!r}"
            end = found.end()
            self._obey(found)
        assert end == len(text), f"not known: {text[end : end + 20]!r}"

    def resize(self, width: int, height: int) -> None:
        """Make the window wider or narrower."""
        if self._reflows:
            self._reflow(width)
        else:
            for row in self._rows:
                row.text = row.text[:width]
        self.width, self.height = width, height
        self._column = min(self._column, width)

    @property
    def _top(self) -> int:
        return max(0, len(self._rows) - self.height)

    def _obey(self, found: re.Match[str]) -> None:
        row = self._rows[self._row]
        if found["number"] is not None:
            self._row = max(self._top, self._row - int(found["number"] or 1))
        elif found["line"]:
            row.text, row.wrapped = row.text[: self._column], False
        elif found["below"]:
            row.text, row.wrapped = row.text[: self._column], False
            del self._rows[self._row + 1 :]
        elif found["control"] == "\r":
            self._column = 0
        elif found["control"] == "\n":
            self._down()
        elif found["text"]:
            for character in found["text"]:
                self._put(character)
        else:
            assert found["control"] is None, f"not known: {found['control']!r}"

    def _put(self, character: str) -> None:
        if self._column == self.width:
            self._rows[self._row].wrapped = True
            self._down()
            self._column = 0
        row = self._rows[self._row]
        row.text = row.text.ljust(self._column)
        row.text = row.text[: self._column] + character + row.text[self._column + 1 :]
        self._column += 1

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self._rows):
            self._rows.append(Row())

    def _reflow(self, width: int) -> None:
        rows: list[Row] = []
        line, at = "", None
        for index, row in enumerate(self._rows):
            if index == self._row:
                at = len(line) + self._column
            line += row.text
            if row.wrapped:
                continue
            first = len(rows)
            parts = [line[n : n + width] for n in range(0, len(line), width)] or [""]
            rows += [Row(part, wrapped=part is not parts[-1]) for part in parts]
            if at is not None:
                self._row = min(first + at // width, len(rows) - 1)
                self._column = at - (self._row - first) * width
            line, at = "", None
        self._rows = rows
