"""What an event is about, in words that can be chosen from in the settings."""

from typing import Final

from dcp_engine.model import Event, Problem, Run, State

REGISTERED: Final = "registered"
RUNNING: Final = "running"
DRAINING: Final = "draining"
TEARDOWN: Final = "teardown"
MACHINES_ENDED: Final = "machines-ended"
EXPORTED: Final = "exported"
PROBLEM: Final = "problem"
PROBLEM_OVER: Final = "problem-over"
PROBLEM_LASTS: Final = "problem-lasts"

THAT_MATTER: Final = (
    REGISTERED,
    RUNNING,
    DRAINING,
    TEARDOWN,
    MACHINES_ENDED,
    EXPORTED,
    PROBLEM,
    PROBLEM_OVER,
    PROBLEM_LASTS,
)
"""What is told where nothing else was chosen."""

NEEDS_PERSON: Final = "needs-person"
"""Not a topic: any problem that time alone will not mend, as it begins and while it lasts."""

TEST: Final = "test"
"""What somebody asked for just now, to see whether it arrives; told whatever was chosen."""


def topic_of(event: Event) -> str:
    """A state, in small letters, for a change to that state; else the event's kind.

    The step `fleets` that is done is a topic of its own, since the money stops with it.
    """
    if event.kind == "state":
        return str(event.data.get("to", event.kind)).lower()
    if event.kind == "step" and event.data.get("step") == "fleets":
        return MACHINES_ENDED if event.data.get("ended") == "done" else event.kind
    return event.kind


def problem_of(run: Run, event: Event) -> Problem | None:
    """The problem that the event tells of, while it lasts."""
    if event.kind not in {PROBLEM, PROBLEM_LASTS}:
        return None
    return run.problem(str(event.data.get("problem")))


def needs_person(run: Run, event: Event) -> bool:
    """Whether somebody has to do something about what the event tells of."""
    problem = problem_of(run, event)
    return problem is not None and problem.needs_person


def came_from(event: Event) -> State | None:
    """The state that was left, for a change of state."""
    before = event.data.get("from")
    return State(before) if event.kind == "state" and before in set(State) else None
