"""One figure of a benchmark, against its target."""

from collections.abc import Iterable

import msgspec


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured, in words, and whether that is what was aimed at; None where nothing was.

    Every figure is a count, or a ratio of two things measured in the same run: what one computer
    takes in seconds says nothing of another.
    """

    what: str
    figure: str
    target: str = ""
    met: bool | None = None


def table(figures: Iterable[Figure]) -> str:
    """The figures as a table of Markdown, for docs/performance.md."""
    rows = ["| what | measured | target | met |", "|---|---|---|---|"]
    for one in figures:
        met = {True: "yes", False: "**no**", None: ""}[one.met]
        rows.append(f"| {one.what} | {one.figure} | {one.target} | {met} |")
    return "\n".join(rows)
