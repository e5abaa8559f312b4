"""The live views of the fixed runs, as text, in the files that the tests compare them with."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from dcp_engine.cli.doctor import say_findings
from dcp_engine.cli.history import tell_story
from dcp_engine.cli.list import say_runs
from dcp_engine.cli.live.paper import Line, Paper
from dcp_engine.cli.live.run_view import run_view
from dcp_engine.cli.live.runs_view import runs_view
from dcp_engine.cli.report import in_full, in_short
from dcp_engine.cli.terminal import Terminal
from dcp_engine.doctor.finding import advice, fine, wrong
from tests.pictures.scenes import NOW, SCENES, several
from tests.pictures.tales import tale

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


def printed() -> Iterator[tuple[str, str]]:
    """The same of what the commands print that tell of runs once, in a terminal and in a pipe."""
    for name, say in _PRINTED.items():
        for width in (*WIDTHS, None):
            page = Page(width)
            say(page)
            yield f"{name}-{width or 'pipe'}.txt", page.text


class Page(Terminal):
    """A terminal of so many columns, or a pipe, that keeps what it is told."""

    def __init__(self, width: int | None) -> None:
        super().__init__()
        self.text = ""
        self._width = width

    @property
    def width(self) -> int | None:
        return self._width

    def _result(self, text: str) -> None:
        self.text += f"{text}\n"


def _status(out: Terminal) -> None:
    for name in ("stalled", "taken_down", "unwatched"):
        one = SCENES[name]()
        in_full(out, one.status, one.picture, NOW, unwatched=one.unwatched)
        out.say()


def _doctor(out: Terminal) -> None:
    say_findings(
        out,
        [
            fine("region", "us-east-1."),
            wrong(
                "bucket-policy",
                "The policy of my-bucket does not let CloudWatch Logs write there for any account, "
                "so the logs could not be brought to it.",
                "Add these statements to it:",
                copy='[\n  {\n    "Effect": "Allow"\n  }\n]',
            ),
            advice(
                "watched",
                "Nobody watches it while this computer sleeps.",
                "Type:",
                copy="dcp-engine monitor files/Exp1SpotFleetRequestId.json",
            ),
        ],
    )


_PRINTED: Final[Mapping[str, Callable[[Terminal], None]]] = {
    "status": _status,
    "status-all": lambda out: in_short(out, several(), NOW),
    "list": lambda out: say_runs(out, [one.status for one in several()]),
    "doctor": _doctor,
    "history": lambda out: tell_story(out, tale()),
}


def as_text(lines: list[Line]) -> str:
    """What a file holds."""
    return "".join(f"{line.written}\n" for line in lines)
