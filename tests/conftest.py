"""Fixtures: the simulated AWS on a virtual clock, and a way to put an engine on it."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dcp_engine.defaults import Settings
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.short_cuts import models_read_once, sockets_spared
from dcp_engine.simulation.timings import Timings
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.e2e import processes
from tests.engine.rig import Rig

pytest_plugins = ["tests.matrices", "tests.order"]


def pytest_configure(config: pytest.Config) -> None:
    """In a run of everything each command is started from nothing."""
    processes.from_nothing = config.option.whole
    # Under nohup, or in the background of a script, they are ignored, and by what is started, too:
    # a command that is to be left by Ctrl-C would be waited for without end.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def _service_models_are_read_once() -> Iterator[None]:
    with models_read_once():
        yield


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def aws(clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedAws]:
    with SimulatedAws(clock=clock, seed=1, timings=Timings()) as simulated:
        for name, value in simulated.environment().items():
            monkeypatch.setenv(name, value)
        # The engine's calls go over the socket in tests/e2e, and here wherever a test orders one
        # to break.
        with sockets_spared(simulated):
            yield simulated


@pytest.fixture
def make_rig(
    aws: SimulatedAws, clock: VirtualClock, tmp_path: Path
) -> Iterator[Callable[..., Rig]]:
    rigs: list[Rig] = []

    def make(settings: Settings | None = None, **more: Any) -> Rig:
        rig = Rig(aws, clock, tmp_path / f"computer{len(rigs)}", settings=settings, **more)
        rigs.append(rig)
        return rig

    yield make
    for rig in rigs:
        rig.store.close()


@pytest.fixture
def rig(make_rig: Callable[..., Rig]) -> Rig:
    return make_rig()
