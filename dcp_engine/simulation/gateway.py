"""The door of the simulated AWS: every request comes in here, is noted, and gets its answer."""

import os
import socket
import struct
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from wsgiref.handlers import format_date_time

from botocore.exceptions import ClientError
from moto.core.exceptions import ServiceException

from dcp_engine.simulation import distortion
from dcp_engine.simulation.call import Call, Handler
from dcp_engine.simulation.faults import AFTERWARDS, REFUSALS, Fault, FaultRule, Faults
from dcp_engine.simulation.in_process import Reply
from dcp_engine.simulation.item_failures import ITEM_FAILURES
from dcp_engine.simulation.recall import Recall
from dcp_engine.simulation.request_log import RecordedRequest, RequestLog
from dcp_engine.simulation.service_error import AwsError
from dcp_engine.simulation.virtual_clock import VirtualClock
from dcp_engine.simulation.wire import AwsRequest, Wire
from dcp_engine.simulation.world import World

_FRAMING = frozenset({"content-length", "date", "connection", "transfer-encoding"})


class ConnectionCut(ConnectionError):
    """No reply goes out: the connection has been reset."""


@dataclass
class Gateway:
    """A WSGI application."""

    world: World
    handlers: Mapping[str, Handler]
    faults: Faults
    requests: RequestLog
    wire: Wire
    crashes: list[str] = field(default_factory=list)
    """Tracebacks of errors in the simulation itself (or in moto), not in what was asked."""

    unreachable: bool = False
    """Whether connections that are still open are cut off instead of served."""

    def __post_init__(self) -> None:
        self._recall: Recall = Recall(self.wire)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request from the socket: noted, and exposed to faults."""
        try:
            reply, rule = self._answer_from_outside(environ, _read_body(environ))
        except ConnectionCut:
            _reset(environ)
            raise
        headers = _unframed(reply)
        length = str(len(reply.body))
        if environ["REQUEST_METHOD"] == "HEAD":
            told = {name.lower(): value for name, value in reply.headers.items()}
            length = told.get("content-length", length)
        headers.append(("Content-Length", length))
        start_response(f"{reply.status} Simulated", headers)
        if rule is not None and rule.fault is Fault.TRICKLES:
            return distortion.trickle(reply.body, rule.wait)
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else reply.body]

    def respond(self, environ: dict[str, Any], body: bytes) -> Reply:
        """Answer a request from within the process: not noted, safe from faults."""
        return self._answer(self._decode(environ, body), environ, body, None)

    def respond_exposed(self, environ: dict[str, Any], body: bytes) -> Reply:
        """The same for one that counts as from outside: noted, exposed to faults, reply dated.

        A fault that cuts the connection is a ConnectionCut here, for there is none to cut.
        """
        reply, _ = self._answer_from_outside(environ, body)
        date = format_date_time(self.world.clock.now().timestamp())
        content = b"" if environ["REQUEST_METHOD"] == "HEAD" else reply.body
        return Reply(reply.status, {**dict(_unframed(reply)), "Date": date}, content)

    def _answer_from_outside(
        self, environ: dict[str, Any], body: bytes
    ) -> tuple[Reply, FaultRule | None]:
        if self.unreachable:
            raise ConnectionCut
        request = self._decode(environ, body)
        record = RecordedRequest(
            service=request.service,
            operation=request.operation,
            params=request.params,
            region=request.region,
            at=self.world.clock.now(),
        )
        self.requests.begin(record)
        rule = self.faults.strike(request, self.world.clock.now())
        try:
            reply = self._answer_under(rule, request, environ, body, record)
            record.status = reply.status
        except ConnectionCut:
            record.status = 0
            raise
        finally:
            self.requests.finish(record)
        return reply, rule

    def _decode(self, environ: Mapping[str, Any], body: bytes) -> AwsRequest:
        with self.world.timeline.lock:
            try:
                return self.wire.decode(environ, body)
            except Exception:  # noqa: BLE001 - what can't be read is moto's to refuse
                return AwsRequest("unknown", "", "", "")

    def _answer_under(
        self,
        rule: FaultRule | None,
        request: AwsRequest,
        environ: dict[str, Any],
        body: bytes,
        record: RecordedRequest,
    ) -> Reply:
        rest = self._recall.rest(request)
        if rest is not None:
            return rest
        if rule is None:
            reply = self._answer(request, environ, body, record)
            self._recall.keep(request, reply)
            return reply
        record.fault = rule.fault.name
        if rule.fault in REFUSALS:
            return self._refuse(request, rule.refusal(request.service), record)
        if rule.fault is Fault.HTML:
            return distortion.html()
        failures = ITEM_FAILURES.get(record.name)
        if rule.fault is Fault.ITEM_FAILED and failures is not None:
            return self.wire.encode(request, failures(request.params, rule.code))
        if rule.fault not in AFTERWARDS:
            if rule.fault is Fault.HANG:
                self._last(rule)
            raise ConnectionCut
        return self._distorted(rule, request, self._answer(request, environ, body, record))

    def _distorted(  # noqa: PLR0911
        self, rule: FaultRule, request: AwsRequest, reply: Reply
    ) -> Reply:
        """What becomes of a true answer under a rule."""
        match rule.fault:
            case Fault.EMPTY_BODY:
                return distortion.empty(reply)
            case Fault.TRUNCATED:
                return distortion.truncated(reply)
            case Fault.MISSING_KEY:
                return distortion.lacking(self.wire, request, reply, str(rule.key))
            case Fault.ZERO_COUNTS:
                return distortion.zero_counts(self.wire, request, reply)
            case Fault.STALE:
                return self._recall.before(request, reply)
            case Fault.SHORT_PAGES:
                return self._recall.empty_page(request, reply)
            case Fault.TRICKLES | Fault.ITEM_FAILED:
                return reply
        if rule.takes is not None:
            self._last(rule)
        raise ConnectionCut

    def _last(self, rule: FaultRule) -> None:
        """Let the time pass that a fault takes."""
        if rule.takes is not None and isinstance(self.world.clock, VirtualClock):
            self.world.clock.advance(rule.takes)
        else:
            rule.wait(rule.takes)

    def _answer(
        self,
        request: AwsRequest,
        environ: dict[str, Any],
        body: bytes,
        record: RecordedRequest | None,
    ) -> Reply:
        with self.world.timeline.lock:
            try:
                self.world.advance()
                return self._carry_out(request, environ, body)
            except AwsError as error:
                return self._refuse(request, error, record)
            except ClientError as error:
                return self._refuse(request, _from_moto(error), record)
            except ServiceException as error:
                return self._refuse(request, AwsError(error.code, str(error.message)), record)
            except Exception as error:  # noqa: BLE001 - a server answers 500 and goes on
                self.crashes.append(traceback.format_exc())
                failure = AwsError("InternalFailure", f"The simulation crashed: {error!r}", 500)
                return self._refuse(request, failure, record)

    def _carry_out(self, request: AwsRequest, environ: dict[str, Any], body: bytes) -> Reply:
        if request.service == "ec2" and request.params.get("DryRun"):
            raise AwsError(
                "DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412
            )
        handler = self.handlers.get(request.name)
        if handler is None:
            return self.world.moto.respond(environ, body)
        call = Call(
            world=self.world,
            service=request.service,
            operation=request.operation,
            region=request.region,
            access_key=request.access_key,
            params=request.params,
        )
        return self.wire.encode(request, handler(call))

    def _refuse(
        self, request: AwsRequest, error: AwsError, record: RecordedRequest | None
    ) -> Reply:
        if record is not None:
            record.error_code = error.code
        return self.wire.encode_error(request, error)


def _from_moto(error: ClientError) -> AwsError:
    told = error.response["Error"]
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400))
    return AwsError(told["Code"], told.get("Message", ""), status)


def _unframed(reply: Reply) -> list[tuple[str, str]]:
    return [(n, v) for n, v in reply.headers.items() if n.lower() not in _FRAMING]


def _read_body(environ: Mapping[str, Any]) -> bytes:
    """All that the request says it brings; ConnectionCut where the sender is gone before its end.

    A process that is killed may leave half a request behind, which no server carries out
    (RFC 9112, section 8: a request that ends before its Content-Length is incomplete).
    """
    stream = environ["wsgi.input"]
    try:
        if environ.get("wsgi.input_terminated"):
            return bytes(stream.read())
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = bytes(stream.read(length))
    except OSError as error:
        raise ConnectionCut from error
    if len(body) < length:
        raise ConnectionCut
    return body


def _reset(environ: Mapping[str, Any]) -> None:
    """Have the peer see a reset, not an orderly end: linger for no time at all, then close."""
    connection: socket.socket = environ["werkzeug.socket"]
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())
