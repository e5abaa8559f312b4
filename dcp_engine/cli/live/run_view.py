"""The view of one run: what is wrong first, then how far the work is, and how it came to that."""

from datetime import datetime
from typing import Final

from msgspec.structs import replace
from rich.text import Text

from dcp_engine.cli.live import below, head, work
from dcp_engine.cli.live.paper import Line, Paper, Section, Way, drawn
from dcp_engine.picture import Picture
from dcp_engine.status import Status

# An empty line goes before anything else does.
_GAP: Final[Section] = (Way(5, Text("")),)


def run_view(
    picture: Picture,
    status: Status,
    now: datetime,
    paper: Paper,
    *,
    unwatched: str | None = None,
    events: bool = False,
    footer: str = "",
) -> list[Line]:
    """The lines of it.

    `unwatched` is what to say where nobody looks after the run, `events` whether the last ones
    belong to the view, `footer` what can be done at the keyboard.
    """
    picture = replace(picture, at=now, until=now if picture.run.live else picture.until)
    parts = [
        head.headline(status, now, paper),
        head.troubles(status, now, paper, unwatched=unwatched),
        _GAP,
        work.progress(picture, paper),
        work.money(picture, paper),
        _GAP,
        work.charts(picture, status, paper),
        _GAP,
        below.machines(picture, status, paper),
        below.table(picture, paper),
        below.duties(picture, paper),
        below.numbers(status, paper),
        below.steps(picture, paper),
    ]
    if events and picture.events:
        parts += [_GAP, below.events(picture, paper)]
    if footer:
        parts += [below.footer(footer, paper)]
    return drawn(parts, paper)
