"""The fixture `bench`, and what makes it quick."""

import os
from collections.abc import Iterator

import pytest

from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.short_cuts import models_read_once, sockets_spared
from dcp_engine.simulation.surroundings import without_own_aws
from dcp_engine.simulation.virtual_clock import VirtualClock
from dcp_engine.testing.workbench import Bench


@pytest.fixture(scope="session")
def service_models_are_read_once() -> Iterator[None]:
    """AWS's service models, for all tests together."""
    with models_read_once():
        yield


@pytest.fixture
def bench(
    service_models_are_read_once: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Bench]:
    """A `Bench` of this test's own: an empty simulated AWS, a clock at rest, an empty database.

    For as long as the test lasts the environment leads to no AWS of yours, to no settings of
    dcp-engine and to no proxy. Other connections, as to a server that the test starts, are left
    alone.
    """
    clock = VirtualClock()
    for name in set(os.environ) - set(without_own_aws(os.environ)):
        monkeypatch.delenv(name)
    with SimulatedAws(clock=clock, seed=1) as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        made = Bench(aws, clock, tmp_path_factory.mktemp("bench"))
        with sockets_spared(aws):
            yield made
        made.close()
