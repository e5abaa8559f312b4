"""What makes tests on the simulated AWS quick without changing what they show."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any
from unittest import mock

import botocore.session
from botocore import compat, hooks
from botocore.loaders import create_loader

from dcp_engine.aws import session as ours
from dcp_engine.aws.lean import LeanModels
from dcp_engine.aws.session import Sessions
from dcp_engine.simulation.server import SimulatedAws


@contextmanager
def models_read_once() -> Iterator[None]:
    """Every botocore session reads the models of AWS's services for itself: half a second's work.

    They are the same for all, and botocore shares them between the clients of a session too. It
    also looks at the parameters of its own hundred and fifty handlers each time.
    """
    shared = create_loader()
    whole = LeanModels.load_service_model
    of_shared = cache(partial(whole, LeanModels(shared)))
    known: dict[object, bool] = {}

    def lean(
        models: LeanModels, service_name: str, type_name: str, api_version: str | None = None
    ) -> Any:
        # A test of its own models has them made as ever.
        make = of_shared if models._loader is shared else partial(whole, models)
        return make(service_name, type_name, api_version)

    def accepts_kwargs(handler: Any) -> bool:
        code = getattr(handler, "__code__", None)
        if code is None:
            return bool(compat.accepts_kwargs(handler))
        if code not in known:
            known[code] = bool(compat.accepts_kwargs(handler))
        return known[code]

    with (
        mock.patch.object(botocore.session, "create_loader", lambda *_: shared),
        mock.patch.object(ours, "service_models", lambda *_: shared),
        mock.patch.object(LeanModels, "load_service_model", lean),
        mock.patch.object(hooks, "accepts_kwargs", accepts_kwargs),
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
