"""Plugins that do everything wrong, each one thing in one hook, and a good one beside them."""

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from dcp_engine.defaults import Settings
from dcp_engine.errors import (
    Credentials,
    LeaseLost,
    OutOfTime,
    StoreBroken,
    StoreUnwritable,
    Unreachable,
)
from dcp_engine.hookspecs import (
    Context,
    Duty,
    DutyResult,
    LogExporter,
    Observation,
    StepResult,
    TeardownStep,
    done,
    hookimpl,
    waiting,
)
from dcp_engine.model import Event, Run, State

WATCHING = frozenset({State.PENDING, State.RUNNING, State.DRAINING})
BIG = 300_000

Deed = Callable[[Any], object]
"""What a hook does when it is called; a duty, a step and an export are handed their context."""


class OfItsOwn(BaseException):
    """Not even an Exception."""


class Unsayable(Exception):
    """Cannot be put into words."""

    def __str__(self) -> str:
        raise OfItsOwn

    __repr__ = __str__


class Unlookable(DutyResult, frozen=True, kw_only=True):
    """Raises when it is looked at."""

    def __repr__(self) -> str:
        raise OfItsOwn

    def __getattribute__(self, name: str) -> Any:
        raise OfItsOwn


def raising(error: BaseException) -> Deed:
    def deed(_: Any) -> object:
        raise error

    return deed


def giving(answer: object) -> Deed:
    return lambda _: answer


async def _awaited() -> None:
    raise AssertionError


def half_way(*items: object) -> Deed:
    def deed(_: Any) -> Iterator[object]:
        yield from items
        raise ValueError("half-way")

    return deed


RAISED: Mapping[str, Deed] = {
    "ValueError": raising(ValueError("no")),
    "StopIteration": raising(StopIteration("no")),
    "SystemExit": raising(SystemExit(3)),
    "KeyboardInterrupt": raising(KeyboardInterrupt()),
    "GeneratorExit": raising(GeneratorExit()),
    "TimeoutError": raising(TimeoutError("no")),
    "RecursionError": raising(RecursionError("no")),
    "LeaseLost": raising(LeaseLost("not true")),
    "Credentials": raising(Credentials("sts:GetCallerIdentity", "ExpiredToken", "not true")),
    "Unreachable": raising(Unreachable("sqs:GetQueueAttributes", "Connection", "not true")),
    "OutOfTime": raising(OutOfTime("tick", "deadline", "not true")),
    "StoreUnwritable": raising(StoreUnwritable("not true")),
    "StoreBroken": raising(StoreBroken("not true")),
    "one of its own": raising(OfItsOwn("no")),
    "what cannot be said": raising(Unsayable()),
    "an enormous text": raising(ValueError("x" * BIG)),
}

NONSENSE: Mapping[str, Deed] = {
    "42": giving(42),
    "what nobody awaits": lambda _: _awaited(),
    "a text": giving("text"),
    "a generator that raises half-way": half_way(),
    "a class": giving(Duty),
    "what cannot be looked at": lambda _: Unlookable(),
}


def nothing(_: object) -> None:
    """Does nothing."""


def one_duty(**fields: Any) -> Deed:
    usual = {"name": "theirs", "states": WATCHING, "every": timedelta(minutes=1), "run": nothing}
    return lambda _: [Duty(**{**usual, **fields})]


def one_step(**fields: Any) -> Deed:
    return lambda _: [TeardownStep(**{"name": "theirs", "run": giving(done()), **fields})]


def ring(_: object) -> Sequence[TeardownStep]:
    pairs = [("theirs-a", "theirs-b"), ("theirs-b", "theirs-c"), ("theirs-c", "theirs-a")]
    return [
        TeardownStep(name=name, run=giving(done()), needs=frozenset({other}))  # type: ignore[arg-type]
        for name, other in pairs
    ]


DUTIES: Mapping[str, Deed] = {
    "half a list": half_way(*one_duty()(None)),  # type: ignore[misc]
    "no end of them": lambda _: (one_duty(name=str(n))(None)[0] for n in itertools.count()),  # type: ignore[index]
    "the name 5": one_duty(name=5),
    "no name": one_duty(name=""),
    "a name of two lines": one_duty(name="two\nlines"),
    "the name of a built-in one": one_duty(name="downscale"),
    "a name of the engine's own": one_duty(name="look-at-fleets"),
    "one name twice": lambda _: [*one_duty()(None), *one_duty()(None)],  # type: ignore[misc]
    "states None": one_duty(states=None),
    "states that there are not": one_duty(states={"GONE"}),
    "states as a text": one_duty(states="RUNNING"),
    "every soon": one_duty(every="soon"),
    "first_after 5": one_duty(first_after=5),
    "nothing to call": one_duty(run=None),
    "steps": one_step(),
}
STEPS: Mapping[str, Deed] = {
    "half a list": half_way(*one_step()(None)),  # type: ignore[misc]
    "the name 5": one_step(name=5),
    "the step fleets": one_step(name="fleets"),
    "the step last-look": one_step(name="last-look", run=giving(waiting("for ever"))),
    "the step logs": one_step(name="logs"),
    "the step queue": one_step(name="queue"),
    "one name twice": lambda _: [*one_step()(None), *one_step()(None)],  # type: ignore[misc]
    "needs as a text": one_step(needs="queue"),
    "needs 5": one_step(needs=5),
    "needs itself": one_step(needs=frozenset({"theirs"})),
    "needs the last look": one_step(needs=frozenset({"last-look"})),
    "needs in a ring": ring,
    "nothing to call": one_step(run="run"),
}
EXPORTERS: Mapping[str, Deed] = {
    "the name None": lambda _: [LogExporter(name=None, export=giving(done()))],  # type: ignore[arg-type]
    "the name of the built-in one": lambda _: [
        LogExporter(name="export-task", export=lambda *_: done())
    ],
    "nothing to call": lambda _: [LogExporter(name="theirs", export=5)],  # type: ignore[arg-type]
}
DONE_BADLY: Mapping[str, Deed] = {
    "problems=5": giving(DutyResult(problems=5)),  # type: ignore[arg-type]
    "a problem that is no text": giving(DutyResult(problems={"x": 5})),  # type: ignore[dict-item]
    "a problem of the engine's": giving(DutyResult(problems={"no-capacity": "not true"})),
    "another's problem": giving(DutyResult(problems={"step-fleets": "not true"})),
    "a thousand problems": giving(DutyResult(problems={str(n): "x" for n in range(1000)})),
    "next_in soon": giving(DutyResult(next_in="soon")),  # type: ignore[arg-type]
    "observations that are none": giving(DutyResult(observations=[1, 2])),  # type: ignore[list-item]
    "no number": giving(DutyResult(observations=[Observation(name="x", value=float("nan"))])),
    "too big a number": giving(DutyResult(observations=[Observation(name="x", value=10**400)])),
    "a time of no zone": giving(
        DutyResult(observations=[Observation(name="x", value=1, at=datetime(2030, 1, 1))])  # noqa: DTZ001
    ),
    "a unit that is none": giving(
        DutyResult(observations=[Observation(name="x", value=1, unit=None)])  # type: ignore[arg-type]
    ),
    "observations without end": lambda _: DutyResult(
        observations=itertools.repeat(Observation(name="x", value=1))  # type: ignore[arg-type]
    ),
    "a step's result": giving(done()),
}
STEPPED_BADLY: Mapping[str, Deed] = {
    "None": giving(None),
    "ended=gone": giving(StepResult(ended="gone")),
    "ended=[]": giving(StepResult(ended=[])),  # type: ignore[arg-type]
    "reason=5": giving(StepResult(ended="done", reason=5)),  # type: ignore[arg-type]
    "next_in soon": giving(StepResult(next_in="soon")),  # type: ignore[arg-type]
    "never done": giving(waiting("for ever")),
    "never done nor tried again": giving(waiting("for ever", next_in=timedelta.max)),
    "a duty's result": giving(DutyResult()),
}
SUMMARIES: Mapping[str, Deed] = {
    "no texts": giving({"x": 5}),
    "pairs": giving([("x", "y")]),
}

# What does no harm, and is no failure.


def keep_what_is_written(context: Context) -> None:
    """Changes what it had written down, and what it was handed, afterwards."""
    mine: dict[str, Any] = {"list": [1]}
    context.commit(memory=mine)
    mine["list"].append(object())
    for handed in (context.memory, context.run.extra, context.run.summary):
        handed["later"] = object()  # type: ignore[index, assignment]
    for duty in context.run.duties:
        duty.memory["later"] = object()
    for step in context.run.steps:
        step.progress["later"] = object()
    force = msgspec.structs.force_setattr
    force(context.run, "state", State.EXPORTED)
    force(context.settings, "poll_interval", timedelta(hours=9))
    force(context.settings, "empty_readings", 1)
    for machine in context.roll():
        force(machine, "instance_id", "i-0")


def prints(_: Any) -> None:
    print("Nobody wants to read this")


QUIET: Mapping[str, Deed] = {
    "prints": prints,
    "next_in before now": giving(DutyResult(next_in=timedelta(-1))),
    "next_in never": giving(DutyResult(next_in=timedelta.max)),
    "a long problem": giving(DutyResult(problems={"theirs": "x" * BIG})),
    "changes what it holds": keep_what_is_written,
}


def committing(**what: Any) -> Deed:
    return lambda context: context.commit(**what)


def with_other(**fields: Any) -> Deed:
    return committing(run=lambda run: replace(run, **fields))


FORBIDDEN: Mapping[str, Deed] = {
    "another state": with_other(state=State.EXPORTED),
    "no run": committing(run=lambda _: None),
    "a reading that is none": with_other(reading="many"),
    "a cheapest that is none": with_other(cheapest=5),
    "a target that is none": committing(
        run=lambda run: replace(run, fleets=(replace(run.fleets[0], target="many"),))
    ),
    "a higher target": committing(
        run=lambda run: replace(run, fleets=(replace(run.fleets[0], target=500),))
    ),
    "no machine at all": committing(
        run=lambda run: replace(run, fleets=(replace(run.fleets[0], target=-1),))
    ),
    "memory that JSON cannot hold": committing(memory={"x": object()}),
    "an enormous memory": committing(memory={"x": "x" * 2_000_000}),
    "a bottomless memory": lambda context: context.commit(memory=_deep(500)),
    "the engine's own words": committing(event="state", text="TEARDOWN → EXPORTED: not true."),
    "another of the engine's own words": committing(event=" Registered", text="x"),
    "a state for a word": committing(event="exported", text="x"),
    "an event of no kind": committing(event=5, text="x"),
    "an event of no text": committing(event="x", text=5),
    "an event of no data": committing(event="x", text="x", data={"x": object()}),
}


def _deep(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(levels):
        found = {"x": found}
    return found


HOOKS: Mapping[str, Mapping[str, Deed]] = {
    "options": {**RAISED, **NONSENSE},
    "duties": {**RAISED, **NONSENSE, **DUTIES},
    "duty": {**RAISED, **NONSENSE, **DONE_BADLY, **FORBIDDEN, **QUIET},
    "teardown_steps": {**RAISED, **NONSENSE, **STEPS},
    "step": {**RAISED, **NONSENSE, **STEPPED_BADLY, **FORBIDDEN},
    "log_exporters": {**RAISED, **NONSENSE, **EXPORTERS},
    "export": {**RAISED, **NONSENSE, **STEPPED_BADLY, **FORBIDDEN},
    "notify": {**RAISED, **NONSENSE},
    "summary": {**RAISED, **NONSENSE, **SUMMARIES},
    "ticked": {**RAISED, **NONSENSE, "prints": prints},
}
CASES = [f"{hook}: {what}" for hook, deeds in HOOKS.items() for what in deeds]
HARMLESS = {f"duty: {what}" for what in QUIET} | {"ticked: prints"}


class Hostile:
    """A plugin that does one thing wrong in one hook, and counts how often it was called."""

    def __init__(self, case: str, deed: Deed | None = None, name: str = "theirs") -> None:
        hook, _, what = case.partition(": ")
        self.calls: Counter[str] = Counter()
        self.deed = deed or HOOKS[hook][what]
        outer = {"duty": "duties", "step": "teardown_steps", "export": "log_exporters"}
        offer: dict[str, Deed] = {
            "duty": one_duty(name=name, run=partial(self.do, "duty")),
            "step": one_step(name=name, run=partial(self.do, "step")),
            "export": lambda _: [
                LogExporter(name=name, export=partial(self.do, "export"))  # type: ignore[arg-type]
            ],
        }
        outermost = outer.get(hook, hook)
        act = offer.get(hook) or partial(self.do, hook)
        setattr(self, outermost, hookimpl(_argued(outermost, act)))

    def do(self, hook: str, *handed: object) -> object:
        self.calls[hook] += 1
        return self.deed(handed[0] if handed else None)


def _argued(name: str, act: Deed) -> Callable[[], object]:
    def hook() -> object:
        return act(None)

    hook.__name__ = name
    return hook


class Good:
    """A plugin that keeps to everything, and notes what it was called for."""

    def __init__(self) -> None:
        self.told: list[Event] = []
        self.watched: list[datetime] = []
        self.ticks = 0

    @hookimpl
    def duties(self, settings: Settings) -> Sequence[Duty]:
        every = timedelta(minutes=5)
        return [Duty(name="good", states=WATCHING, every=every, run=self._watch)]

    @hookimpl
    def teardown_steps(self) -> Sequence[TeardownStep]:
        needs = frozenset({"queue"})
        return [TeardownStep(name="good", run=self._step, needs=needs, after_machines=True)]

    @hookimpl
    def notify(self, event: Event) -> None:
        self.told.append(event)

    @hookimpl
    def summary(self) -> dict[str, str]:
        return {"good": "so it was"}

    @hookimpl
    def ticked(self, run: Run) -> None:
        self.ticks += 1

    def _watch(self, context: Context) -> DutyResult:
        self.watched.append(context.clock.now())
        times = int(context.memory.get("times", 0)) + 1
        context.commit(memory={"times": times})
        return DutyResult(observations=[Observation(name="good", value=times)])

    def _step(self, context: Context) -> StepResult:
        if "begun" not in context.memory:
            context.commit(event="good", text="This is about to be done.", memory={"begun": True})
            return waiting("half of it is done", next_in=timedelta(seconds=30))
        return done("it is all done")


class Hanging:
    """Waits until it is let go, so long as nobody is in a hurry to see it back."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.calls = 0

    def __call__(self, *_: object) -> None:
        self.calls += 1
        self.go.wait(120)
