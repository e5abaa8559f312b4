"""A simulated AWS per module, on a virtual clock, and boto3 clients over its socket."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.config import Config

from dcp_engine.simulation.machines import Cause
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.timings import Timings
from dcp_engine.simulation.virtual_clock import VirtualClock

Client = Callable[[str], Any]


@pytest.fixture(scope="module")
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture(scope="module")
def aws(clock: VirtualClock) -> Iterator[SimulatedAws]:
    with SimulatedAws(clock=clock, timings=Timings()) as running:
        yield running


@pytest.fixture(scope="session")
def session() -> boto3.Session:
    """Shared, because it keeps the service models, whose loading takes most of a client's time."""
    return boto3.Session(
        aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1"
    )


@pytest.fixture(scope="module")
def client(aws: SimulatedAws, session: boto3.Session) -> Client:
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30)
    make: Any = session.client

    @cache
    def over_the_socket(service: str) -> Any:
        return make(service, endpoint_url=aws.endpoint_url, config=config)

    return over_the_socket


@pytest.fixture
def fleets_end(aws: SimulatedAws) -> Iterator[None]:
    """No fleet outlives its test, to keep later moves of the clock short."""
    yield
    for fleet in aws.world.fleets.all():
        if not fleet.state.startswith("cancelled"):
            aws.world.fleets.cancel(fleet, terminate=True, cause=Cause.FLEET_CANCELLED)
