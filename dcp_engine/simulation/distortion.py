"""Replies that come out wrong."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from xml.etree import ElementTree

from dcp_engine.simulation.in_process import Reply
from dcp_engine.simulation.wire import AwsRequest, Wire

_PAUSE = 0.05
_PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Welcome</body></html>"


def empty(reply: Reply) -> Reply:
    """HTTP 200 with nothing in it."""
    return Reply(200, _without_length(reply.headers), b"")


def truncated(reply: Reply) -> Reply:
    """HTTP 200 with the first half of the content."""
    return Reply(200, _without_length(reply.headers), reply.body[: len(reply.body) // 2])


def trickle(body: bytes, released: Callable[[float], bool]) -> Iterator[bytes]:
    """The body, a byte at a time with pauses; all of the rest at once when it is released.

    Each pause is short, so that no wait for data by itself is a long one.
    """
    for place in range(len(body)):
        if released(_PAUSE):
            yield body[place:]
            return
        yield body[place : place + 1]


def html() -> Reply:
    """HTTP 200 with a web page."""
    return Reply(200, {"Content-Type": "text/html"}, _PAGE)


def zero_counts(wire: Wire, request: AwsRequest, reply: Reply) -> Reply:
    """The same attributes of a queue, as if no message were in it."""
    if reply.status >= 300 or request.operation != "GetQueueAttributes":
        return reply
    result = wire.result_of(request, reply)
    attributes = {
        name: "0" if name.startswith("ApproximateNumberOf") else value
        for name, value in result.get("Attributes", {}).items()
    }
    return wire.encode(request, {**result, "Attributes": attributes})


def lacking(wire: Wire, request: AwsRequest, reply: Reply, key: str) -> Reply:
    """The same answer without one member, wherever it stands in it."""
    if reply.status >= 300:
        return reply
    if request.service == "s3":
        return Reply(reply.status, _without_length(reply.headers), _without_tag(reply.body, key))
    return wire.encode(request, _without_key(wire.result_of(request, reply), key))


def _without_key(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return {name: _without_key(part, key) for name, part in value.items() if name != key}
    if isinstance(value, list):
        return [_without_key(part, key) for part in value]
    return value


def _without_tag(body: bytes, key: str) -> bytes:
    if not body.lstrip().startswith(b"<"):
        return body
    root = ElementTree.fromstring(body)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.rpartition("}")[2] == key:
                parent.remove(child)
    without: bytes = ElementTree.tostring(root, encoding="utf-8")
    return without


def _without_length(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() != "content-length"}
