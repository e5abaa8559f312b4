"""What makes tests on the simulated AWS quick without changing what they show."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import botocore.session
from botocore.loaders import create_loader

from dcp_engine.aws import session as ours
from dcp_engine.aws.session import Sessions
from dcp_engine.simulation.server import SimulatedAws


@contextmanager
def models_read_once() -> Iterator[None]:
    """Every botocore session reads the models of AWS's services for itself: half a second's work.

    They are the same for all, and botocore shares them between the clients of a session too.
    """
    shared = create_loader()
    with (
        mock.patch.object(botocore.session, "create_loader", lambda *_: shared),
        mock.patch.object(ours, "service_models", lambda *_: shared),
    ):
        yield


@contextmanager
def sockets_spared(aws: SimulatedAws) -> Iterator[None]:
    """Have the engine's calls answered in their own thread, unless a fault needs a connection.

    A third of the work of a test would be connections and threads.
    """
    made = Sessions.client

    def client(sessions: Sessions, service: str, region: str | None) -> Any:
        found = made(sessions, service, region)
        aws.cut_short(found)
        return found

    with mock.patch.object(Sessions, "client", client):
        yield
