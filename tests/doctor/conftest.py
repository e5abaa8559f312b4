"""A doctor in the simulated AWS, on a virtual clock, and a healthy run to examine."""

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from dcp_engine.aws.cloud import BotoCloud
from dcp_engine.clock import Clock
from dcp_engine.defaults import Settings
from dcp_engine.doctor.asking import Asking, one_after_another
from dcp_engine.doctor.examination import LIMIT, Examination
from dcp_engine.doctor.finding import Finding, Verdict
from dcp_engine.doctor.memory import Memory
from dcp_engine.model import Run, State
from dcp_engine.plugin_desk import PluginReport
from dcp_engine.simulation.access import Access
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.short_cuts import sockets_spared
from dcp_engine.simulation.timings import Timings
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.engine.rig import Rig
from tests.unit.store.conftest import locked_away

__all__ = ["locked_away"]


class Clinic:
    """One computer with a doctor on it."""

    def __init__(self, aws: SimulatedAws, clock: VirtualClock, rig: Rig, directory: Path) -> None:
        self.aws = aws
        self.clock = clock
        self.rig = rig
        self.directory = directory
        self.database = rig.database
        self._launched = 0
        self._fresh = 0
        self._clouds: dict[object, BotoCloud] = {}

    def fresh_settings(self) -> Settings:
        """As they are, but nobody has asked AWS with them yet: other credentials are noticed."""
        self._fresh += 1
        return replace(self.rig.settings, request_timeout=timedelta(seconds=20 + self._fresh))

    def launch_next(self, **changes: Any) -> Launch:
        """A run of a name that no other one here has."""
        self._launched += 1
        return self.launch(f"Exp{self._launched}", **changes)

    def launch(self, name: str = "Exp1", **changes: Any) -> Launch:
        facts: dict[str, Any] = {
            "jobs": 6,
            "machines": 2,
            "directory": self.directory / "files",
            "cluster": f"{name}Cluster",
        }
        launch = launch_run(self.aws, name, **{**facts, **changes})
        launch.fleet.config["ValidUntil"] = self.clock.now() + timedelta(days=7)
        return launch

    def watched(self, launch: Launch) -> Run:
        """The run, registered and at work."""
        run = self.rig.register(launch).run
        return self.rig.until(run, lambda now: now.state is State.RUNNING and now.machines_seen)

    def doctor(
        self,
        *,
        clock: Clock | None = None,
        asking: Asking = one_after_another,
        limit: timedelta = LIMIT,
        settings: Settings | None = None,
        region: str | None = None,
        profile: str | None = None,
        database: Path | None = None,
        plugins: Callable[[], Sequence[PluginReport]] = lambda: (),
        ignored_region: str | None = None,
    ) -> Examination:
        clock, settings = clock or self.clock, settings or self.rig.settings
        return Examination(
            cloud=self._cloud(clock, settings, region, profile),
            clock=clock,
            settings=settings,
            memory=Memory(database or self.database),
            plugins=plugins,
            asking=asking,
            limit=limit,
            ignored_region=ignored_region,
        )

    def _cloud(
        self, clock: Clock, settings: Settings, region: str | None, profile: str | None
    ) -> BotoCloud:
        """One for all who ask in the same way: clients are slow to make."""
        key = id(clock), settings.request_timeout, region, profile
        if key not in self._clouds:
            self._clouds[key] = BotoCloud(
                profile=profile,
                region=region,
                settings=settings,
                clock=clock,
                rng=random.Random(1),
            )
        return self._clouds[key]

    def of_file(self, launch: Launch, **how: Any) -> list[Finding]:
        return self.doctor(**how).of_file(launch.monitor_file)

    def of_run(self, run: Run, **how: Any) -> list[Finding]:
        return self.doctor(**how).of_run(self.rig.run(run))


def not_fine(findings: Sequence[Finding]) -> dict[str, Finding]:
    """Everything that is not fine, by its name; each name is there once."""
    names = [finding.name for finding in findings]
    assert len(set(names)) == len(names), names
    return {one.name: one for one in findings if one.verdict is not Verdict.FINE}


@pytest.fixture
def clinic(aws: SimulatedAws, clock: VirtualClock, rig: Rig, tmp_path: Path) -> Clinic:
    return Clinic(aws, clock, rig, tmp_path)


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """One for all tests of a module, each of which launches a run of its own."""
    clock, directory = VirtualClock(), tmp_path_factory.mktemp("ward")
    with (
        pytest.MonkeyPatch.context() as patch,
        SimulatedAws(clock=clock, seed=1, timings=Timings()) as aws,
        sockets_spared(aws),
    ):
        for name, value in aws.environment().items():
            patch.setenv(name, value)
        rig = Rig(aws, clock, directory / "computer")
        yield Clinic(aws, clock, rig, directory)
        rig.store.close()


@pytest.fixture(autouse=True)
def _as_it_was(request: pytest.FixtureRequest) -> Iterator[None]:
    """What one test has done to the ward as a whole is undone for the next."""
    yield
    if "ward" in request.fixturenames:
        ward: Clinic = request.getfixturevalue("ward")
        ward.aws.faults.clear()
        ward.aws.world.access = Access(ward.aws.account)
