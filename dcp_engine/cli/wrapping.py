"""Lines that a terminal has room for: broken between words, what goes on moved to the right."""

import re
from textwrap import TextWrapper
from typing import Final

ROOM: Final = 24
"""So many columns beside a lead are enough for a text to stand there."""

# How far a line that goes on is moved where there is no room beside its lead.
_LITTLE: Final = 4
# What somebody copies from the terminal: half a command may do something else.
_COMMAND: Final = re.compile(r"`[^`\n]+`|(?<=: )dcp-engine(?: [^\s\[(;]+)+")
# Stands for a blank of ours, so that none that was in the text becomes one.
_MARK: Final = "\ue000"


def wrapped(text: str, width: int | None, *, taken: int = 0, hang: int | None = None) -> str:
    """The text in lines of at most `width` columns, but for words that are longer.

    `taken` columns of the first line are full already. Further lines begin below the text, or
    after `hang` columns; after a few where no room would be left. Without a width it stays as it
    is.
    """
    if width is None or taken + max(map(len, text.split("\n"))) <= width:
        return text
    first, *rest = text.split("\n")
    lines = _lines(first, width, taken, hang)
    for line in rest:
        lines += _lines(line, width, 0, None)
    return "\n".join(lines)


def _lines(text: str, width: int, taken: int, hang: int | None) -> list[str]:
    blank = len(text) - len(text.lstrip())
    indent = hang if hang is not None else taken + blank
    if indent and width - indent < ROOM:
        indent = min(_LITTLE, width // 4)
    held = _COMMAND.sub(lambda found: found[0].replace(" ", _MARK), text)
    lines = TextWrapper(
        width,
        initial_indent="x" * taken,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
    ).wrap(held)
    if not lines:
        return [text]
    lines = [line.replace(_MARK, " ") for line in lines]
    if taken and len(lines[0]) > width:
        # Not even its first word has room beside the lead.
        return ["", *_lines(" " * indent + text.lstrip(), width, 0, indent)]
    return [lines[0][taken:], *lines[1:]]
