"""What is wrong with a run, and what that means for its machines."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from dcp_engine.cli import words
from dcp_engine.cli.terminal import Terminal
from dcp_engine.model import Problem, RequestKind, Run
from dcp_engine.status import IN_THE_WAY, Status, unstopped

_WISHES: Final[Mapping[RequestKind, str]] = {
    RequestKind.RELEASE: "somebody asked to stop watching this run",
    RequestKind.WAIVE: "somebody asked to go on without a teardown step",
    RequestKind.TAKE_OVER: "somebody asked this computer to take the run over",
    RequestKind.ADD_FLEET: "another fleet of the run is to be taken in",
    RequestKind.TRY_AGAIN: "a plugin that was left alone for a time is to be tried again",
}


def say_problems(out: Terminal, problems: Iterable[Problem], now: datetime) -> None:
    """Each problem that stands, with its name and since when."""
    for problem in problems:
        out.say(
            f"{problem.text} [{problem.name}, {_since(problem, now)}]",
            lead="  PROBLEM  ",
            colour="red",
            hang=4,
        )


def wishes(status: Status) -> Iterator[tuple[str, str]]:
    """What was asked for and waits to be obeyed: a word that stands out, and what it means."""
    if status.abort_requested and status.state.watches:
        kept = ", the queue to be kept" if status.keep_queue else ""
        yield "ABORT", f"an abort was asked for{kept}"
    for kind in status.wishes:
        if kind in _WISHES:
            yield kind.value.upper(), _WISHES[kind]


def in_the_way(run: Run) -> list[Problem]:
    """The problems for which none of the run's machines could be stopped, where any must be."""
    if not (run.state.watches or unstopped(run)):
        return []
    return [problem for problem in run.problems if problem.name in IN_THE_WAY]


def driven_elsewhere(run: Run) -> bool:
    """Whether another computer drives the run, so that this one keeps its hands off."""
    return run.problem("driven-elsewhere") is not None


def not_stopped(run: Run, wish: str) -> str | None:
    """What a teardown has not stopped yet, why, and what that costs; None when nothing is wrong.

    The problems themselves are said elsewhere. `wish` is what was asked for: `abort`.
    """
    left = unstopped(run)
    failing = run.problem("step-fleets") is not None
    if not left and not failing:
        return None
    name = run.names.app_name
    nothing = len(left) == len(run.fleets)
    what = "NOTHING WAS STOPPED YET" if nothing else "NOT EVERYTHING WAS STOPPED YET"
    # An answer that was lost on its way may have been a yes.
    unheard = failing or run.problem("unreachable") is not None
    said = ", as far as AWS has said" if unheard else ""
    money = (
        f"No machine of {name} was up at the last look at its fleets, but one that comes is billed."
        if run.active_machines == 0
        else f"The machines of {name} run on and are billed."
    )
    return f"{what}{said}: the {wish} is only recorded. {money} {_way_out(run, wish)}"


def _way_out(run: Run, wish: str) -> str:
    if driven_elsewhere(run):
        return (
            f"The other computer does not know of the {wish}: ask for it there, or take the run "
            "over from here."
        )
    if in_the_way(run):
        return "Once the problem above is over, the next look at the run stops them."
    return "Every look at the run tries it again."


def _since(problem: Problem, now: datetime) -> str:
    """Since when it has been wrong, and when somebody was last reminded of it."""
    text = f"since {words.since(problem.since, now)}"
    return f"{text}, told again {words.since(problem.told_at, now)}" if problem.told_at else text
