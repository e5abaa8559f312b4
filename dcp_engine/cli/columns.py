"""Text beside a lead, in lines that fit a terminal of 100 columns."""

import re
import textwrap
from collections.abc import Sequence
from typing import Final

from dcp_engine.cli.terminal import Terminal

WIDTH: Final = 100
# Beside the longest of names.
_NARROWEST: Final = 20
# Columns between the cells of a table.
_APART: Final = 2


def say_in_columns(
    out: Terminal, lead: str, text: str, *, margin: str = "", colour: str | None = None
) -> None:
    """Print `lead` and, beside it, `text`, in as many lines as it needs.

    `margin` is what the lead begins with and every further line shall begin with too. A crontab
    line cannot be broken, so it is shown as far as it goes.
    """
    width = max(min(WIDTH, out.width or WIDTH) - len(lead), _NARROWEST)
    if len(text) > width and text.startswith("*/"):
        text = f"{text[: width - 4].rstrip()} ..."
    first, *rest = _Wrapper(width, break_on_hyphens=False).wrap(text) or [""]
    out.say(first, lead=lead if first else lead.rstrip(), colour=colour)
    for line in rest:
        out.say(f"{margin:<{len(lead)}}{line}")


def say_table(out: Terminal, rows: Sequence[Sequence[str]]) -> None:
    """Print rows of cells one below the other, the head of the table first.

    Where a terminal is too narrow for it each row is a block of its own: the first cell, and below
    it the others, each after its head.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if out.width is not None and sum(widths) + _APART * (len(widths) - 1) > out.width:
        _say_blocks(out, rows)
        return
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        out.say((" " * _APART).join(cells).rstrip())


def _say_blocks(out: Terminal, rows: Sequence[Sequence[str]]) -> None:
    head, *found = rows
    for row in found:
        out.say(lead=row[0])
        cells = [f"{name} {cell}" for name, cell in zip(head[1:], row[1:], strict=True)]
        lines = [""]
        for cell in cells:
            more = f"{lines[-1]}{' ' * _APART}{cell}"
            if lines[-1] and len(more) > (out.width or 0):
                lines.append(" " * _APART + cell)
            else:
                lines[-1] = more
        for line in lines:
            out.say(line, hang=2 * _APART)


class _Wrapper(textwrap.TextWrapper):
    """Breaks within a long path where one would."""

    wordsep_simple_re = re.compile(r"(\s+|(?<=[^/\s]/))")
