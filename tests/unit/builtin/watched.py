"""A run with thousands of machines, without an AWS behind it: what a duty asks is counted here."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from msgspec.structs import replace

from dcp_engine.context import plain
from dcp_engine.defaults import Settings
from dcp_engine.hookspecs import DutyResult
from dcp_engine.model import Event, Machine, Run, State
from dcp_engine.series import RUN, Bucket
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.unit.runs import FLEET_ID, START, run

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def machine(number: int, *, began: datetime = START, **changes: Any) -> Machine:
    """A machine that a look saw as soon as it was there."""
    facts: dict[str, Any] = {
        "instance_id": f"i-{number:017x}",
        "fleet_id": FLEET_ID,
        "first_seen": began,
        "launched_at": began,
        "type": "m5.xlarge",
        "zone": "us-east-1a",
        "name": "Exp1Worker",
    }
    return Machine(**{**facts, **changes})


class Watched:
    """A `Context` for one duty, which is done whenever `tick` finds it due."""

    def __init__(
        self,
        duty: Callable[["Watched"], DutyResult | None],
        aws: SimpleNamespace,
        *machines: Machine,
        settings: Settings | None = None,
        **of_run: Any,
    ) -> None:
        self._duty = duty
        self.clock = VirtualClock(START)
        self.aws: Any = aws
        self.settings = settings or Settings()
        self.machines_there = list(machines)
        self.run: Run = run(State.RUNNING, jobs_seen=True, machines_seen=True, **of_run)
        self.remembered: dict[str, Any] = {}
        self.told: list[tuple[str, str, Mapping[str, Any]]] = []
        self.due = START
        self.results: list[DutyResult] = []
        self.longest = 0.0
        """The longest pass, in seconds."""

    @property
    def memory(self) -> Mapping[str, Any]:
        return plain(self.remembered, "the memory")

    def machines(self) -> tuple[str, ...]:
        return tuple(machine.instance_id for machine in self.machines_there)

    def roll(self) -> tuple[Machine, ...]:
        return tuple(self.machines_there)

    def events(self) -> Sequence[Event]:
        return ()

    def numbers(
        self, subject: str | None = RUN, *, since: datetime | None = None
    ) -> Sequence[Bucket]:
        return ()

    def commit(
        self,
        *,
        event: str | None = None,
        text: str = "",
        data: Mapping[str, Any] | None = None,
        memory: Mapping[str, Any] | None = None,
        run: Callable[[Run], Run] | None = None,
    ) -> None:
        if event is not None:
            self.told.append((event, text, data or {}))
        if memory is not None:
            self.remembered = plain(memory, "the memory")
        if run is not None:
            self.run = run(self.run)

    def do(self, *, lose: bool = False) -> DutyResult:
        """Do the duty now; with `lose` the process is killed before its result is written."""
        result = self._duty(self) or DutyResult()
        if lose:
            return result
        if result.memory is not None:
            self.remembered = plain(result.memory, "the memory")
        every = self.settings.watch_interval if result.next_in is None else result.next_in
        self.due = self.clock.now() + every
        self.results.append(result)
        return result

    def tick(self, minutes: int = 1) -> None:
        """Be looked at once a minute, for so long."""
        for _ in range(minutes):
            if self.clock.now() >= self.due:
                began = self.clock.monotonic()
                self.do()
                self.longest = max(self.longest, self.clock.monotonic() - began)
            self.clock.advance(60)

    def end(self, *instance_ids: str) -> None:
        """These have ended by the next look."""
        self.machines_there = [
            replace(m, ended_at=self.clock.now()) if m.instance_id in instance_ids else m
            for m in self.machines_there
        ]
