"""Text beside a lead, in lines that fit a terminal of 100 columns."""

import re
import textwrap
from collections.abc import Sequence
from typing import Final

from dcp_engine.cli.terminal import Terminal

WIDTH: Final = 100
# Beside the longest of names.
_NARROWEST: Final = 20


def say_in_columns(
    out: Terminal, lead: str, text: str, *, margin: str = "", colour: str | None = None
) -> None:
    """Print `lead` and, beside it, `text`, in as many lines as it needs.

    `margin` is what the lead begins with and every further line shall begin with too. A crontab
    line cannot be broken, so it is shown as far as it goes.
    """
    width = max(WIDTH - len(lead), _NARROWEST)
    if len(text) > width and text.startswith("*/"):
        text = f"{text[: width - 4].rstrip()} ..."
    first, *rest = _Wrapper(width, break_on_hyphens=False).wrap(text) or [""]
    out.say(first, lead=lead if first else lead.rstrip(), colour=colour)
    for line in rest:
        out.say(f"{margin:<{len(lead)}}{line}")


def say_table(out: Terminal, rows: Sequence[Sequence[str]]) -> None:
    """Print rows of cells one below the other, the head of the table first."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        out.say("  ".join(cells).rstrip())


class _Wrapper(textwrap.TextWrapper):
    """Breaks within a long path where one would."""

    wordsep_simple_re = re.compile(r"(\s+|(?<=[^/\s]/))")
