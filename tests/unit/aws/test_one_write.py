"""What leaves the socket, write by write."""

import io
import json
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSHTTPConnectionPool
from botocore.httpsession import URLLib3Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dcp_engine.aws.one_write import _MOST, _Pool, _SecurePool, write_at_once
from dcp_engine.aws.session import Sessions

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Wire:
    """A socket that notes each write, and answers."""

    def __init__(self, answer: bytes = ANSWER) -> None:
        self.written: list[bytes] = []
        self._answer = answer

    def sendall(self, data: Any) -> None:
        self.written.append(bytes(data))

    def makefile(self, *_: Any) -> io.BytesIO:
        return io.BytesIO(self._answer)

    def settimeout(self, _: object) -> None:
        pass

    def close(self) -> None:
        pass


def _new(pool: Any) -> Any:
    return pool("127.0.0.1", 1)._new_conn()


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def connection(wire: Wire) -> Any:
    made = _new(_Pool)
    made.sock = wire
    return made


def test_headers_and_body_leave_in_one_write(connection: Any, wire: Wire) -> None:
    connection.request("POST", "/", body=b"body", headers={"X-Own": "1"})
    (one,) = wire.written
    headers, _, body = one.partition(b"\r\n\r\n")
    assert headers.startswith(b"POST / HTTP/1.1\r\n")
    assert b"X-Own: 1" in headers.split(b"\r\n")
    assert b"Content-Length: 4" in headers.split(b"\r\n")
    assert body == b"body"
    assert connection.getresponse().status == 200


def test_the_next_request_begins_with_its_own_headers(connection: Any, wire: Wire) -> None:
    for body in (b"first", b"second"):
        connection.request("POST", "/", body=body)
        connection.getresponse()
    assert [one.rpartition(b"\r\n")[2] for one in wire.written] == [b"first", b"second"]


def test_a_request_without_a_body_leaves_at_once(connection: Any, wire: Wire) -> None:
    connection.request("GET", "/there")
    (one,) = wire.written
    assert one.startswith(b"GET /there HTTP/1.1\r\n")
    assert one.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "body",
    [
        lambda: b"x" * (_MOST + 1),
        lambda: io.BytesIO(b"x" * (_MOST + 1)),
        lambda: iter([b"a", b"bc"]),
        lambda: memoryview(b"view"),
        lambda: "text",
        lambda: b"",
        lambda: None,
    ],
    ids=["long", "read", "of unknown length", "view", "text", "empty", "none"],
)
def test_what_is_written_together_is_what_is_written_apart(
    connection: Any, wire: Wire, body: Callable[[], Any]
) -> None:
    plain, apart = _new(AWSHTTPConnectionPool), Wire()
    plain.sock = apart
    connection.request("PUT", "/", body=body())
    plain.request("PUT", "/", body=body())
    assert b"".join(wire.written) == b"".join(apart.written)
    assert len(wire.written) <= len(apart.written)


def test_who_is_asked_first_sees_the_headers_before_the_body(
    connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuses = Wire(b"HTTP/1.1 417 No\r\n")
    connection.sock = refuses
    monkeypatch.setattr("urllib3.util.wait_for_read", lambda *_: True)
    connection.request("PUT", "/", body=b"body", headers={"Expect": b"100-continue"})
    (one,) = refuses.written
    assert one.endswith(b"\r\n\r\n")
    assert connection.getresponse().status == 417


def test_a_request_that_failed_leaves_nothing_behind(connection: Any, wire: Wire) -> None:
    def broken() -> Any:
        yield 3

    with pytest.raises(TypeError):
        connection.request("POST", "/", body=broken())
    connection.close()
    connection.sock = wire
    wire.written.clear()
    connection.request("POST", "/", body=b"next")
    assert b"".join(wire.written).count(b"HTTP/1.1") == 1


class Client:
    """As much of a client of botocore's as is looked at."""

    def __init__(self, session: object) -> None:
        self._endpoint = type("Endpoint", (), {"http_session": session})


def test_every_way_of_a_client_is_one_of_ours() -> None:
    session: Any = URLLib3Session(proxies={"https": "http://proxy.example:8080"})
    write_at_once(Client(session))
    for manager in (session._manager, session._get_proxy_manager("http://proxy.example:8080")):
        assert type(manager.connection_from_url("http://127.0.0.1:1")) is _Pool
        assert type(manager.connection_from_url("https://127.0.0.1:1")) is _SecurePool


def test_a_session_that_is_made_otherwise_is_left_as_it_is() -> None:
    session: Any = URLLib3Session()
    session._pool_classes_by_scheme["https"] = str
    write_at_once(Client(session))
    assert session._pool_classes_by_scheme["https"] is str
    for unknown in (object(), None, Client(None), Client(object())):
        write_at_once(unknown)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for this computer, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = tmp_path / "both.pem"
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


class Sqs(BaseHTTPRequestHandler):
    """Says of each queue that its URL is what was asked."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps({"QueueUrl": f"https://{asked['QueueName']}"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def test_a_real_client_is_answered_through_tls_call_after_call(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sqs)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://localhost:{server.server_port}")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        client = Sessions(None, None, timeout=timedelta(seconds=20)).client("sqs", "us-east-1")
        for name in ("one", "two", "x" * 100_000):
            assert client.get_queue_url(QueueName=name)["QueueUrl"] == f"https://{name}"
        client.close()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
