"""The world that is searched: one run, the processes that drive it, neighbours, and the truth."""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from unittest import mock

from dcp_engine.defaults import Settings
from dcp_engine.engine import TickReport
from dcp_engine.model import Lease, Request, RequestKind, Run
from dcp_engine.simulation.faults import FaultRule
from dcp_engine.simulation.fleets import Fleet
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.machines import Kill
from dcp_engine.simulation.neighbours import launch_neighbours
from dcp_engine.simulation.runs import Scenario
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.short_cuts import models_read_once
from dcp_engine.simulation.snapshot import Snapshot, belonging_to, snapshot
from dcp_engine.simulation.surroundings import no_own_aws
from dcp_engine.simulation.timings import Timings
from dcp_engine.simulation.virtual_clock import VirtualClock
from dcp_engine.store.sqlite import SqliteStore
from tests.engine.rig import Killed
from tests.reliability.searcher.auditor import Auditor
from tests.reliability.searcher.computer import Computer
from tests.reliability.searcher.guest import Guest
from tests.reliability.searcher.opening import Opening
from tests.reliability.searcher.tally import Tally

NAME: Final = "Exp1"
NEIGHBOUR: Final = "Exp12"
PROCESSES: Final = 2
_TIMINGS: Final = Timings(poll_interval=60.0)


class Violation(AssertionError):
    """A promise was broken."""


@dataclass
class Memory:
    """What was seen when the promises were checked last."""

    moved_at: datetime
    """When something last moved in the run, as far as its driver could see."""
    ticked_at: datetime
    events: list[str] = field(default_factory=list)
    """Ids, in order."""
    signature: object = None
    """What changes when something moves."""


class World:
    """Everything there is. What happens in it is in `acts`, what must hold in `promises`."""

    def __init__(
        self, aws: SimulatedAws, clock: VirtualClock, directory: Path, opening: Opening
    ) -> None:
        self.aws = aws
        self.clock = clock
        self.opening = opening
        self.tally = Tally()
        self.began = clock.now()
        self.driving: list[int] = []
        self.people_cancelled: set[str] = set()
        """Fleets that a person cancelled together with their machines."""
        self.kills_by_people: set[Kill] = set()
        self.given_up: set[str] = set()
        """Jobs that a person deleted, knowingly or not."""
        self.waived: set[str] = set()
        """Teardown steps that a person waived, or tried to."""
        self.launch = self._launch(directory)
        self.settings = Settings(poll_interval=timedelta(minutes=opening.poll_minutes))
        self.untruths: list[FaultRule] = []
        """Faults whose answers look good and are not true."""
        self.guest = Guest(clock, lingers=opening.guest_lingers)
        dead: set[int] = set()
        self.computers = [
            Computer(
                aws,
                clock,
                directory / "computer",
                settings=self.settings,
                before={"guest": self.guest},
                number=number + 1,
                dead=dead,
            )
            for number in range(PROCESSES)
        ]
        self.store = SqliteStore.open(self.computers[0].database)
        self._run_id = self.computers[0].register(self.launch).run.id
        self.auditor = Auditor(aws, self.launch, self)
        self.before = self.bystanders()
        self.memory = Memory(self.clock.now(), self.clock.now())

    def _launch(self, directory: Path) -> Launch:
        launch_neighbours(self.aws, NAME, directory / "neighbours")
        opening = self.opening
        self.neighbour = launch_run(
            self.aws,
            NEIGHBOUR,
            jobs=2,
            machines=1,
            directory=directory / "neighbour",
            cluster=opening.cluster if opening.shares_cluster else f"{NEIGHBOUR}Cluster",
        )
        # The static neighbours are compared when they are at rest, so their machines come first.
        self.clock.advance(180)
        return launch_run(
            self.aws,
            NAME,
            jobs=opening.jobs,
            machines=opening.machines,
            directory=directory,
            cluster=opening.cluster,
            auto_monitor=opening.auto_monitor,
            weights=opening.weights,
            visibility_timeout=opening.visibility_timeout,
            task_revisions=1,
            scenario=Scenario(
                crash=opening.crash,
                stall=opening.stall,
                poison_jobs=frozenset({0} if opening.poison else ()),
            ),
        )

    # What is believed.

    def run(self) -> Run:
        """The run as it is in the store."""
        return self.store.run(self._run_id)

    def lease(self) -> Lease | None:
        """The lease that is in force."""
        return self.store.lease(self._run_id, self.clock.now())

    def machine_ids(self) -> Iterable[str]:
        """Every machine that the store has recorded."""
        return [machine.instance_id for machine in self.store.machines(self._run_id)]

    # What is true.

    def jobs_left(self) -> int | None:
        """How many jobs the queue truly holds; None where there is no queue."""
        with self.aws.world.timeline.lock:
            queues = self.aws.world.moto.backend("sqs", self.aws.region).queues
            queue = queues.get(self.launch.queue_name)
            if queue is None:
                return None
            return int(
                queue.approximate_number_of_messages
                + queue.approximate_number_of_messages_not_visible
                + queue.approximate_number_of_messages_delayed
            )

    def untrue(self) -> bool:
        """Whether the next count of the queue is going to be untrue."""
        with self.aws.world.timeline.lock:
            bent = self.aws.world.queues._bent.get(self.launch.queue_name)
            return bool(bent and bent[0])

    def lies_to_come(self) -> bool:
        """Whether a standing fault has untrue answers left."""
        return any(rule.hits < (rule.times or 0) for rule in self.untruths)

    def fleets(self) -> list[Fleet]:
        """The run's fleets that AWS still remembers, oldest first."""
        found = map(self.aws.world.fleets.find, self.launch.fleet_ids)
        return [fleet for fleet in found if fleet is not None]

    def service_status(self) -> str | None:
        """ECS's word for how the run's service is; None where there is none."""
        services = self.aws.world.moto.backend("ecs", self.aws.region).services
        service = services.get(f"{self.launch.cluster}:{self.launch.service}")
        return None if service is None else str(service.status)

    def jobs_not_done(self) -> set[str]:
        """Jobs that no worker has finished yet."""
        done = self.launch.stats.jobs_done
        return {job for job in self.launch.jobs_sent if not done[job]}

    def bystanders(self) -> Snapshot:
        """What AWS holds of those who do nothing; the dead letters of others are left out."""
        _, others = belonging_to(snapshot(self.aws), self.launch)
        _, rest = belonging_to(others, self.neighbour)
        for launch in (self.launch, self.neighbour):
            rest["queues"].pop(launch.dead_letter_queue, None)
        return rest

    # What is done.

    @contextlib.contextmanager
    def people(self) -> Iterator[None]:
        """What loses its work in here loses it by a person's doing."""
        before = set(self.launch.killed_while_working)
        yield
        self.kills_by_people |= set(self.launch.killed_while_working) - before

    def wish(self, kind: RequestKind, **data: object) -> None:
        """A person asks for something on the command line."""
        now = self.clock.now()
        request_id = f"{kind}-{now.timestamp()}-{self.tally.acts}"
        self.store.add_request(
            Request(id=request_id, run_id=self._run_id, kind=kind, at=now, data=data)
        )

    def tick(self, who: int, *, keep_lease: bool = False) -> TickReport | None:
        """One tick of one process; None when it was killed in the middle."""
        computer = self.computers[who]
        if not self.driving:
            self.auditor.new_tick()
        self.tally.ticks += 1
        self.driving.append(computer.pid)
        try:
            return computer.engine.tick(self._run_id, keep_lease=keep_lease)
        except Killed:
            self.tally.kills += 1
            return None
        finally:
            self.driving.pop()

    def pause(self, report: TickReport | None) -> float:
        """How many seconds a driver waits after a tick."""
        if report is None or report.held_by or report.run.next_tick_at is None:
            return self.settings.poll_interval.total_seconds()
        return max((report.run.next_tick_at - self.clock.now()).total_seconds(), 0.5)

    def freeze(self, who: int, seconds: float, meanwhile: Callable[[], object]) -> None:
        """Have a process stand still in the middle of its next tick, once."""

        def stand_still() -> None:
            self.tally.freezes += 1
            self.clock.advance(seconds)
            meanwhile()

        self.guest.interrupt = stand_still
        self.tick(who)
        self.guest.interrupt = None

    def close(self) -> None:
        """Let go of the databases."""
        for computer in self.computers:
            computer.store.close()
        self.store.close()


@contextlib.contextmanager
def opened(seed: int, directory: Path, opening: Opening) -> Iterator[World]:
    """A new world in a simulated AWS of its own; there is one at a time in each process."""
    clock = VirtualClock()
    with contextlib.ExitStack() as stack:
        stack.enter_context(no_own_aws())
        stack.enter_context(models_read_once())
        # One step of a teardown after another, so that the same acts always lead to the same end.
        stack.enter_context(mock.patch("dcp_engine.teardown._SIDE_BY_SIDE", 1))
        aws = stack.enter_context(SimulatedAws(clock=clock, seed=seed, timings=_TIMINGS))
        os.environ.update(aws.environment())
        world = World(aws, clock, directory, opening)
        stack.callback(world.close)
        yield world
