"""How many calls to AWS a run costs, on the simulated AWS and a clock that takes no time."""

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from unittest import mock

import msgspec

from benchmarks.figure import Figure
from dcp_engine.aws.cloud import BotoCloud
from dcp_engine.builtin import built_in
from dcp_engine.defaults import Settings
from dcp_engine.model import Run, State
from dcp_engine.plugins import Plugins
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.machines import Cause
from dcp_engine.simulation.runs import Scenario
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.short_cuts import models_read_once, sockets_spared
from dcp_engine.simulation.surroundings import no_own_aws
from dcp_engine.simulation.timings import Timings
from dcp_engine.simulation.virtual_clock import VirtualClock
from dcp_engine.store.sqlite import SqliteStore
from dcp_engine.testing.process import Process

WATCH: Final = ("labels", "idle_alarms", "unjoined", "use", "prices", "troubles")
"""The built-in plugins that watch over the fleet; without them it is what the original does."""

# What goes on side by side is one moment's; the shortest pause before AWS is asked again is longer.
_A_MOMENT: Final = timedelta(seconds=0.25)


class Account:
    """An emulated account, and a process that drives the runs in it."""

    def __init__(
        self,
        aws: SimulatedAws,
        clock: VirtualClock,
        folder: Path,
        *,
        watch: bool,
        settings: Settings,
    ) -> None:
        self.aws, self.clock, self._folder = aws, clock, folder
        ours = {n: plugin for n, plugin in built_in().items() if watch or n not in WATCH}
        self._process = Process(
            1,
            store=SqliteStore.open(folder / "runs.db"),
            cloud=BotoCloud(
                profile=None, region=None, settings=settings, clock=clock, rng=random.Random(1)
            ),
            clock=clock,
            settings=settings,
            plugins=Plugins(ours),
            dead=set(),
        )

    def launch(self, name: str = "Exp1", **facts: Any) -> tuple[Launch, Run]:
        """Start a run in a cluster of its own, and register it."""
        launch = launch_run(
            self.aws, name, directory=self._folder, cluster=f"{name}Cluster", **facts
        )
        return launch, self._process.register(launch.monitor_file)

    def until(self, run: Run, reached: Callable[[Run], bool]) -> Run:
        """Look at the run as `monitor` does, until it is so."""
        now = self._process.store.run(run.id)
        while not reached(now):
            self.clock.advance(self.pause(now))
            now = self.tick(run)
        return now

    def pause(self, run: Run) -> float:
        """How many seconds `monitor` waits before it looks again."""
        pause = (run.next_tick_at or self.clock.now()) - self.clock.now()
        return max(pause.total_seconds(), 0.1)

    def tick(self, run: Run) -> Run:
        """Look at the run once."""
        return self._process.tick(run.id)

    def look_after(self, runs: Sequence[Run], until: datetime) -> None:
        """Look at all of them as `watch` does, each on its own clock."""
        due = {run.id: run.next_tick_at or self.clock.now() for run in runs}
        while (moment := min(due.values())) < until:
            self.clock.advance(max(0.0, (moment - self.clock.now()).total_seconds()))
            run_id = min(due, key=lambda run_id: due[run_id])
            looked = self._process.tick(run_id)
            assert looked.state.watches, f"{run_id} is {looked.state}"
            due[run_id] = looked.next_tick_at or until

    def end(self) -> None:
        """Let go of everything."""
        self._process.end(died=False)


@contextmanager
def account(
    *,
    watch: bool,
    settings: Settings | None = None,
    timings: Timings | None = None,
    sockets: bool = False,
) -> Iterator[Account]:
    """An empty one; `watch` over the fleet or not.

    With `sockets` every call goes over one, as it does outside of tests.
    """
    clock = VirtualClock()
    with ExitStack() as held:
        held.enter_context(no_own_aws())
        held.enter_context(models_read_once())
        folder = Path(held.enter_context(TemporaryDirectory()))
        aws = held.enter_context(SimulatedAws(clock=clock, seed=1, timings=timings))
        held.enter_context(mock.patch.dict(os.environ, aws.environment()))
        if not sockets:
            held.enter_context(sockets_spared(aws))
        made = Account(aws, clock, folder, watch=watch, settings=settings or Settings())
        held.callback(made.end)
        yield made


def in_minutes(*, watch: bool, minutes: int, runs: int = 1) -> Counter[str]:
    """The calls of so many minutes of runs that work steadily in one process, by operation."""
    with account(watch=watch) as there:
        working = []
        for number in range(runs):
            _, run = there.launch(
                f"Exp{number + 1}",
                jobs=200,
                machines=3,
                visibility_timeout=7200,
                scenario=Scenario(job_duration=(2400, 2700)),
            )
            working.append(run)
            # Each has a moment of its own in the minute.
            there.clock.advance(60 / runs)
        there.look_after(working, there.clock.now() + timedelta(minutes=60))
        there.aws.requests.clear()
        there.look_after(working, there.clock.now() + timedelta(minutes=minutes))
        return Counter(request.name for request in there.aws.requests)


class Teardown(msgspec.Struct, frozen=True, kw_only=True):
    """The calls of a teardown by operation: those that do or learn something, and the polling.

    A call polls when just the same was asked at an earlier moment: AWS needs time for something.
    """

    work: Counter[str]
    polls: Counter[str]


def launched(there: Account, *, alive: int, dead: int) -> Run:
    """A run with so many machines at work, and the alarms of so many that are dead."""
    launch, run = there.launch(
        jobs=alive + dead,
        machines=alive + dead,
        visibility_timeout=7200,
        scenario=Scenario(job_duration=(600, 610)),
    )
    there.until(run, lambda _: len(launch.live_instance_ids) == alive + dead)
    world = there.aws.world
    with world.timeline.lock:
        # No machine comes in their place, and their alarms stay.
        launch.fleet.capacity_limit = alive
        for machine in world.machines.of_fleet(launch.fleet_id)[:dead]:
            world.machines.end(machine, Cause.CRASH)
    return run


def of_a_teardown(*, alive: int, dead: int) -> Teardown:
    """With so many live machines, and the alarms of so many dead ones."""
    with account(watch=False) as there:
        run = launched(there, alive=alive, dead=dead)
        there.until(run, lambda now: now.state is State.TEARDOWN)
        since = there.clock.now()
        there.until(run, lambda now: not now.live)
        work, polls = Counter[str](), Counter[str]()
        first: dict[tuple[str, str], datetime] = {}
        for request in there.aws.requests:
            if request.at < since:
                continue
            asked = first.setdefault((request.name, repr(request.params)), request.at)
            (polls if request.at - asked > _A_MOMENT else work)[request.name] += 1
        return Teardown(work=work, polls=polls)


def fewest(*, alive: int, dead: int, registered: int) -> int:
    """How many calls a teardown takes at least; docs/performance.md derives it call by call.

    `registered` machines are still in the cluster's list when their instances have ended.
    """
    alarms = ceil((alive + dead) / 100)
    queue = len(("GetQueueAttributes", "DeleteQueue"))
    fleet = len(("CancelSpotFleetRequests", "DescribeInstances"))
    service = len(("DescribeServices", "UpdateService", "DeleteService"))
    task_definitions = len(("ListTaskDefinitions", *(["DeregisterTaskDefinition"] * 3)))
    cluster = len(("DescribeClusters", "DeleteCluster")) + 2 * ceil(registered / 100) + registered
    watched = 2 * alarms + len(("DeleteDashboards",))
    logs = len(("DescribeLogGroups", *(["CreateExportTask", "DescribeExportTasks"] * 2)))
    bucket = len(("HeadObject", *(["PutObject"] * 3)))
    return queue + fleet + service + task_definitions + cluster + watched + logs + bucket


def measure(*, sizes: Sequence[tuple[int, int]], minutes: int, runs: int) -> list[Figure]:
    """The calls of a run that works, of so many in one process, and of teardowns of so many
    (live, dead) machines.
    """
    figures = []
    work = "counting, alarm cleanup and downscaling"
    for watch, number, most, what in (
        (False, 1, 1.15, work),
        (True, 1, 1.6, "everything watched"),
        (False, runs, 1.1, f"{work}, {runs} runs in one process"),
        (True, runs, 1.6, f"everything watched, {runs} runs in one process"),
    ):
        calls = in_minutes(watch=watch, minutes=minutes, runs=number)
        each = calls.total() / minutes / number
        figures.append(
            Figure(
                what=f"calls for a run and minute, {what}",
                figure=f"{each:.2f}",
                target=f"≤ {most}",
                met=each <= most,
            )
        )
    for alive, dead in sizes:
        ending = of_a_teardown(alive=alive, dead=dead)
        registered = ending.work["ecs:DeregisterContainerInstance"]
        least = fewest(alive=alive, dead=dead, registered=registered)
        ratio = ending.work.total() / least
        figures.append(
            Figure(
                what=f"calls in a teardown of {alive} machines and {dead} dead ones' alarms",
                figure=f"{ending.work.total()} and {ending.polls.total()} polls; "
                f"{ratio:.2f} times the fewest ({least})",
                target="≤ 1.15 times",
                met=ratio <= 1.15,
            )
        )
    return figures
