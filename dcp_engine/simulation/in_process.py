"""boto3 clients whose requests never reach a socket."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

from dcp_engine.aws.session import plain_client


@dataclass(frozen=True)
class Reply:
    """An HTTP reply."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Responder = Callable[[dict[str, Any], bytes], Reply]
"""Answers a request given as a WSGI environment and its whole body."""


class InProcessClients:
    """boto3 clients that hand their requests straight to a responder, in the calling thread."""

    def __init__(self, responder: Responder, endpoint_url: str) -> None:
        self._responder = responder
        self._endpoint_url = endpoint_url
        self._clients: dict[tuple[str, str], Any] = {}

    def client(self, service: str, region: str) -> Any:
        """A client for the service; the same one each time. Call it under the world's lock."""
        key = (service, region)
        if key not in self._clients:
            client = plain_client(service, endpoint_url=self._endpoint_url, region=region)
            cut_short(client, self._responder)
            self._clients[key] = client
        return self._clients[key]


def cut_short(
    client: Any, responder: Responder, unless: Callable[[], bool] = lambda: False
) -> None:
    """Have a boto3 client ask the responder instead of a socket, except while `unless` holds.

    Once is enough; again changes nothing.
    """

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        if unless():
            return None
        content = _content_of(request.body)
        reply = responder(_environment(request, len(content)), content)
        headers = HTTPHeaders.from_dict(dict(reply.headers))
        return AWSResponse(request.url, reply.status, headers, _Raw(reply.body))

    client.meta.events.register("before-send", answer, unique_id="simulation-cut-short")


def _content_of(body: Any) -> bytes:
    """A body is bytes, text, or a file to read, or there is none."""
    if body is None:
        return b""
    content = body.read() if hasattr(body, "read") else body
    return content.encode() if isinstance(content, str) else bytes(content)


class _Raw(io.BytesIO):
    """What botocore expects of urllib3's response: a body to stream."""

    def stream(self, **_: Any) -> Any:
        while chunk := self.read(65536):
            yield chunk


def _text_of(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _environment(request: AWSPreparedRequest, length: int) -> dict[str, Any]:
    parts = urlsplit(request.url)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": unquote_to_bytes(parts.path or "/").decode("latin-1"),
        "RAW_URI": f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}",
        "QUERY_STRING": parts.query,
        "SERVER_NAME": parts.hostname or "127.0.0.1",
        "SERVER_PORT": str(parts.port or 80),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": parts.netloc,
        "wsgi.url_scheme": "http",
    }
    for name, value in request.headers.items():
        text = _text_of(value)
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        environ[key] = text
    environ["CONTENT_LENGTH"] = str(length)
    return environ
