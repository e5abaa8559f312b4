"""Fixtures of the contract: an emulator for all tests, a run for each."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count

import pytest

from dcp_engine.aws.cloud import BotoCloud
from dcp_engine.aws.edge import Edge
from dcp_engine.aws.session import Sessions
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.contract.asker import USER, Asker
from tests.contract.backends import Backend, OnMinistack, OnSimulation
from tests.contract.ministack import REGION, Ministack, install, running
from tests.contract.scene import Scene, cloud_on


@pytest.fixture(scope="session")
def ministack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ministack]:
    """One process for each worker of pytest-xdist, from one installation for all."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if hasattr(request.config, "workerinput") else own
    with running(install(shared), tmp_path_factory.mktemp("ministack")) as started:
        yield started


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """These and nothing else of AWS's, as far as an AWS SDK can see."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        for name, value in variables.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def on_ministack(ministack: Ministack) -> OnMinistack:
    """ministack behind the common face."""
    return OnMinistack(ministack)


@pytest.fixture(scope="package")
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """The emulator that the parameter names; `calls.py` sets it.

    One for all tests of this package, since clients are slow to make; see `numbers`.
    """
    if request.param == OnMinistack.name:
        on: Backend = request.getfixturevalue("on_ministack")
        with environment(on.environment()):
            yield on
        return
    clock = VirtualClock()
    with SimulatedAws(clock=clock, seed=1) as simulated:
        on = OnSimulation(simulated, clock)
        with environment(on.environment()):
            yield on


@pytest.fixture(scope="package")
def cloud(backend: Backend) -> BotoCloud:
    """The engine's way to it."""
    return cloud_on(backend.clock)


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    """So that no two runs have the same name."""
    return count(1)


@pytest.fixture
def scene(
    request: pytest.FixtureRequest,
    backend: Backend,
    cloud: BotoCloud,
    numbers: Iterator[int],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Scene]:
    """A run of which nothing is there yet.

    Afterwards the engine must have made the calls that the test says it is about.
    """
    called = set()
    once = Edge.once

    def noting(self, operation, **params):  # type: ignore[no-untyped-def]
        called.add(operation)
        return once(self, operation, **params)

    monkeypatch.setattr(Edge, "once", noting)
    yield Scene(backend, cloud, f"Exp{next(numbers)}x")
    about = getattr(request.function, "operations", ())
    missing = sorted(each.label for each in about if each not in called)
    assert not missing, f"the engine never called {missing}"


@pytest.fixture(scope="session")
def user(on_ministack: OnMinistack) -> dict[str, str]:
    """Environment variables with the key of the user `engine`, who may do what a test allows."""
    key, secret = on_ministack.make_user(USER)
    keys = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
    return {**on_ministack.environment(), **keys}


@pytest.fixture(scope="session")
def sessions_of() -> Callable[[dict[str, str]], Sessions]:
    """The way to AWS with the given environment, the same one each time: clients are slow."""
    made: dict[str, Sessions] = {}

    def sessions(variables: dict[str, str]) -> Sessions:
        key = str(sorted(variables.items()))
        if key not in made:
            made[key] = Sessions(None, REGION, timeout=timedelta(seconds=20))
        return made[key]

    return sessions


@pytest.fixture
def asker(
    scene: Scene, sessions_of: Callable[[dict[str, str]], Sessions]
) -> Callable[[dict[str, str]], Asker]:
    """Asks in the name of whoever has the keys in the given environment."""
    return lambda variables: Asker(scene, sessions_of(variables), lambda: environment(variables))
