"""A real engine over the simulated AWS, on a virtual clock."""

import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from dcp_engine import monitor_file
from dcp_engine.aws.cloud import BotoCloud
from dcp_engine.builtin import built_in
from dcp_engine.crash import Aim
from dcp_engine.defaults import Settings
from dcp_engine.engine import Engine, TickReport
from dcp_engine.model import Event, Holder, Request, RequestKind, Run, State
from dcp_engine.plugins import Plugins
from dcp_engine.register import Registered, Registrar
from dcp_engine.simulation.launch import Launch
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.snapshot import Snapshot, belonging_to, snapshot
from dcp_engine.simulation.virtual_clock import VirtualClock
from dcp_engine.store.crashing import CrashingStore
from dcp_engine.store.sqlite import SqliteStore

_FOLLOW = timedelta(seconds=5)


class Killed(BaseException):
    """The process was killed at a crash point; no `except Exception` survives that."""


class Target(Protocol):
    """Where a process is to be killed."""

    def reached(self, name: str) -> bool:
        """Whether this point, which is being passed, is the one; asked once for each."""


class Life:
    """One process's: it ends at the crash point aimed at, and nothing has an effect after that."""

    def __init__(self) -> None:
        self.aim: Target | None = None
        self.killed_at: str | None = None
        self.passed: list[str] = []

    def point(self, name: str) -> None:
        """Pass a crash point. Raises Killed in every thread, for the `finally` blocks too."""
        if self.killed_at is None:
            self.passed.append(name)
            if self.aim is None or not self.aim.reached(name):
                return
            self.killed_at = name
        raise Killed(self.killed_at)


class Rig:
    """One computer with dcp-engine on it; `restart` is a new process on the same database."""

    def __init__(
        self,
        aws: SimulatedAws,
        clock: VirtualClock,
        directory: Path,
        *,
        settings: Settings | None = None,
        plugins: dict[str, object] | None = None,
        tables: dict[str, dict[str, object]] | None = None,
        before: dict[str, object] | None = None,
        patience: timedelta = timedelta(seconds=30),
        disabled: tuple[str, ...] = (),
    ) -> None:
        """`plugins` are a third party's, `tables` what the configuration file says to each.

        Those of `before` have their turn before the built-in ones, as nobody else's do. `patience`
        is for a hook that is no duty or step, `disabled` are built-in ones that are not loaded.
        """
        self.aws = aws
        self.clock = clock
        self.settings = settings or Settings()
        self.database = directory / "runs.db"
        self._plugins = plugins or {}
        self._tables = tables or {}
        self._before = before or {}
        self._patience = patience
        self._disabled = disabled
        self._processes = 0
        self.dead: set[int] = set()
        # As `monitor` and `watch` do, and cron does not.
        self.keeps_lease = False
        self.restart()

    def restart(self, *, died: bool = False) -> None:
        """Go on as another process; with `died` the old one is known to be dead."""
        if died:
            self.dead.add(self._processes)
        self._processes += 1
        self.life = Life()
        self.store = SqliteStore.open(self.database)
        # What a process has written outlives it in any case. Waiting for the disk with every
        # change is for computers that lose their power, and this one does not.
        self.store._connection._db.execute("PRAGMA synchronous=OFF")
        self._own_store = CrashingStore(self.store, self.life.point)
        ours = {n: plugin for n, plugin in built_in().items() if n not in self._disabled}
        self.plugins = Plugins(
            {**self._before, **ours}, tables=self._tables, patience=self._patience
        )
        for name, plugin in self._plugins.items():
            self.plugins.add(name, plugin)
        self.cloud = BotoCloud(
            profile=None,
            region=None,
            settings=self.settings,
            clock=self.clock,
            rng=random.Random(self._processes),
            crash=self.life.point,
        )
        self.engine = Engine(
            store=self._own_store,
            cloud=self.cloud,
            clock=self.clock,
            settings=self.settings,
            plugins=self.plugins,
            holder=Holder(
                host="here/0", pid=self._processes, started=float(self._processes), label="tick"
            ),
            is_dead=lambda holder: holder.pid in self.dead,
        )

    def kill_at(self, point: str | int | Target) -> None:
        """Kill this process at a crash point: `Killed` is raised there.

        The point is the N-th from now, or named as in `dcp_engine.crash.Aim.parse`. After that
        this process can't write or call AWS any more; `restart` goes on as another one.
        """
        self.life.aim = Aim.parse(str(point)) if isinstance(point, str | int) else point

    def register(
        self, launch: Launch, *, allow_missing: bool = False, take_over: bool = False
    ) -> Registered:
        registrar = Registrar(
            self._own_store, self.cloud, self.clock, self.settings, self.plugins.notifiers()
        )
        path = launch.monitor_file
        return registrar.register(
            monitor_file.read(path), path, allow_missing=allow_missing, take_over=take_over
        )

    def run(self, run: Run) -> Run:
        return self.store.run(run.id)

    def tick(self, run: Run) -> TickReport:
        return self.engine.tick(run.id, keep_lease=self.keeps_lease)

    def ask(self, run: Run, kind: RequestKind, **data: Any) -> None:
        self.store.add_request(
            Request(
                id=f"{kind}-{self.clock.monotonic()}",
                run_id=run.id,
                kind=kind,
                at=self.clock.now(),
                data=data,
            )
        )

    def until(
        self,
        run: Run,
        reached: Callable[[Run], bool],
        *,
        within: timedelta = timedelta(hours=12),
        every: timedelta | None = None,
    ) -> Run:
        """Tick as `monitor` does (or `every` so often), until the run has come so far."""
        end = self.clock.now() + within
        while True:
            report = self.tick(run)
            now = report.run
            if reached(now):
                return now
            moment = self.clock.now()
            if moment >= end:
                raise AssertionError(
                    f"{now.state} since {now.state_since}: {now.steps} {now.problems}"
                )
            usual = _FOLLOW if report.held_by else (now.next_tick_at or moment) - moment
            pause = every or max(usual, timedelta(seconds=0.1))
            self.clock.advance(pause.total_seconds())

    def until_state(self, run: Run, state: State, **limits: Any) -> Run:
        return self.until(run, lambda now: now.state is state, **limits)

    def events(self, run: Run, kind: str | None = None) -> list[Event]:
        return [e for e in self.store.events(run.id) if kind is None or e.kind == kind]

    def moves(self, run: Run) -> list[str]:
        """The states the run has been in, in order."""
        moves = self.events(run, "state")
        return [moves[0].data["from"], *(e.data["to"] for e in moves)] if moves else []

    def split(self, launch: Launch) -> tuple[Snapshot, Snapshot]:
        """What AWS holds: the run's own, and everybody else's."""
        return belonging_to(snapshot(self.aws), launch)


def leftovers(own: Snapshot) -> dict[str, Any]:
    """What of the run still costs money or is in the way, out of what AWS holds of it."""
    ended: dict[str, Callable[[Any], bool]] = {
        "fleets": lambda fleet: fleet["state"] in {"cancelled", "cancelled_terminating"},
        "instances": lambda machine: machine["state"] in {"shutting-down", "terminated"},
        "services": lambda service: service["status"] in {"INACTIVE", "DRAINING"},
        "clusters": lambda cluster: cluster["status"] == "INACTIVE",
        "task_definitions": lambda task: task["status"] == "INACTIVE",
        "volumes": lambda volume: own["instances"][volume["of"]]["state"] == "shutting-down",
    }
    stays = {"log_groups", "objects", "exports"}
    return {
        kind: rest
        for kind, things in own.items()
        if kind not in stays
        and (rest := {n: t for n, t in things.items() if not (kind in ended and ended[kind](t))})
    }
