"""Small plugins to put on the bench."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from dcp_engine.hookspecs import (
    Context,
    Duty,
    DutyResult,
    StepResult,
    TeardownStep,
    done,
    hookimpl,
)
from dcp_engine.model import Event, Run, State


class Notifier:
    """Tells events to a function."""

    def __init__(self, tell: Callable[[Event], object]) -> None:
        self._tell = tell

    @hookimpl
    def notify(self, run: Run, event: Event) -> None:
        self._tell(event)


class Counter:
    """A duty that counts how often it was done, and a step."""

    @hookimpl
    def duties(self) -> list[Duty]:
        states = frozenset({State.RUNNING, State.DRAINING})
        return [Duty(name="count", states=states, every=timedelta(minutes=2), run=self._count)]

    @hookimpl
    def teardown_steps(self) -> list[TeardownStep]:
        return [TeardownStep(name="tally", run=self._tally)]

    def _count(self, context: Context) -> DutyResult:
        count = context.memory.get("count", 0) + 1
        context.commit(memory={"count": count})
        return DutyResult(problems={"counted": f"{count} times"})

    def _tally(self, context: Context) -> StepResult:
        return done("tallied")


class Failing:
    """Raises where it is told to."""

    def __init__(self, where: str) -> None:
        self._where = where

    @hookimpl
    def duties(self) -> list[Duty]:
        self._raise_in("duties")
        states = frozenset({State.RUNNING})
        return [Duty(name="fails", states=states, every=timedelta(minutes=5), run=self._run)]

    @hookimpl
    def notify(self, run: Run, event: Event) -> None:
        self._raise_in("notify")

    def _run(self, context: Context) -> None:
        self._raise_in("run")

    def _raise_in(self, place: str) -> None:
        if place == self._where:
            raise ValueError(f"no luck in {place}")


class Picky:
    """Has options, and keeps them to be looked at."""

    class Options(msgspec.Struct, frozen=True):
        """What it can be told."""

        channel: str
        often: timedelta = timedelta(minutes=10)

    def __init__(self) -> None:
        self.got: list[Mapping[str, Any]] = []

    @hookimpl
    def options(self) -> type[msgspec.Struct]:
        return self.Options

    @hookimpl
    def duties(self, options: Options) -> list[Duty]:
        self.got.append(msgspec.structs.asdict(options))
        return []
