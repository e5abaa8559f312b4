"""The hooks: the public contract between the engine and its plugins, built-in or not.

A plugin is an object (often a module) whose functions are marked with `hookimpl`. It is handed
frozen values; it reaches AWS only through `Context.aws`, time only through `Context.clock`, and
memory only through what it returns or commits. What it returns is recorded by the engine.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

import msgspec
import pluggy

from dcp_engine.clock import Clock
from dcp_engine.model import Event, Run, Settings, State
from dcp_engine.ports import Aws

PROJECT = "dcp_engine"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Context(Protocol):
    """What a duty or a step is handed: one run at one moment, and the guarded ways to act."""

    @property
    def run(self) -> Run:
        """The run as it is now; frozen."""

    @property
    def settings(self) -> Settings: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def aws(self) -> Aws: ...

    @property
    def memory(self) -> Mapping[str, Any]:
        """What this duty or step remembered at its last commit."""

    def machines(self) -> tuple[str, ...]:
        """Every instance id ever recorded as the run's."""

    def commit(
        self,
        *,
        event: str | None = None,
        text: str = "",
        data: Mapping[str, Any] | None = None,
        memory: Mapping[str, Any] | None = None,
        run: Callable[[Run], Run] | None = None,
    ) -> None:
        """Write down at once an event, this duty's or step's memory, or a change to the run.

        That change may be one of the fleets' `target`, of `reading` and of `cheapest`; any other
        raises Refused.

        What is about to be done to AWS is committed with this before the call (intent before
        effect). Raises LeaseLost when another driver has the run, StoreUnwritable when the
        database cannot be written: then the call must not be made.
        """


class DutyResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a duty.

    `next_in` overrides the duty's own interval once. `problems` maps a problem's name to its
    words while it lasts, and to None when it is over.
    """

    next_in: timedelta | None = None
    problems: Mapping[str, str | None] = {}


class Duty(msgspec.Struct, frozen=True, kw_only=True):
    """Something done while a run is in one of `states`, every `every`, at most once a tick.

    The schedule is stored, so it outlives the process. `first_after` is how long after the run's
    registration it is due for the first time. If `run` raises, the failure is recorded and named,
    and it is tried again with a growing pause.
    """

    name: str
    states: frozenset[State]
    every: timedelta
    run: Callable[[Context], DutyResult | None]
    first_after: timedelta = timedelta(0)


class StepResult(msgspec.Struct, frozen=True, kw_only=True):
    """Where a teardown step stands after an attempt; build it with `done`, `kept` or `waiting`."""

    ended: str | None = None
    reason: str | None = None
    next_in: timedelta | None = None


def done(reason: str | None = None) -> StepResult:
    """AWS shows it gone (or made); the step never runs again."""
    return StepResult(ended="done", reason=reason)


def kept(reason: str) -> StepResult:
    """It stays, for this reason; the step never runs again."""
    return StepResult(ended="kept", reason=reason)


def waiting(reason: str, next_in: timedelta | None = None) -> StepResult:
    """Not finished, nothing wrong: AWS or another step needs time. Tried again after `next_in`."""
    return StepResult(reason=reason, next_in=next_in)


class TeardownStep(msgspec.Struct, frozen=True, kw_only=True):
    """One item of teardown. Steps are tried side by side, in threads, until each has ended.

    `run` must be idempotent and re-entrant: it may be killed anywhere and is then run again.
    `after_machines` holds it back until every machine of the run has ended. If it raises, the
    failure is recorded and named, and it is tried again with a growing pause, at most an hour.
    """

    name: str
    run: Callable[[Context], StepResult]
    after_machines: bool = False


class Hooks:
    """The hook specifications."""

    @hookspec
    def duties(self, settings: Settings) -> Sequence[Duty]:  # type: ignore[empty-body]
        """Duties this plugin wants done. Called once when the engine starts.

        A plugin that raises here is left out and named in `status`.
        """

    @hookspec
    def teardown_steps(self, settings: Settings) -> Sequence[TeardownStep]:  # type: ignore[empty-body]
        """Steps this plugin adds to teardown. Called once when the engine starts.

        A plugin that raises here is left out and named in `status`.
        """

    @hookspec
    def notify(self, run: Run, event: Event) -> None:
        """Tell somebody about an event. Called at least once per event, in order per run.

        Called after the event was committed, in every state, EXPORTED included (for up to 72
        hours). If it raises, the event is told again later with a growing pause; `event.id` marks
        a repeat. A raising notifier never holds the run up.
        """
