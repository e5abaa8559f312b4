"""The page itself: everything there is to see of a run, in one file that needs nothing else.

jinja2 puts it together, because it escapes whatever is filled in unless it is told not to, and
nothing here tells it so. It is only loaded where a page is made.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

import jinja2
import msgspec

from dcp_engine import series
from dcp_engine.model import Event, Outcome
from dcp_engine.picture import Picture
from dcp_engine.report import costs, words
from dcp_engine.report.axis import HEIGHT, WIDTH, TimeAxis
from dcp_engine.report.endings import MEANT, Ending
from dcp_engine.report.line_chart import LineChart, line_chart
from dcp_engine.report.lives import Life, drawn, lives_of
from dcp_engine.report.spans import ProblemSpan, problems_of, states_of
from dcp_engine.report.summary import summary_of
from dcp_engine.words import counted, ending

GENERATOR: Final = "dcp-engine report"
"""What the page calls itself, by which a later one knows that it may take its place."""

# The steps of the teardown that write the report, and that come after it.
_STEP: Final = "report"
_LAST_STEP: Final = "last-look"
# So much of each is as much as a person reads on a page; the file stays small however long a run
# was.
_MOST_EVENTS: Final = 500
_FEW_EVENTS: Final = 40
_MOST_MACHINES: Final = 250
_MOST_PROBLEMS: Final = 100
_MOST_WRONG_NOW: Final = 20
_MOST_STATES: Final = 100
_LONGEST: Final = 400
_LONGEST_PROBLEM: Final = 1000
# What stands within a bar needs so many percent of the page to be read on a telephone.
_ROOM_FOR_A_NAME: Final = 16
_MOST_PROBLEM_ROWS: Final = 12


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a bar; `named` where there is room for its name within it."""

    kind: str
    x: int
    width: int
    named: bool


def as_html(picture: Picture, *, at_the_end: bool = False) -> str:
    """The report as one HTML file, always the same for the same picture.

    With `at_the_end` it is that which the teardown writes of a run that is about to end.
    """
    page: str = _template().render(**_contents(picture, at_the_end=at_the_end))
    return page


@cache
def _template() -> jinja2.Template:
    """The page with nothing filled in: to make it takes longer than all the rest."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dcp_engine.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_to_be_seen,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "moment": words.moment,
        "machine_readable": words.machine_readable,
        "span": words.span,
        "number": words.number,
        "hours": words.hours,
        "percent": words.percent,
        "dollars": words.dollars,
        "counted": counted,
        "shortened": words.shortened,
    }
    return environment.get_template("report.html")


def _to_be_seen(value: object) -> object:
    """Whatever is filled in goes through here, so that no name needs to be thought of."""
    return (
        words.plain(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
    )


def _contents(picture: Picture, *, at_the_end: bool) -> dict[str, Any]:
    run, summary = picture.run, summary_of(picture, at_the_end=at_the_end)
    open_steps = [step.name for step in run.steps if step.ended is None and step.name != _STEP]
    lives = lives_of(run, picture.machines, picture.numbers, picture.until)
    axis = _axis(picture, lives)
    events = _events(picture.events)
    problems = problems_of(run, picture.events)
    states = states_of(run, picture.events)
    wrong_now = [problem for problem in problems if problem.end is None]
    return {
        "generator": GENERATOR,
        "width": WIDTH,
        "height": HEIGHT,
        "so_far": run.live and not at_the_end,
        "copy": run.live and at_the_end,
        "report_step": _STEP,
        "last_step": _LAST_STEP,
        "open_steps": ["the last look" if name == _LAST_STEP else name for name in open_steps],
        "few": _FEW_EVENTS,
        "longest": _LONGEST,
        "longest_problem": _LONGEST_PROBLEM,
        "run": run,
        "summary": summary,
        "share": picture.progress.share,
        "job_time": picture.progress.job_time,
        "outcome": ending(run.outcome, run.dead_letters),
        "released": run.outcome is Outcome.RELEASED,
        "until": picture.until,
        "lasted": picture.until - run.earliest_start,
        "wrong_now": wrong_now[-_MOST_WRONG_NOW:],
        "more_wrong_now": len(wrong_now[:-_MOST_WRONG_NOW]),
        "states": states[-_MOST_STATES:],
        "all_states": len(states),
        "state_bar": _segments([(s.state, s.start, s.end) for s in states], axis),
        "problems": problems[-_MOST_PROBLEMS:],
        "all_problems": len(problems),
        "problem_rows": _problem_rows(problems[-_MOST_PROBLEMS:], axis),
        "bottom": axis.ticks(),
        "axis": axis,
        "queue": _queue(picture, axis),
        "pace": _pace(picture, axis),
        "fleet": _fleet(picture, axis),
        "cluster": _cluster(picture, axis),
        "cost": _cost(picture, lives, axis),
        "lives": drawn(lives, axis),
        "machines": lives[:_MOST_MACHINES],
        "meant": {ending: text for ending, text in MEANT.items() if _is_any(lives, ending)},
        "events": events,
    }


def _axis(picture: Picture, lives: Sequence[Life]) -> TimeAxis:
    """One for all drawings, so that they can be read below each other."""
    return TimeAxis.around(
        [
            picture.run.registered_at,
            picture.until,
            *(event.at for event in picture.events if event.at <= picture.until),
            *(moment for life in lives for moment in (life.start, life.end)),
            *(bucket.at for bucket in picture.of_run),
        ]
    )


def _events(events: Sequence[Event]) -> list[Event]:
    """The newest, and before them the moves from state to state."""
    newest = events[-_MOST_EVENTS:]
    moves = [event for event in events[:-_MOST_EVENTS] if event.kind == "state"]
    return [*moves[-_MOST_EVENTS:], *newest]


def _is_any(lives: Sequence[Life], ending: Ending) -> bool:
    return any(life.ending is ending for life in lives)


def _segments(
    spans: Iterable[tuple[str, datetime, datetime | None]], axis: TimeAxis, *, at_least: int = 0
) -> list[Segment]:
    found = []
    for kind, start, end in spans:
        x = axis.x(start)
        width = axis.x(end or axis.end) - x
        width = max(width, at_least) if start < axis.end else 0
        found.append(
            Segment(
                kind=kind,
                x=x,
                width=width,
                named=width * 100 / WIDTH >= _ROOM_FOR_A_NAME,
            )
        )
    return [segment for segment in found if segment.width]


def _problem_rows(
    problems: Sequence[ProblemSpan], axis: TimeAxis
) -> list[tuple[str, list[Segment]]]:
    """A row for each kind of problem, in the order in which they first began."""
    by_name: dict[str, list[ProblemSpan]] = {}
    for problem in problems:
        by_name.setdefault(problem.name, []).append(problem)
    return [
        (name, _segments([(name, span.start, span.end) for span in spans], axis))
        for name, spans in list(by_name.items())[:_MOST_PROBLEM_ROWS]
    ]


def _queue(picture: Picture, axis: TimeAxis) -> LineChart:
    delayed = any(
        bucket.values[series.DELAYED].high
        for bucket in picture.of_run
        if series.DELAYED in bucket.values
    )
    labels = [(series.VISIBLE, "waiting"), (series.IN_FLIGHT, "in flight")]
    labels += [(series.DELAYED, "delayed")] if delayed else []
    return line_chart(
        picture.of_run,
        labels,
        axis,
        name="queue",
        title="Jobs in the queue",
        unit="jobs",
        digits=0,
    )


def _pace(picture: Picture, axis: TimeAxis) -> LineChart:
    labels = [(series.DELETED, "done"), (series.RECEIVED, "handed out")]
    return line_chart(
        picture.of_run, labels, axis, name="pace", title="Jobs each minute", unit="jobs a minute"
    )


def _fleet(picture: Picture, axis: TimeAxis) -> LineChart:
    labels = [
        (series.TARGET, "capacity requested"),
        (series.FULFILLED, "capacity fulfilled"),
        (series.MACHINES, "machines up"),
    ]
    return line_chart(
        picture.of_run,
        labels,
        axis,
        name="fleet",
        title="Fleet",
        unit="units of capacity, and machines",
        digits=0,
        stepped=True,
    )


def _cluster(picture: Picture, axis: TimeAxis) -> LineChart:
    labels = [(series.CLUSTER_CPU, "CPU"), (series.CLUSTER_MEMORY, "memory")]
    return line_chart(
        picture.of_run,
        labels,
        axis,
        name="cluster",
        title="Use of the ECS cluster",
        unit="percent",
        top=100.0,
    )


def _cost(picture: Picture, lives: Sequence[Life], axis: TimeAxis) -> LineChart:
    return line_chart(
        costs.growth_of(picture, lives, axis),
        [(costs.DOLLARS_SO_FAR, "spent so far")],
        axis,
        name="cost",
        title="Estimated cost",
        unit="US dollars",
        digits=2,
    )
