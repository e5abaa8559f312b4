"""Calls in the manner of boto3 without boto3's weight: no session, no signing, no socket.

The simulation makes thousands of calls on itself; a boto3 client takes a tenth of a second to make
and several milliseconds per call, most of it on things that don't matter in here.
"""

import io
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_to_bytes, urlencode, urlsplit

import botocore.parsers
import botocore.serialize
from botocore import xform_name
from botocore.exceptions import ClientError

from dcp_engine.simulation.in_process import Responder
from dcp_engine.simulation.service_models import ServiceModels


class LightClient:
    """Has a method per operation, named as in boto3, raising ClientError as boto3 does.

    No paginators, waiters or streamed bodies.
    """

    def __init__(
        self,
        service: str,
        region: str,
        responder: Responder,
        models: ServiceModels,
        endpoint_url: str,
    ) -> None:
        self._service = service
        self._responder = responder
        self._models = models
        self._host = urlsplit(endpoint_url).netloc
        signing_name = models.service(service).signing_name
        self._authorization = (
            f"AWS4-HMAC-SHA256 Credential=testing/20300101/{region}/{signing_name}/aws4_request, "
            "SignedHeaders=host, Signature=none"
        )
        self._operations = {
            xform_name(name): name for name in models.service(service).operation_names
        }

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        operation = self._operations.get(name)
        if operation is None:
            raise AttributeError(f"{self._service} has no operation {name}")

        def call(**params: Any) -> dict[str, Any]:
            return self.call(operation, params)

        return call

    def call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Carry out an operation given by its API name; the answer without ResponseMetadata."""
        model = self._models.operation(self._service, operation)
        protocol = self._models.protocol(self._service)
        serializer = botocore.serialize.create_serializer(protocol, include_validation=False)
        request = serializer.serialize_to_request(params, model)
        environ, body = self._environment(operation, request, params)
        reply = self._responder(environ, body)
        raw = {"body": reply.body, "headers": reply.headers, "status_code": reply.status}
        parsed: Any = botocore.parsers.create_parser(protocol).parse(raw, model.output_shape)
        if reply.status >= 300:
            raise ClientError(parsed, operation)
        answer: dict[str, Any] = parsed
        answer.pop("ResponseMetadata", None)
        return answer

    def _environment(
        self, operation: str, request: dict[str, Any], params: dict[str, Any]
    ) -> tuple[dict[str, Any], bytes]:
        path = request["url_path"]
        in_path = "{Bucket}" in self._models.operation(self._service, operation).http["requestUri"]
        if self._service == "s3" and "Bucket" in params and not in_path:
            path = f"/{params['Bucket']}{path if path != '/' else ''}"
        path, _, fixed_query = path.partition("?")
        query = "&".join(part for part in (fixed_query, urlencode(request["query_string"])) if part)
        content = request["body"]
        if isinstance(content, dict):
            content = urlencode(content)
        body = content.encode() if isinstance(content, str) else bytes(content)
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request["method"],
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "RAW_URI": f"{path}?{query}" if query else path,
            "QUERY_STRING": query,
            "SERVER_NAME": self._host.partition(":")[0],
            "SERVER_PORT": self._host.partition(":")[2] or "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": self._host,
            "HTTP_AUTHORIZATION": self._authorization,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
        }
        for name, value in request["headers"].items():
            key = name.upper().replace("-", "_")
            environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = str(value)
        return environ, body


class LightClients:
    """One light client per service and region."""

    def __init__(self, responder: Responder, models: ServiceModels, endpoint_url: str) -> None:
        self._responder = responder
        self._models = models
        self._endpoint_url = endpoint_url
        self._clients: dict[tuple[str, str], LightClient] = {}

    def client(self, service: str, region: str) -> Any:
        """The client, made when first asked for."""
        key = (service, region)
        if key not in self._clients:
            self._clients[key] = LightClient(
                service, region, self._responder, self._models, self._endpoint_url
            )
        return self._clients[key]
