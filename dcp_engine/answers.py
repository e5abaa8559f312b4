"""What plugins offer and answer, checked and made plain.

Its types may be of the plugin's own making, and looking at them then runs what the plugin wrote. So
this is called within the call of the plugin: what it raises is the plugin's failure, and what hangs
is left behind with it. In what comes out, only the functions that it offers are the plugin's.
"""

import math
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final, TypeVar

from dcp_engine.hookspecs import Duty, DutyResult, LogExporter, StepResult, TeardownStep
from dcp_engine.model import Observation, State
from dcp_engine.series import RUN, Sample

OF_THE_ENGINE: Final[Mapping[str, frozenset[str]]] = {
    "teardown_steps": frozenset({"fleets", "last-look", "logs"}),
    "duties": frozenset({"call-the-roll", "look-at-fleets", "record-identities", "thin-numbers"}),
}
"""By hook, the names that no plugin can have: the engine's own steps, and its own schedules."""

PROBLEMS_OF_THE_ENGINE: Final = frozenset(
    {
        "account-unknown",
        "auto-monitor-armed",
        "credentials",
        "driven-elsewhere",
        "fleet-cancelled",
        "fleet-ends",
        "fleet-errors",
        "fleet-history",
        "fleet-missing",
        "fleet-unreadable",
        "machines-unreadable",
        "monitor-file",
        "no-capacity",
        "other-account",
        "queue-missing",
        "queue-unreadable",
        "service-unreadable",
        "slow",
        "too-seldom",
        "unclaimed",
        "unreachable",
        "unwatched-fleet",
    }
)
"""Problems by which the engine decides, so that nobody else begins or ends them."""

KINDS_OF_THE_ENGINE: Final = frozenset(
    {
        "abort",
        "auto-monitor",
        "fleet-added",
        "fleet-dropped",
        "fleet-not-adopted",
        # Not of an event, but of the lines of `monitor` that have the counts.
        "jobs",
        "long-absence",
        "orphan-grace",
        "problem",
        "problem-lasts",
        "problem-over",
        "registered",
        "state",
        "step",
        "stopped",
        "stopping",
        "take-over",
        "target-raised",
        "terminating",
        "test",
        "try-again",
        "waive",
        # In `history` and `monitor` a move to another state is called by that state.
        *(state.casefold() for state in State),
    }
)
"""Kinds of events that people and programs take for the engine's own word."""

_PREFIXES_OF_THE_ENGINE: Final = ("duty-", "notify-", "plugin-", "step-")

MOST: Final = 100
"""So many duties, steps, problems or numbers are more than anybody reads."""

LONGEST_NAME: Final = 60
LONGEST_TEXT: Final = 2000
_A_YEAR: Final = timedelta(days=366)

Clean = Callable[[str], str]
"""What takes the secrets out of a text that people will read."""

T = TypeVar("T")


def few(items: Iterable[T], what: str) -> list[T]:
    """All of them. Raises ValueError when they are too many: they may have no end."""
    found = list(islice(items, MOST + 1))
    if len(found) > MOST:
        raise ValueError(f"more than {MOST} {what} at once")
    return found


def short(text: str, most: int = LONGEST_TEXT, clean: Clean = str) -> str:
    """A text as long as it is read, on one line: what begins another line may be taken for ours."""
    # What is hidden is hidden whole, before anything is cut or folded.
    plain = clean(str.__str__(text))
    line = " ".join("".join(c if c.isprintable() else " " for c in plain).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def nothing(answers: Sequence[object], hook: str) -> None:
    """Raises TypeError for what a hook returned that returns nothing: it may have done nothing."""
    for answer in answers:
        refuse_unrun(answer, hook)
        if isinstance(answer, types.GeneratorType):
            raise TypeError(f"{hook} has a `yield` in it, so nothing of it was run")
        raise TypeError(
            f"{hook} returned {answer!r:.100}; it returns nothing where all went well, and raises "
            "where it did not"
        )


def something(answers: Sequence[T], hook: str) -> Sequence[T]:
    """What a hook returned that returns several things. Raises TypeError where it is nothing."""
    if not answers:
        raise TypeError(f"{hook} returned None; does it lack a `return`?")
    for answer in answers:
        refuse_unrun(answer, hook)
    return answers


def refuse_unrun(answer: object, what: str) -> None:
    """Raises TypeError for what an `async` function returns: it waits for somebody to run it."""
    if isinstance(answer, types.CoroutineType):
        # Nobody else would, and Python would complain of that where programs read.
        answer.close()
    elif not isinstance(answer, types.AsyncGeneratorType):
        return
    raise TypeError(
        f"{what} is an `async` function, and nothing of it was run: dcp-engine calls plain "
        "functions. Write `def`, with `asyncio.run(…)` in it where that is needed"
    )


def offered(item: T, clean: Clean = str) -> T:
    """A duty, a step or an exporter made plain; anything else as it is.

    Raises TypeError or ValueError for a field that does not fit.
    """
    if isinstance(item, Duty):
        return _duty(item, clean)  # type: ignore[return-value]
    if isinstance(item, TeardownStep):
        return _step(item, clean)  # type: ignore[return-value]
    if isinstance(item, LogExporter):
        name, export = _name(item.name, clean), _function(item.export)
        return LogExporter(name=name, export=export)  # type: ignore[return-value]
    return item


def duty_result(answer: object, *, third_party: bool = True, clean: Clean = str) -> DutyResult:
    """What a duty returned. Raises TypeError or ValueError where that is no result of a duty."""
    if answer is None:
        return DutyResult()
    refuse_unrun(answer, "the duty")
    if not isinstance(answer, DutyResult):
        raise TypeError(f"the duty returned {answer!r}")
    problems: dict[str, str | None] = {}
    for name, words in few(answer.problems.items(), "problems"):
        if not (isinstance(name, str) and (words is None or isinstance(words, str))):
            raise TypeError(f"the duty named the problem {name!r}: {words!r}")
        if third_party and _is_engines(name):
            raise ValueError(f"{name} is a problem of the engine's own; give yours another name")
        problems[_name(name, clean)] = None if words is None else short(words, clean=clean)
    return DutyResult(
        next_in=None if answer.next_in is None else _span(answer.next_in, "next_in"),
        problems=problems,
        observations=[_seen(seen, clean) for seen in few(answer.observations, "observations")],
        samples=tuple(
            _sample(sample, clean) for sample in _sampled(answer.samples, third_party=third_party)
        ),
        memory=None if answer.memory is None else dict(answer.memory),
    )


def step_result(answer: object, clean: Clean = str) -> StepResult:
    """What a step or an exporter returned. Raises TypeError where that is no result of one."""
    refuse_unrun(answer, "the step")
    if not isinstance(answer, StepResult) or answer.ended not in (None, "done", "kept"):
        raise TypeError(f"the step returned {answer!r}")
    if not (answer.reason is None or isinstance(answer.reason, str)):
        raise TypeError(f"the step gave the reason {answer.reason!r}")
    return StepResult(
        ended=answer.ended and str.__str__(answer.ended),
        reason=None if answer.reason is None else short(answer.reason, clean=clean),
        next_in=None if answer.next_in is None else _span(answer.next_in, "next_in"),
    )


def _duty(item: Any, clean: Clean) -> Duty:
    name = _name(item.name, clean)
    states = () if isinstance(item.states, str) else few(item.states, "states")
    if not states or not all(state in list(State) for state in states):
        raise TypeError(f"the duty {name} has states={item.states!r}, not a set of State")
    return Duty(
        name=name,
        states=frozenset(map(State, states)),
        every=_span(item.every, f"every of the duty {name}"),
        run=_function(item.run),
        first_after=_span(item.first_after, f"first_after of the duty {name}"),
        needs_roll=bool(item.needs_roll),
    )


def _step(item: Any, clean: Clean) -> TeardownStep:
    name = _name(item.name, clean)
    if isinstance(item.needs, str):
        raise TypeError(f"the step {name} has needs={item.needs!r}, not a set of names")
    return TeardownStep(
        name=name,
        run=_function(item.run),
        after_machines=bool(item.after_machines),
        needs=frozenset(_name(other, clean) for other in few(item.needs, "needs")),
    )


def _seen(seen: object, clean: Clean) -> Observation:
    if not isinstance(seen, Observation) or not isinstance(seen.value, int | float):
        raise TypeError(f"the duty observed {seen!r}, not an Observation of a number")
    if not (isinstance(seen.name, str) and isinstance(seen.unit, str)):
        raise TypeError(f"the duty observed {seen!r}, whose name or unit is no text")
    if len(seen.name) + len(seen.unit) > LONGEST_NAME:
        raise ValueError(f"the name and unit of {seen.name!r} are too long to be shown")
    value = float(seen.value)
    if not math.isfinite(value):
        raise ValueError(f"the duty observed {value} for {seen.name}, which is no number")
    if seen.at is not None and seen.at.utcoffset() is None:
        raise ValueError(f"the duty observed {seen.name} at {seen.at}, a time of no time zone")
    name, unit = _name(seen.name, clean), short(seen.unit, clean=clean)
    return Observation(name=name, value=value, unit=unit, at=seen.at)


def _sampled(samples: Iterable[Any], *, third_party: bool) -> Iterable[Any]:
    """A third party's are few: they are kept for ever. Ours have one for each machine."""
    return few(samples, "samples") if third_party else samples


def _sample(sample: object, clean: Clean) -> Sample:
    if not isinstance(sample, Sample) or not isinstance(sample.at, datetime):
        raise TypeError(f"the duty gave {sample!r} for a sample")
    if sample.at.utcoffset() is None:
        raise ValueError(f"the duty gave a sample of {sample.at}, a time of no time zone")
    values = {}
    for name, value in few(sample.values.items(), "numbers in a sample"):
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"the duty gave {value!r} for {name}, which is no number")
        values[_name(name, clean)] = float(value)
    subject = _name(sample.subject, clean) if sample.subject else RUN
    return Sample(at=sample.at, values=values, subject=subject)


def _is_engines(problem: str) -> bool:
    return problem in PROBLEMS_OF_THE_ENGINE or problem.startswith(_PREFIXES_OF_THE_ENGINE)


def _name(name: object, clean: Clean) -> str:
    if not isinstance(name, str):
        raise TypeError(f"the name {name!r} is no text")
    plain = clean(str.__str__(name))
    if not (0 < len(plain) <= LONGEST_NAME and plain.isprintable()):
        raise ValueError(
            f"the name {plain[:LONGEST_NAME]!r} is not one of 1 to {LONGEST_NAME} characters "
            "that can be shown"
        )
    return plain


def _span(span: object, what: str) -> timedelta:
    if not isinstance(span, timedelta):
        raise TypeError(f"{what} is {span!r}, not a timedelta")
    plain = timedelta(span.days, span.seconds, span.microseconds)
    return min(max(plain, timedelta(0)), _A_YEAR)


def _function(act: Callable[..., Any]) -> Callable[..., Any]:
    if not callable(act):
        raise TypeError(f"{act!r} cannot be called")
    return act
