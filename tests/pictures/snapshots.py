"""The live views of the fixed runs, as text, in the files that the tests compare them with."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dcp_engine.cli.live.paper import Line, Paper
from dcp_engine.cli.live.run_view import run_view
from dcp_engine.cli.live.runs_view import runs_view
from tests.pictures.scenes import NOW, SCENES, several

FOLDER: Final = Path(__file__).parents[1] / "unit" / "cli" / "snapshots"
WIDTHS: Final = (40, 80, 120)
FOOTER: Final = "Ctrl-C detaches; nothing is lost by that."
PAPERS: Final = {
    **{f"{width}": Paper(width=width) for width in WIDTHS},
    "80x24": Paper(width=80, height=24),
    "80x8": Paper(width=80, height=8),
    "80-ascii": Paper(width=80, ascii=True),
}
"""What each view is drawn on."""


def snapshots() -> Iterator[tuple[str, list[Line]]]:
    """Each file's name, and the lines that are to be in it."""
    for name, make in SCENES.items():
        for size, paper in PAPERS.items():
            scene = make()
            yield (
                f"{name}-{size}.txt",
                run_view(
                    scene.picture,
                    scene.status,
                    NOW,
                    paper,
                    unwatched=scene.unwatched,
                    events=True,
                    footer=FOOTER,
                ),
            )
    for size, paper in PAPERS.items():
        yield f"several-{size}.txt", runs_view(several(), NOW, paper, footer=FOOTER)


def as_text(lines: list[Line]) -> str:
    """What a file holds."""
    return "".join(f"{line.written}\n" for line in lines)
