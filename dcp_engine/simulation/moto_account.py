"""moto, in this process, as the account that the simulation is built over."""

import io
import re
from typing import Any

import moto.backends
from moto.core.base_backend import BackendDict
from moto.moto_api._internal import mock_random
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.test import run_wsgi_app

from dcp_engine.simulation.in_process import Reply
from dcp_engine.simulation.light_client import LightClients
from dcp_engine.simulation.service_models import ServiceModels

_SIGNED_FOR = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")

# As in moto's own server, whose applications outlive each reset of what they answer from.
_DISPATCHER = DomainDispatcherApplication(create_backend_app)


class Moto:
    """moto's application in this process, reset to an empty AWS."""

    def __init__(self, endpoint_url: str, account: str, seed: int, models: ServiceModels) -> None:
        moto_api_backend.reset()
        mock_random.seed(seed)
        self._services: dict[str, Any] = {}
        self._account = account
        self._clients = LightClients(self.respond, models, endpoint_url)

    def respond(self, environ: dict[str, Any], body: bytes) -> Reply:
        """moto's own answer, none of the simulation's corrections applied."""
        inner = dict(environ)
        inner["wsgi.input"] = io.BytesIO(body)
        inner["CONTENT_LENGTH"] = str(len(body))
        inner.pop("HTTP_TRANSFER_ENCODING", None)
        inner.pop("wsgi.input_terminated", None)
        chunks, status, headers = run_wsgi_app(self._service_of(inner), inner, buffered=True)
        return Reply(int(status.split()[0]), dict(headers), b"".join(chunks))

    def _service_of(self, environ: dict[str, Any]) -> Any:
        """moto's application for the service a request is signed for.

        moto looks for it among the files of its installation, at each request; once will do.
        """
        signed = _SIGNED_FOR.search(environ.get("HTTP_AUTHORIZATION", ""))
        if signed is None:
            return _DISPATCHER.get_application(environ)
        if signed[1] not in self._services:
            self._services[signed[1]] = _DISPATCHER.get_application(environ)
        return self._services[signed[1]]

    def client(self, service: str, region: str) -> Any:
        """A light client that talks to moto only."""
        return self._clients.client(service, region)

    def backend(self, service: str, region: str) -> Any:
        """moto's own objects of a service, for what no call can set."""
        get_backend: Any = moto.backends.get_backend
        backends = get_backend(service)
        assert isinstance(backends, BackendDict)
        return backends[self._account][region]
