"""What a view is drawn on: so wide, so high, in these characters."""

import io
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from rich.color import ColorSystem
from rich.console import Console, RenderableType
from rich.segment import Segment
from rich.text import Text

from dcp_engine.cli.terminal import harmless

NARROW: Final = 60
"""Below this many columns everything is said as briefly as it can be."""
WIDE: Final = 100
"""From this many columns on there is room for a table of machines."""

QUIET: Final = "dim"
"""How what is not looked for first is written."""
LABEL: Final = 18
"""So many columns have the labels at the left, where there is room for any."""

_ENDLESS: Final = 10_000
_IN_ASCII: Final = str.maketrans({"→": "->", "…": "...", "\u2013": "-", "\u2014": "-"})


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """How wide and how high it is; without a height it is as high as what is on it."""

    width: int = 80
    height: int | None = None
    ascii: bool = False
    colour: bool = False

    @property
    def narrow(self) -> bool:
        return self.width < NARROW

    @property
    def wide(self) -> bool:
        return self.width >= WIDE

    def text(self, words: str, style: str = "") -> Text:
        """Words from wherever, without line breaks and in characters that can be shown."""
        shown = harmless(" ".join(words.split()))
        if self.ascii:
            shown = shown.translate(_IN_ASCII).encode("ascii", "backslashreplace").decode()
        return Text(shown, style=style, overflow="fold")

    def cut(self, text: Text, width: int | None = None) -> Text:
        """A text that ends where the line does."""
        width = self.width if width is None else width
        if text.cell_len > width:
            more = "..." if self.ascii else "…"
            text.truncate(max(0, width - len(more)), overflow="crop")
            text.append(more)
        return text

    def console(self) -> Console:
        """Something for `rich` to draw on."""
        return Console(
            file=io.StringIO(),
            width=self.width,
            height=self.height or _ENDLESS,
            force_terminal=False,
            color_system=None,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
        )


class Way(msgspec.Struct, frozen=True):
    """One way to write a part of a view.

    Where the paper is too short, what is least important of all is given up for a briefer way.
    """

    importance: int
    content: RenderableType


Section = Sequence[Way]
"""A part of a view: ways to write it, from the fullest to the briefest."""


class Line(msgspec.Struct, frozen=True):
    """A line as the terminal gets it, and how many columns it takes there."""

    written: str
    columns: int


def drawn(sections: Iterable[Section], paper: Paper) -> list[Line]:
    """The lines of a view that fit on the paper, from top to bottom."""
    console = paper.console()
    parts = [_Part(section, console, paper) for section in sections if section]
    height = _ENDLESS if paper.height is None else paper.height
    while sum(len(part.lines) for part in parts) > height:
        if len(parts) == 1 and parts[0].briefest:
            break
        # Of two that are equally important the one further down.
        least = min(reversed(parts), key=lambda part: part.importance)
        if least.briefest:
            parts.remove(least)
        else:
            least.briefer()
    return [line for part in parts for line in part.lines][:height]


class _Part:
    """A section while it is made to fit."""

    def __init__(self, section: Section, console: Console, paper: Paper) -> None:
        self._ways = list(section)
        self._console = console
        self._paper = paper
        self.briefer(0)

    @property
    def importance(self) -> int:
        return self._ways[0].importance

    @property
    def briefest(self) -> bool:
        return len(self._ways) == 1

    def briefer(self, by: int = 1) -> None:
        """Go over to the next way."""
        del self._ways[:by]
        self.lines = _lines(self._console, self._ways[0].content, self._paper)


def labelled(label: str, facts: Sequence[str], paper: Paper) -> list[Text]:
    """What facts are about, and beside it the facts, as many in a line as fit.

    None that fits in one line is broken. On narrow paper the label has no column of its own, and
    a line with the first of them.
    """
    indent = 0 if paper.narrow else LABEL
    room = paper.width - indent
    lines: list[str] = [f"{label}: "] if paper.narrow and label else [""]
    for fact in facts:
        apart = "; " if lines[-1] and not lines[-1].endswith(": ") else ""
        if not apart or len(lines[-1]) + len(apart) + len(fact) <= room:
            lines[-1] += apart + fact
        else:
            lines.append(fact)
    texts = [text for line in lines for text in wrapped(paper.text(line), room)]
    if indent:
        heads = [paper.text(label, QUIET), *[Text("")] * len(texts)]
        texts = [
            Text.assemble(_padded(head, indent), text)
            for head, text in zip(heads, texts, strict=False)
        ]
    return texts


def wrapped(text: Text, width: int) -> list[Text]:
    """A text in lines that are no wider."""
    return list(text.wrap(Console(width=width), width))


def _padded(text: Text, width: int) -> Text:
    text.truncate(width - 1, overflow="crop")
    text.pad_right(width - text.cell_len)
    return text


def _lines(console: Console, part: RenderableType, paper: Paper) -> list[Line]:
    rows = console.render_lines(part, pad=False)
    return [_line(Segment.simplify(row), paper) for row in rows]


def _line(row: Iterable[Segment], paper: Paper) -> Line:
    kept = list(row)
    # Blanks at the end would only be wrapped when the window becomes narrower.
    while kept and not kept[-1].text.strip():
        kept.pop()
    if kept:
        kept[-1] = Segment(kept[-1].text.rstrip(), kept[-1].style)
    if paper.ascii:
        # That is how `rich` cuts off what is in a table.
        kept = [Segment(segment.text.replace("…", "."), segment.style) for segment in kept]
    system = ColorSystem.STANDARD if paper.colour else None
    written = (
        s.style.render(s.text, color_system=system) if s.style and paper.colour else s.text
        for s in kept
    )
    return Line("".join(written), sum(segment.cell_length for segment in kept))
