"""A bench: the real edge and real boto3 clients, with the wire cut just before the socket.

What a test puts on the line comes back as raw HTTP bytes, so botocore's own parsers are in play.
"""

import io
import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from dcp_engine.aws.cloud import BotoAws
from dcp_engine.aws.edge import Edge
from dcp_engine.aws.gate import Gate
from dcp_engine.aws.restraint import Restraint
from dcp_engine.aws.session import Sessions
from dcp_engine.aws.sts import Accounts, StsIdentity
from dcp_engine.model import Fleet, Identities, Names, Run, State

ACCOUNT = "123456789012"
REGION = "us-east-1"
FLEET = "sfr-00000000-0000-4000-8000-000000000001"
OTHER_FLEET = "sfr-00000000-0000-4000-8000-000000000002"
MACHINES = ("i-0aaaaaaaaaaaaaaa1", "i-0aaaaaaaaaaaaaaa2")
QUEUE_URL = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/Exp1Queue"
START = datetime(2030, 5, 17, 12, 0, 0, tzinfo=UTC)
SERVER_DATE = datetime(2030, 5, 17, 11, 58, 30, tzinfo=UTC)


class BenchClock:
    """A clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.pauses: list[float] = []

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds - 1000.0)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += max(0.0, seconds)


class Reply(msgspec.Struct, frozen=True):
    """Raw HTTP."""

    status: int
    body: bytes
    headers: dict[str, str]


class _Raw(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


class Line:
    """What stands where the network would be."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._scripts: dict[str, list[Reply | Exception]] = {}
        self._judges: dict[str, Callable[[dict[str, Any]], Reply]] = {}
        self._protocols: dict[str, str] = {}

    def clear(self) -> None:
        self.calls = []
        self._scripts = {}
        self._judges = {}

    def attach(self, client: Any) -> None:
        service = client.meta.service_model.service_name
        if service in self._protocols:
            return
        self._protocols[service] = client.meta.service_model.resolved_protocol

        def note(params: dict[str, Any], model: Any, **_: Any) -> None:
            self.calls.append((f"{service}:{model.name}", dict(params)))

        def answer(event_name: str, request: Any, **_: Any) -> AWSResponse:
            label = f"{service}:{event_name.rpartition('.')[2]}"
            if label in self._judges:
                judged = self._judges[label](self.params(label)[-1])
                headers = HTTPHeaders.from_dict(judged.headers)
                return AWSResponse(request.url, judged.status, headers, _Raw(judged.body))
            script = self._scripts[label]
            reply = script.pop(0) if len(script) > 1 else script[0]
            if isinstance(reply, Exception):
                raise reply
            headers = HTTPHeaders.from_dict(reply.headers)
            return AWSResponse(request.url, reply.status, headers, _Raw(reply.body))

        client.meta.events.register("provide-client-params", note)
        client.meta.events.register("before-send", answer)

    def on(self, label: str, *replies: Reply | Exception) -> None:
        """The answers to an operation in turn; the last one stays."""
        self._scripts[label] = list(replies)

    def answer(self, label: str, judge: Callable[[dict[str, Any]], Reply]) -> None:
        """The answers to an operation, each by what is asked."""
        self._judges[label] = judge

    def count(self, label: str) -> int:
        return sum(called == label for called, _ in self.calls)

    def params(self, label: str) -> list[dict[str, Any]]:
        return [params for called, params in self.calls if called == label]

    def raw(self, body: bytes, status: int = 200, date: str | None = "") -> Reply:
        headers = {} if date is None else {"date": date or format_datetime(SERVER_DATE, True)}
        return Reply(status, body, headers)

    def json(self, body: dict[str, Any], **options: Any) -> Reply:
        return self.raw(json.dumps(body).encode(), **options)

    def ec2(self, operation: str, inner: str, **options: Any) -> Reply:
        text = f'<?xml version="1.0"?><{operation}Response>{inner}</{operation}Response>'
        return self.raw(text.encode(), **options)

    def query(self, operation: str, inner: str) -> Reply:
        wrapped = f"<{operation}Result>{inner}</{operation}Result>"
        return self.raw(f"<{operation}Response>{wrapped}</{operation}Response>".encode())

    def error(self, label: str, code: str, message: str = "", status: int = 400) -> Reply:
        """An error as the service of that operation spells it on the wire."""
        service, _, name = label.partition(":")
        detail = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        if service == "ec2":
            body = f"<Response><Errors>{detail}</Errors><RequestID>r</RequestID></Response>"
        elif service == "sts":
            body = f"<ErrorResponse>{detail}<RequestId>r</RequestId></ErrorResponse>"
        elif service == "s3":
            body = "" if name == "HeadObject" else detail
        else:
            body = json.dumps({"__type": code, "message": message})
        return self.raw(body.encode(), status=status)


class Bench:
    """One run, its clock, its line and AWS as it may use it."""

    FLEET = FLEET
    OTHER_FLEET = OTHER_FLEET
    MACHINES = MACHINES
    QUEUE_URL = QUEUE_URL
    SERVER_DATE = SERVER_DATE
    START = START

    def __init__(self, sessions: Sessions, line: Line) -> None:
        self.line = line
        self.clock = BenchClock()
        self.run = _run()
        self.machines: tuple[str, ...] = MACHINES
        self.guarded = 0
        self.guard_raises: dict[int, Exception] = {}
        self._sessions = sessions
        self.edge = self.edge_until(1000.0 + 180.0)
        self.accounts = Accounts()
        self.key = "key-1"
        self.aws = BotoAws(
            self.edge,
            lambda: self.run,
            StsIdentity(self.edge, self._fingerprint, self.accounts),
            {},
        )

    def edge_until(self, deadline: float, restraint: Restraint | None = None) -> Edge:
        return Edge(
            self._client,
            gate=Gate(lambda: self.run, lambda: self.machines, end_unjoined=True),
            guard=self._guard,
            clock=self.clock,
            rng=random.Random(7),
            deadline=deadline,
            restraint=restraint,
        )

    def watching(self) -> None:
        """Go back to when the machines work."""
        self.moved(state=State.RUNNING)

    def moved(self, **changes: Any) -> None:
        """Have the run be otherwise."""
        self.run = msgspec.structs.replace(self.run, **changes)

    def known(self, **identities: Any) -> None:
        """Record more about the run."""
        changed = msgspec.structs.replace(self.run.identities, **identities)
        self.run = msgspec.structs.replace(self.run, identities=changed)

    def named(self, **names: Any) -> None:
        """Call the run's things otherwise."""
        changed = msgspec.structs.replace(self.run.names, **names)
        self.run = msgspec.structs.replace(self.run, names=changed)

    def _client(self, service: str) -> Any:
        client = self._sessions.client(service, REGION)
        self.line.attach(client)
        return client

    def _fingerprint(self) -> str:
        return self.key

    def _guard(self) -> None:
        self.guarded += 1
        if self.guarded in self.guard_raises:
            raise self.guard_raises[self.guarded]


def _run() -> Run:
    return Run(
        id="run-1",
        names=Names(
            app_name="Exp1",
            cluster="lab",
            queue="Exp1Queue",
            bucket="lab-bucket",
            log_group="Exp1",
            clean_dashboard=True,
        ),
        account=ACCOUNT,
        region=REGION,
        registered_at=START,
        earliest_start=START,
        state=State.TEARDOWN,
        state_since=START,
        identities=Identities(
            queue_url=QUEUE_URL,
            task_definitions=(f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/Exp1Task:3",),
        ),
        fleets=(Fleet(id=FLEET, added_at=START, start_time=START),),
    )


@pytest.fixture(scope="session")
def _plugged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sessions, Line]]:
    """Sessions are costly to build and hold nothing of a test; the line is cleared each time."""
    nowhere: Path = tmp_path_factory.mktemp("aws")
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, nowhere)
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
        yield Sessions(None, REGION, timeout=timedelta(seconds=20)), Line()


def isolate(patch: pytest.MonkeyPatch, home: Path) -> None:
    """No AWS configuration of this machine leaks into a test."""
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL",
    ):
        patch.delenv(name, raising=False)
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    patch.setenv("AWS_CONFIG_FILE", str(home / "config"))
    patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / "credentials"))


@pytest.fixture
def bench(_plugged: tuple[Sessions, Line]) -> Bench:
    sessions, line = _plugged
    line.clear()
    return Bench(sessions, line)


@pytest.fixture
def aws_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty AWS configuration: write `config` and `credentials` into it."""
    isolate(monkeypatch, tmp_path)
    return tmp_path
