"""The command line on a database of its own, and an AWS that only counts who knocks."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dcp_engine.cli.root import PROGRAM, cli
from dcp_engine.model import Event, Holder, Run
from dcp_engine.store.protocol import Commit
from dcp_engine.store.sqlite import SqliteStore

ELSEWHERE = Holder(host="laptop/1", pid=17, started=1.0, label="dcp-engine monitor")


class Knocks:
    """A socket where AWS should be: it answers nothing, and counts."""

    def __init__(self) -> None:
        self.count = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection:
                if connection.recv(1) == b"!":
                    return
                self.count += 1

    def close(self) -> None:
        with socket.create_connection(self._socket.getsockname()) as last:
            last.sendall(b"!")
        self._thread.join()
        self._socket.close()


@pytest.fixture
def aws() -> Iterator[Knocks]:
    knocks = Knocks()
    yield knocks
    knocks.close()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "state" / "runs.db"


@pytest.fixture(autouse=True)
def environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database: Path, aws: Knocks
) -> Iterator[None]:
    """Nothing of the person who runs the tests; waits as short as the settings allow."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "DCP_ENGINE_", "XDG_")):
            monkeypatch.delenv(name)
    for name, value in {
        "HOME": str(tmp_path),
        "TZ": "UTC",
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "very-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "DCP_ENGINE_DB": str(database),
        "DCP_ENGINE_POLL_INTERVAL": "100ms",
        "DCP_ENGINE_REQUEST_TIMEOUT": "100ms",
        # Loading what speaks to AWS takes a second and more on a busy computer.
        "DCP_ENGINE_TICK_DEADLINE": "4s",
        "DCP_ENGINE_LEASE_TTL": "1m",
    }.items():
        monkeypatch.setenv(name, value)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def invoke() -> Callable[..., Result]:
    """The command in this process."""

    def call(*args: str, text: str | None = None) -> Result:
        result = CliRunner().invoke(cli, list(args), input=text, prog_name=PROGRAM)
        assert "Traceback" not in result.output, result.output
        return result

    return call


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """The command in a process of its own, as people start it."""
    processes: list[subprocess.Popen[str]] = []

    def call(*args: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "dcp_engine", *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield call
    for process in processes:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture
def store(database: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(database)
    yield opened
    opened.close()


@pytest.fixture
def add(store: SqliteStore) -> Callable[..., Run]:
    """Put a run into the store, with events."""

    def put(run: Run, *events: Event) -> Run:
        store.insert_run(run, events, [])
        return run

    return put


@pytest.fixture
def driven_elsewhere(store: SqliteStore) -> Callable[[Run], None]:
    """Let a process on another computer drive the run, and go on driving it."""

    def hold(run: Run) -> None:
        now = datetime.now(UTC)
        lease = store.acquire(run.id, ELSEWHERE, timedelta(hours=1), now, lambda _: False)
        store.commit(lease, Commit(run=run))

    return hold
