"""A stranger's plugin: it is told everything, and may raise, lie, linger or stand still."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from dcp_engine.clock import Clock
from dcp_engine.hookspecs import (
    Context,
    Duty,
    DutyResult,
    StepResult,
    TeardownStep,
    done,
    hookimpl,
    waiting,
)
from dcp_engine.model import Event, Run, State
from dcp_engine.outbox import GIVE_UP_AFTER


class Mood(StrEnum):
    """How the plugin does what it is asked."""

    FINE = "fine"
    RAISES = "raises"
    EXITS = "exits"
    LIES = "lies"


class Guest:
    """One plugin object for all processes, so that what is told by any of them comes together."""

    def __init__(self, clock: Clock, *, lingers: bool) -> None:
        self._clock = clock
        self.mood = Mood.FINE
        self.lingers = lingers
        self.interrupt: Callable[[], None] | None = None
        """Done once, in the middle of the next tick."""
        self.silent_for = 0
        """So many messages it refuses."""
        self.told: list[str] = []
        self.refused_for_good: set[str] = set()
        """Events that it refused when they were old enough to be given up."""

    @hookimpl
    def duties(self) -> Sequence[Duty]:
        """A duty for every tick."""
        states = frozenset(state for state in State if state.watches)
        return [Duty(name="guest", states=states, every=timedelta(0), run=self._duty)]

    @hookimpl
    def teardown_steps(self) -> Sequence[TeardownStep]:
        """A step that may linger."""
        return [TeardownStep(name="guest", run=self._step)]

    @hookimpl
    def notify(self, run: Run, event: Event) -> None:
        """Remember that it was told, unless it refuses."""
        if self.silent_for:
            self.silent_for -= 1
            if self._clock.now() - event.at > GIVE_UP_AFTER:
                self.refused_for_good.add(event.id)
            raise ConnectionError("nobody is listening")
        self.told.append(event.id)

    def _duty(self, context: Context) -> DutyResult | None:
        lie = self._act(context.clock.now())
        return lie if self.mood is Mood.LIES else None

    def _step(self, context: Context) -> StepResult:
        lie = self._act(context.clock.now())
        if self.mood is Mood.LIES:
            return lie  # type: ignore[no-any-return]
        return waiting("the guest lingers", timedelta(minutes=1)) if self.lingers else done()

    def _act(self, now: datetime) -> Any:
        """Be interrupted, then behave; the answer is something that no hook may return."""
        interrupt, self.interrupt = self.interrupt, None
        if interrupt is not None:
            interrupt()
        if self.mood is Mood.RAISES:
            raise ValueError(f"the guest does not like {now:%H:%M}")
        if self.mood is Mood.EXITS:
            raise SystemExit(3)
        return "all machines have ended"
