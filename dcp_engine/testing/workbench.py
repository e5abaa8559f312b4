"""The bench: one computer with dcp-engine and the plugins under test on it."""

import random
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

from dcp_engine.aws.cloud import BotoCloud
from dcp_engine.builtin import built_in
from dcp_engine.defaults import Settings
from dcp_engine.durations import format_duration
from dcp_engine.model import Event, Run, State
from dcp_engine.plugin_facts import PluginFailure
from dcp_engine.plugins import Plugins
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.runs import Scenario
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from dcp_engine.testing.outbox import Outbox, OverheardStore, Recorder, Undelivered
from dcp_engine.testing.process import Process

RECORDER: Final = "bench"
"""The name under which the bench itself is told every event."""

_TICKS: Final = 500
_SHORTEST_PAUSE: Final = timedelta(milliseconds=100)

Goal = State | Callable[[Run], bool]


class BenchError(RuntimeError):
    """The bench was used in a way that cannot work; the text says what to do instead."""


class Bench:
    """Plugins under test, in a real engine over a simulated AWS on a clock that takes no time.

    The plugins are isolated as they are in real life: what one raises is recorded, and comes out
    of no method here. Look for it in `failures`, `problems` and `undelivered`.

    `aws` is the simulated account; `aws.faults.add("logs:CreateExportTask", Fault.DENIED,
    times=None)` makes it fail on command. `clock` moves by `advance` and while `until` waits.
    """

    def __init__(self, aws: SimulatedAws, clock: VirtualClock, directory: Path) -> None:
        self.aws = aws
        self.clock = clock
        self._directory = directory
        self._settings = Settings()
        self._installed: dict[str, object] = {}
        self._tables: dict[str, Mapping[str, object]] = {}
        self._environ: dict[str, str] = {}
        self._recorder = Recorder()
        self._outbox = Outbox()
        self._launches: list[Launch] = []
        self._processes = 0
        self._dead: set[int] = set()
        self._process: Process | None = None

    @property
    def settings(self) -> Settings:
        """The engine's own settings; BenchError when they are set after the first run."""
        return self._settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._refuse_if_started("Set bench.settings")
        self._settings = settings

    @property
    def launch(self) -> Launch:
        """What was launched last: its names, its jobs, its machines. BenchError before a run."""
        if not self._launches:
            raise BenchError("Nothing was launched yet: call bench.run() first.")
        return self._launches[-1]

    @property
    def told(self) -> list[Event]:
        """Every event that a notifier was told, of all runs, in order."""
        return self._recorder.told

    @property
    def failures(self) -> list[PluginFailure]:
        """What plugins did not do when they were asked last: loading, options, any hook.

        What a duty or a step raised is among `problems` instead. Starts the engine.
        """
        return list(self._running.plugins.failures)

    def install(
        self,
        name: str,
        plugin: object,
        table: Mapping[str, object] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Have the engine load a plugin, a module or an object, under a name.

        `table` is its table `[name]` in the configuration file, `environ` its variables, as
        `DCP_ENGINE_NAME_KEY`. The real environment is not looked at. A plugin that does not load is
        among `failures`. Raises BenchError after the first run.
        """
        self._refuse_if_started(f"Install {name}")
        if name == RECORDER or name in self._installed:
            raise BenchError(
                f"The name {name} is taken: "
                + ("it is the bench's own notifier." if name == RECORDER else "install it once.")
            )
        self._installed[name] = plugin
        self._tables[name] = dict(table or {})
        self._environ.update(environ or {})

    def run(
        self,
        state: State = State.RUNNING,
        *,
        jobs: int = 8,
        machines: int = 2,
        name: str | None = None,
        scenario: Scenario | None = None,
        ticks: int = _TICKS,
        allow_failures: bool = False,
    ) -> Run:
        """Launch a run whose machines really work it off, register it, and tick it to a state.

        With PENDING it is as it was registered, before the first look. `name` is its APP_NAME,
        by default Exp1, then Exp2 and so on. `scenario` is what goes wrong in it. AssertionError
        when a plugin could not be loaded (not with `allow_failures`), and as by `until`.
        """
        process = self._running
        if process.failed_at_start and not allow_failures:
            raise AssertionError(
                "These plugins failed when the engine started; bench.run(allow_failures=True) goes "
                f"on without them.\n{_listed(map(_failure, process.failed_at_start))}"
            )
        app_name = name or f"Exp{len(self._launches) + 1}"
        launch = launch_run(
            self.aws,
            app_name,
            jobs=jobs,
            machines=machines,
            directory=self._directory,
            scenario=scenario,
        )
        self._launches.append(launch)
        return self.until(process.register(launch.monitor_file), state, ticks=ticks)

    def tick(self, run: Run) -> Run:
        """One look at the run, at this moment; the run as it is then."""
        return self._running.tick(run.id)

    def until(self, run: Run, goal: Goal, *, ticks: int = _TICKS) -> Run:
        """Look at the run as often as `dcp-engine monitor` would, until it is in a state.

        Or until a condition holds: `lambda run: run.problem("no-capacity") is not None`. Returns
        at once where that is so already. AssertionError, with the run's problems, when it is not
        so after that many ticks, or the run has ended before it came to the state.
        """
        process = self._running
        now = process.store.run(run.id)
        began = self.clock.now()
        for done in range(ticks + 1):
            if now.state is goal if isinstance(goal, State) else goal(now):
                return now
            if done == ticks or (isinstance(goal, State) and not now.live):
                break
            self._wait_for_next_tick(now)
            now = process.tick(now.id)
        took = timedelta(seconds=round((self.clock.now() - began).total_seconds()))
        within = f"{done} ticks, {format_duration(took)} by the clock"
        raise AssertionError(self._not_reached(now, goal, within))

    def advance(
        self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0
    ) -> None:
        """Let so much time pass in which nobody looks at the runs; their machines work on."""
        span = timedelta(seconds=seconds, minutes=minutes, hours=hours, days=days)
        self.clock.advance(span.total_seconds())

    def events(self, run: Run, kind: str | None = None) -> list[Event]:
        """The run's events in order, all or those of a kind."""
        return [e for e in self._running.store.events(run.id) if kind is None or e.kind == kind]

    def problems(self, run: Run) -> dict[str, str]:
        """What is wrong with the run now: problem → words."""
        return {problem.name: problem.text for problem in self._running.store.run(run.id).problems}

    def undelivered(self, run: Run) -> list[Undelivered]:
        """What notifiers have failed to tell of the run and not told since."""
        return self._outbox.of(run.id)

    def restart(self, *, died: bool = False) -> None:
        """Go on as another process on the same database; the plugins are loaded anew.

        By default the old process ended in good order. With `died` it was killed, and had no time
        to let go of its runs. What a plugin keeps in a variable of its own survives this and would
        not survive real life: keep it in `context.memory`.
        """
        if self._process is not None:
            if died:
                self._dead.add(self._processes)
            self._process.end(died=died)
        self._process = self._start()

    def close(self) -> None:
        """Let go of the database. The fixture does it."""
        if self._process is not None:
            self._process.end(died=False)
            self._process = None

    @property
    def _running(self) -> Process:
        if self._process is None:
            self._process = self._start()
        return self._process

    def _start(self) -> Process:
        self._processes += 1
        number = self._processes
        plugins = Plugins(
            {**built_in(), RECORDER: self._recorder}, tables=self._tables, environ=self._environ
        )
        for name, plugin in self._installed.items():
            plugins.add(name, plugin)
        return Process(
            number,
            store=OverheardStore.overheard(self._directory / "runs.db", self._outbox),
            cloud=BotoCloud(
                profile=None,
                region=None,
                settings=self._settings,
                clock=self.clock,
                rng=random.Random(number),
            ),
            clock=self.clock,
            settings=self._settings,
            plugins=plugins,
            dead=self._dead,
        )

    def _refuse_if_started(self, what: str) -> None:
        if self._process is not None:
            raise BenchError(
                f"{what} before the first bench.run(): plugins and settings are read once, when "
                "the engine starts, and it has started."
            )

    def _wait_for_next_tick(self, run: Run) -> None:
        now = self.clock.now()
        due = run.next_tick_at
        if due is None:
            if run.last_tick_at is None:
                return
            due = now + self._settings.poll_interval
        if run.last_tick_at is not None:
            due = max(due, run.last_tick_at + _SHORTEST_PAUSE)
        self.clock.sleep((due - now).total_seconds())

    def _not_reached(self, run: Run, goal: Goal, within: str) -> str:
        wanted = f"come to {goal}" if isinstance(goal, State) else "met the condition"
        unfinished = [
            f"{step.name}: {step.last_error or step.reason or 'not tried yet'}"
            for step in run.steps
            if step.ended is None
        ]
        parts = {
            "Problems": [f"{problem.name}: {problem.text}" for problem in run.problems],
            "Steps that have not ended": unfinished,
            "What plugins did not do": [_failure(failure) for failure in self.failures],
            "Events, the last ones": [f"{e.kind}: {e.text}" for e in self.events(run)[-5:]],
        }
        return "\n".join(
            [
                f"{run.names.app_name} has not {wanted} within {within}. It is in {run.state} "
                f"since {run.state_since:%Y-%m-%d %H:%M:%S} UTC, and now it is "
                f"{self.clock.now():%Y-%m-%d %H:%M:%S} UTC.",
                *(
                    f"{title}:{' none' if not lines else ''}\n{_listed(lines)}".rstrip()
                    for title, lines in parts.items()
                ),
            ]
        )


def _failure(failure: PluginFailure) -> str:
    return f"{failure.plugin}, {failure.hook}: {failure.error}"


def _listed(lines: Iterable[str]) -> str:
    return "\n".join(f"  - {line}" for line in lines)
