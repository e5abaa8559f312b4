"""The bottom of a run's view: machines, what comes next, the teardown's steps, the last events."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dcp_engine.cli import figures, words
from dcp_engine.cli.lines import colour, kind
from dcp_engine.cli.live.head import BAD
from dcp_engine.cli.live.paper import LABEL, QUIET, Paper, Section, Way, labelled
from dcp_engine.headcount import cpu, headcount, up
from dcp_engine.model import Ended, Event, Machine, State, Step
from dcp_engine.picture import Picture
from dcp_engine.progress import DEAD_LETTERS
from dcp_engine.series import JOBS_DONE
from dcp_engine.status import Status

# So many of the oldest and of the newest machines are in the table.
_EITHER: Final = 3
# So many of the duties that come next.
_COMING: Final = 3
# What need not be said of a fleet, before the teardown and in it.
_ORDINARY: Final = frozenset({"active", "modifying"})
_ENDING: Final = frozenset({"cancelled", "cancelled_terminating"})
# How important it is to have so many of the last events.
_EVENTS: Final = ((15, 8), (22, 5), (48, 3))
_STEP_STYLES: Final = {Ended.DONE: "green", Ended.KEPT: "yellow", Ended.WAIVED: "yellow"}


def machines(picture: Picture, status: Status, paper: Paper) -> Section:
    """How many are up, what is the matter with some, why others have ended; how the fleets are."""
    count = headcount(picture.run, picture.machines, picture.numbers, picture.at)
    facts = []
    if count.seen:
        facts += [figures.machines(count), *filter(None, [figures.ended(count)])]
    if picture.run.live:
        ordinary = _ORDINARY if picture.run.state.watches else _ENDING
        facts += [
            f"fleet {fleet.id} {words.fleet_state(fleet.state)}"
            for fleet in status.fleets
            if fleet.state not in ordinary
        ]
        if status.cheapest:
            acted = "only one is requested" if status.cheapest_acted else "engaged"
            facts.append(f"cheapest mode: {acted}")
    if not facts:
        return []
    lines = labelled("machines", facts, paper)
    return [Way(35, Group(*lines)), Way(64, lines[0])]


def table(picture: Picture, paper: Paper) -> Section:
    """The oldest and the newest machines, where the terminal is wide."""
    alive = up(picture.run, picture.machines)
    if not paper.wide or not alive:
        return []
    few = len(alive) <= 2 * _EITHER
    shown = (
        [("oldest", alive)] if few else [("oldest", alive[:_EITHER]), ("newest", alive[-_EITHER:])]
    )
    grid = Table.grid(expand=False, padding=(0, 2, 0, 0))
    grid.add_column(width=LABEL - 2, no_wrap=True)
    for justify in ("left", "left", "left", "right", "right", "left"):
        grid.add_column(no_wrap=True, justify=justify)
    heads = ("", "machine", "type", "zone", "up for", "CPU", "name")
    grid.add_row(*(Text(head, style=QUIET) for head in heads))
    for which, some in shown:
        for index, machine in enumerate(some):
            lead = which if not index and not few else ""
            grid.add_row(Text(lead, style=QUIET), *_machine(machine, picture, paper))
    return [Way(10, grid)]


def duties(picture: Picture, paper: Paper) -> Section:
    """What is done next while the run is watched, and when."""
    told = figures.soon(picture.run, picture.at)[:_COMING]
    if not told:
        return []
    lines = labelled("next", told, paper)
    return [Way(32, Group(*lines)), Way(42, lines[0])]


def numbers(status: Status, paper: Paper) -> Section:
    """What plugins have seen."""
    said = {JOBS_DONE} | ({DEAD_LETTERS} if status.dead_letters is not None else set())
    told = [
        f"{seen.name} {figures.measured(seen)}"
        for seen in status.observations
        if seen.name not in said
    ]
    return [Way(20, Group(*labelled("seen", told, paper)))] if told else []


def steps(picture: Picture, paper: Paper) -> Section:
    """The teardown's steps and how each stands; what is done in one line where there is no room."""
    run = picture.run
    if run.state is not State.TEARDOWN or not run.steps:
        return []
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, width=None if paper.narrow else LABEL - 2, style=QUIET)
    grid.add_column(ratio=1)
    for step in run.steps:
        grid.add_row(paper.text(step.name), _step(step, picture.at, paper))
    left = [step for step in run.steps if step.ended is None]
    done = paper.text(f"{len(run.steps) - len(left)} of {len(run.steps)} steps have ended")
    brief: list[RenderableType] = [done]
    brief += [
        paper.cut(Text.assemble(paper.text(step.name), "  ", _step(step, picture.at, paper)))
        for step in left
    ]
    return [Way(50, grid), Way(75, Group(*brief)), Way(85, done)]


def events(picture: Picture, paper: Paper) -> Section:
    """The last that happened, in a line each."""
    found = picture.events
    return [Way(n, _events(found[-most:], paper)) for n, most in _EVENTS] if found else []


def footer(text: str, paper: Paper) -> Section:
    """What keys do."""
    shown = text if len(text) <= paper.width else text.partition(";")[0]
    return [Way(87, paper.cut(paper.text(shown, QUIET)))]


def _machine(machine: Machine, picture: Picture, paper: Paper) -> list[Text]:
    load = cpu(picture.numbers.get(machine.instance_id, ()), picture.at)
    if machine.name is None:
        name = paper.text("not known", QUIET)
    else:
        name = paper.text(machine.name) if machine.name else paper.text("none", BAD)
    return [
        paper.text(machine.instance_id),
        paper.text(machine.type or "-"),
        paper.text(machine.zone or "-"),
        paper.text(words.span(machine.began, picture.at)),
        Text(figures.percent(load)),
        paper.cut(name, 30),
    ]


def _step(step: Step, now: datetime, paper: Paper) -> Text:
    if step.ended:
        ended = Text(step.ended.value, style=_STEP_STYLES[step.ended])
        reason: list[str | Text] = [" ", paper.text(f"({step.reason})")] if step.reason else []
        return Text.assemble(ended, *reason)
    due = f", next try {figures.until(step.next_at, now)}" if step.next_at else ""
    if step.failures:
        times = "once" if step.failures == 1 else f"{step.failures} times"
        return Text.assemble(
            Text(f"failed {times}{due}: ", style=BAD),
            paper.text(step.last_error or "not known why"),
        )
    if step.attempts:
        return paper.text(f"under way{due}" + (f": {step.reason}" if step.reason else ""))
    return paper.text("waiting", QUIET)


def _events(found: Sequence[Event], paper: Paper) -> RenderableType:
    lines = []
    for event in found:
        lead = f"{words.clock(event.at)}  {kind(event)}"
        lines.append(
            paper.cut(
                Text.assemble(
                    paper.text(lead, colour(event) or "bold"), "  ", paper.text(event.text)
                )
            )
        )
    return Group(*lines)
