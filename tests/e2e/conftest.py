"""Fixtures: an AWS on the real clock, answering over a socket, and a scene in it."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.surroundings import no_own_aws
from dcp_engine.simulation.timings import Timings
from tests.e2e.scene import MakeScene, Scene


@pytest.fixture
def aws() -> Iterator[SimulatedAws]:
    # Nobody watches here, so what is only waited for may be shorter still.
    timings = replace(Timings.fast(), export_delay=0.2)
    with no_own_aws(), SimulatedAws(seed=1, timings=timings) as running:
        yield running


@pytest.fixture
def stage(aws: SimulatedAws, tmp_path: Path) -> MakeScene:
    """Sets a scene; see `Scene` for what can be said about it."""
    return partial(Scene, aws, tmp_path)
