"""Drivers on the virtual clock, each a process of its own: frozen, woken, and on other clocks."""

import random
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

from dcp_engine.aws.cloud import BotoCloud
from dcp_engine.aws.operations import OPERATIONS
from dcp_engine.builtin import built_in
from dcp_engine.clock import Clock
from dcp_engine.crash import Aim
from dcp_engine.defaults import Settings
from dcp_engine.engine import Engine, TickReport
from dcp_engine.model import Holder, Run, State
from dcp_engine.plugins import Plugins
from dcp_engine.simulation.virtual_clock import VirtualClock
from dcp_engine.store.crashing import CrashingStore
from dcp_engine.store.protocol import Store
from dcp_engine.store.sqlite import SqliteStore

CHANGING: Final = frozenset(op.label for op in OPERATIONS if op.changes)
"""Every call that changes anything in AWS, as `service:Operation`."""


class OtherClock:
    """A computer's clock that is off by so much; its stopwatch is as good as any."""

    def __init__(self, clock: VirtualClock, off: timedelta) -> None:
        self._clock = clock
        self._off = off

    def now(self) -> datetime:
        return self._clock.now() + self._off

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)


class Freezer:
    """Stops a process at one of its crash points, for as long as it takes, like a SIGSTOP.

    Its other threads stop too, each at the next such point.
    """

    def __init__(self) -> None:
        self.frozen_at: str | None = None
        self._meanwhile: Callable[[], object] = lambda: None
        self._aim: Aim | None = None
        self._entered: list[str] = []
        self._checked: dict[int, int] = {}
        self._unchecked: set[int] = set()
        self._woke = 0
        self._lock = threading.Lock()
        self._noting = threading.Lock()

    def freeze(self, point: str | int, meanwhile: Callable[[], object]) -> None:
        """Freeze at a point, named as in `dcp_engine.crash.Aim.parse`, while `meanwhile` happens.

        A number counts from now.
        """
        self._aim = Aim.parse(str(point))
        self._meanwhile = meanwhile

    def point(self, name: str) -> None:
        """A `dcp_engine.crash.CrashPoint`."""
        with self._noting:
            if self._checked.get(threading.get_ident(), 0) < self._woke:
                self._unchecked.add(len(self._entered))
            self._entered.append(name)
        with self._lock:
            if self._aim is None or not self._aim.reached(name):
                return
            self._aim = None
            self.frozen_at = name
            self._meanwhile()
            with self._noting:
                self._woke = len(self._entered)

    def checks(self) -> None:
        """This thread looks whether it may go on."""
        with self._noting:
            self._checked[threading.get_ident()] = len(self._entered)

    @property
    def passed(self) -> list[str]:
        """Every point so far."""
        with self._noting:
            return list(self._entered)

    def changes(self) -> list[str]:
        """The changing calls made so far."""
        return _changes(self.passed)

    def changes_since_waking(self) -> list[str]:
        """Those that it decided on after it went on: not the ones already on their way.

        On its way is what a thread had looked for its right to do before it was frozen.
        """
        passed = self.passed
        since = range(self._woke, len(passed))
        return _changes([passed[index] for index in since if index not in self._unchecked])


def _changes(points: list[str]) -> list[str]:
    calls = [point.removeprefix("before aws ") for point in points]
    return [call for call in calls if call in CHANGING]


class Watched:
    """A store that tells when somebody looks whether the lease is still held."""

    def __init__(self, store: Store, looks: Callable[[], None]) -> None:
        self._store = store
        self._looks = looks

    def __getattr__(self, name: str) -> Any:
        if name == "lease":
            self._looks()
        return getattr(self._store, name)


class Driver:
    """One process, on the store that others drive by too."""

    def __init__(
        self,
        database: Path,
        clock: Clock,
        pid: int,
        *,
        settings: Settings | None = None,
        patience: timedelta = timedelta(seconds=60),
        store: Callable[[Store], Store] = lambda store: store,
    ) -> None:
        """`patience` is how long it waits for a lock.

        `store` may put something between the engine and the database.
        """
        self.clock = clock
        self.freezer = Freezer()
        self.store = SqliteStore.open(database, busy_timeout=patience)
        chosen = settings or Settings()
        inner = store(CrashingStore(self.store, self.freezer.point))
        self.engine = Engine(
            store=cast("Store", Watched(inner, self.freezer.checks)),
            cloud=BotoCloud(
                profile=None,
                region=None,
                settings=chosen,
                clock=clock,
                rng=random.Random(pid),
                crash=self.freezer.point,
            ),
            clock=clock,
            settings=chosen,
            plugins=Plugins(built_in()),
            holder=Holder(host=f"host{pid}/0", pid=pid, started=float(pid), label="tick"),
            is_dead=lambda _: False,
        )

    def tick(self, run: Run, *, keep_lease: bool = False) -> TickReport:
        return self.engine.tick(run.id, keep_lease=keep_lease)

    def close(self) -> None:
        self.store.close()


def drive_on(
    clock: VirtualClock,
    run: Run,
    turns: Callable[[], Driver],
    reached: Callable[[Run], bool] = lambda run: run.state is State.EXPORTED,
    *,
    within: timedelta = timedelta(hours=12),
) -> Run:
    """Let whoever's turn it is tick, as often as `monitor` would, until the run has come so far."""
    end = clock.monotonic() + within.total_seconds()
    while True:
        driver = turns()
        report = driver.tick(run)
        if reached(report.run):
            return report.run
        assert clock.monotonic() < end, (report.run.state, report.held_by, report.run.steps)
        moment = driver.clock.now()
        pause = ((report.run.next_tick_at or moment) - moment).total_seconds()
        # Who is held off, or whose clock is behind, looks again as cron does.
        clock.advance(min(max(pause, 0.5), 60.0) if report.held_by is None else 60.0)
