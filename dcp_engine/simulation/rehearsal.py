"""A whole run, rehearsed: the emulated AWS in this process, the real command in another."""

import contextlib
import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from dcp_engine.app import App
from dcp_engine.defaults import Settings
from dcp_engine.errors import EngineError
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.machines import MachineState
from dcp_engine.simulation.neighbours import Neighbours, launch_neighbours
from dcp_engine.simulation.real_command import RealCommand
from dcp_engine.simulation.rehearsal_account import Account, Ending, take_account
from dcp_engine.simulation.rehearsal_plan import (
    APP_NAME,
    ENGINE_SETTINGS,
    MAX_RECEIVE_COUNT,
    VISIBILITY_TIMEOUT,
    Plan,
)
from dcp_engine.simulation.server import SimulatedAws, SimulationError
from dcp_engine.simulation.snapshot import snapshot
from dcp_engine.simulation.surroundings import without_own_aws
from dcp_engine.simulation.timings import Timings
from dcp_engine.simulation.world_news import WorldNews

_BREATH = 0.2
"""Seconds between two looks at what the world does."""
_NEXT = "Mine"
"""What later runs of the person's are called, with a number: like no stranger's."""
_SETTLING = 20.0
"""Seconds for the stranger's machines to come up; they take about one."""


class Interrupted(Exception):
    """The person wants no more of it."""


@dataclass(frozen=True)
class Line:
    """A line of what happens."""

    text: str
    at: datetime | None = None
    """When it happened in the emulated AWS; None for what the real command has printed."""


class Rehearsal:
    """From `with` to the end of its block there is an AWS, a run in it, and a stranger's run.

    Enter it with nobody's AWS in the environment: see `surroundings`.
    """

    def __init__(self, plan: Plan, directory: Path, *, interrupted: Callable[[], bool]) -> None:
        """`directory` takes the monitor files and the database; `interrupted` is asked often."""
        self.plan = plan
        self.directory = directory
        self.database = directory / "runs.db"
        self.aws = SimulatedAws(seed=plan.seed, timings=Timings.fast())
        self._interrupted = interrupted
        self._stack = contextlib.ExitStack()
        self._neighbours: Neighbours | None = None
        self._launch: Launch | None = None

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self.aws.start()
            stack.callback(self.aws.stop)
            self._set_the_stage()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def launch(self) -> Launch:
        """The run; SimulationError outside the block."""
        if self._launch is None:
            raise SimulationError("Nothing was launched: use the rehearsal in a with block.")
        return self._launch

    @property
    def strangers(self) -> tuple[str, ...]:
        """APP_NAMEs beside the run that are like its own."""
        return self._neighbours.app_names if self._neighbours else ()

    @property
    def arguments(self) -> list[str]:
        """What follows `dcp-engine` on the command line that drives the run."""
        cheapest = ["--cheapest"] if self.plan.cheapest else []
        file = str(self.launch.monitor_file)
        return ["monitor", file, *cheapest, "--db", str(self.database)]

    def perform(self, tell: Callable[[Line], None]) -> Account:
        """Have the real command see the run to its end; `tell` gets all lines as they come.

        Raises Interrupted; the command has ended by then.
        """
        before = snapshot(self.aws)
        start = self.aws.clock.monotonic()
        code = self._drive(tell)
        return take_account(
            self.aws,
            self.launch,
            machines=self.plan.machines,
            before=before,
            stranger_names=self.strangers,
            ending=Ending(
                exit_code=code,
                state=self._state(),
                seconds=self.aws.clock.monotonic() - start,
            ),
        )

    def keep(self) -> None:
        """Leave everything up until the person wants no more of it."""
        while not self._interrupted():
            self.aws.clock.sleep(_BREATH)

    def hand_over(self, wanted: Callable[[], bool], tell: Callable[[Launch], None]) -> None:
        """Leave everything to the person, and launch another run whenever one is `wanted`."""
        bucket = self.launch.bucket
        for number in itertools.count(2):
            while not wanted():
                if self._interrupted():
                    return
                self.aws.clock.sleep(_BREATH)
            tell(self._launch_one(f"{_NEXT}{number}", bucket))

    def environment(self) -> dict[str, str]:
        """With these variables any command drives runs here, in quick motion, and nowhere else."""
        return {
            **self.aws.environment(),
            **ENGINE_SETTINGS,
            "DCP_ENGINE_DB": str(self.database),
            "NO_PROXY": "127.0.0.1",
        }

    def _set_the_stage(self) -> None:
        self._neighbours = launch_neighbours(self.aws, APP_NAME, self.directory)
        self._until_settled(self._neighbours)
        self._launch = self._launch_one(APP_NAME, self._neighbours.bucket)

    def _launch_one(self, name: str, bucket: str) -> Launch:
        return launch_run(
            self.aws,
            name,
            jobs=self.plan.jobs,
            machines=self.plan.machines,
            directory=self.directory,
            cluster=f"{name}Cluster",
            bucket=bucket,
            visibility_timeout=VISIBILITY_TIMEOUT,
            max_receive_count=MAX_RECEIVE_COUNT,
            auto_monitor=True,
            scenario=self.plan.scenario,
        )

    def _until_settled(self, neighbours: Neighbours) -> None:
        """Only what has come to rest can be compared later."""
        world = self.aws.world
        deadline = self.aws.clock.monotonic() + _SETTLING
        while True:
            with world.timeline.lock:
                machines = [
                    m for fleet in neighbours.fleet_ids for m in world.machines.of_fleet(fleet)
                ]
            if len(machines) == len(neighbours.fleet_ids) and all(
                machine.state is MachineState.RUNNING for machine in machines
            ):
                return
            if self.aws.clock.monotonic() > deadline:
                raise SimulationError("The stranger's machines did not come up.")
            self._breathe()

    def _drive(self, tell: Callable[[Line], None]) -> int:
        # A settings file of the person's own would be read; an empty one is named instead.
        nothing = self.directory / "no-settings.toml"
        nothing.touch()
        environment = {
            **without_own_aws(os.environ),
            **self.aws.environment(),
            **ENGINE_SETTINGS,
            "DCP_ENGINE_CONFIG": str(nothing),
            # Nobody is to be told of a run of pretence.
            "DCP_ENGINE_PLUGINS": "",
        }
        news = WorldNews(self.aws, self.launch, self.plan.machines)
        with RealCommand(self.arguments, environment) as command:
            while not command.silent:
                for line in command.lines(_BREATH):
                    tell(Line(line))
                for line in news.fresh():
                    tell(Line(line, self.aws.clock.now()))
                self._check()
            return command.exit_code()

    def _state(self) -> str | None:
        """The run's state by the engine's own record; None where it has none."""
        app = App(database=self.database, settings=Settings())
        try:
            return app.status(self.launch.app_name).state.value
        except EngineError:
            return None
        finally:
            app.close()

    def _breathe(self) -> None:
        self._check()
        self.aws.clock.sleep(_BREATH)

    def _check(self) -> None:
        if self._interrupted():
            raise Interrupted
