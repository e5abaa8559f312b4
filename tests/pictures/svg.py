"""The picture of the live view that the README shows."""

import io
import re
from html import unescape
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from dcp_engine.cli.live.paper import Line, Paper
from dcp_engine.cli.live.run_view import run_view
from tests.pictures.scenes import NOW, SCENES
from tests.pictures.snapshots import FOOTER

FILE: Final = Path(__file__).parents[2] / "docs" / "pictures" / "live.svg"
_COLUMNS: Final = 104
# As `rich` has it, without the fonts that it would fetch from a server.
_FORMAT: Final = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<title>The live view of a run in a terminal</title>
<style>
.{unique_id}-matrix {{
    font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
    font-size: {char_height}px;
    line-height: {line_height}px;
    white-space: pre;
}}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def lines() -> list[Line]:
    """What it shows."""
    scene = SCENES["stalled"]()
    paper = Paper(width=_COLUMNS, colour=True)
    return run_view(scene.picture, scene.status, NOW, paper, footer=FOOTER)


def drawn() -> str:
    """The file."""
    console = Console(
        file=io.StringIO(), width=_COLUMNS, record=True, force_terminal=True, legacy_windows=False
    )
    for line in lines():
        console.print(Text.from_ansi(line.written), soft_wrap=True)
    return console.export_svg(
        title="dcp-engine monitor", code_format=_FORMAT, unique_id="dcp-engine"
    )


def words(svg: str) -> list[str]:
    """The words in such a file, whatever version of `rich` has drawn it."""
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    return unescape(" ".join(texts)).replace("\xa0", " ").split()
