"""ministack: an emulator of AWS by others, in an environment and a process of its own.

It is a package of the Python package index and needs no containers for the services used here. It
has no spot fleets, no spot prices, no export tasks and no container instances: see `lacking.py`.
"""

import fcntl
import os
import socket
import subprocess
import sys
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

VERSION = "1.5.33"
ACCOUNT = "123456789012"
REGION = "us-east-1"
ROOT = "testing"
"""Key id and secret of the account's root user, who may do anything."""

_HOST = "127.0.0.1"
_SERVICES = "cloudwatch,ec2,ecs,iam,logs,s3,sqs,sts"
_STARTS_WITHIN = 60.0


def install(directory: Path) -> Path:
    """The Python that has ministack, installed below `directory` unless it is there already.

    Several processes may ask at once: one installs, the others wait for it.
    """
    environment = directory / f"ministack-{VERSION}"
    python = environment / "bin" / "python"
    complete = environment / "complete"
    with (directory / "ministack.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            venv.create(environment, clear=True, symlinks=True)
            # This interpreter's pip does it, since giving the new environment a pip of its own
            # takes longer than all the rest; nothing is compiled, as most of it is never used.
            pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
            options = ["--no-compile", "--disable-pip-version-check", "--no-input"]
            done = subprocess.run(
                [*pip, *options, f"ministack=={VERSION}"],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            if done.returncode:
                raise RuntimeError(f"ministack {VERSION} could not be installed:\n{done.stdout}")
            complete.touch()
    return python


class Ministack:
    """A running ministack, which checks signatures and permissions (AUTH)."""

    def __init__(self, python: Path, directory: Path) -> None:
        """`directory` takes its log, and whatever it may write."""
        self._python = python
        self._directory = directory
        self._log = directory / "log.txt"
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def endpoint_url(self) -> str:
        """Where it answers."""
        return f"http://{_HOST}:{self._port}"

    def start(self) -> None:
        """Start it and wait until it is ready. RuntimeError, with its log, when it is not."""
        with socket.socket() as door:
            # The port is bound here and handed on, so nobody else can take it in between; what
            # knocks before ministack opens waits in the queue.
            door.bind((_HOST, 0))
            door.listen()
            self._port = door.getsockname()[1]
            words = ["-m", "hypercorn", "ministack.app:app", "--workers", "0"]
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    [self._python, *words, "--bind", f"fd://{door.fileno()}"],
                    env=self._environment(),
                    cwd=self._directory,
                    pass_fds=[door.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
        try:
            ready = f"{self.endpoint_url}/_ministack/ready"
            with urllib.request.urlopen(ready, timeout=_STARTS_WITHIN):
                self.check_listeners()
        except (OSError, RuntimeError) as error:
            self.stop()
            raise RuntimeError(
                f"ministack did not start: {error}\n{self._log.read_text()}"
            ) from error

    def check_listeners(self) -> None:
        """RuntimeError when it, or a child of it, can be reached from another computer."""
        assert self._process is not None
        process = psutil.Process(self._process.pid)
        open_to = {
            (connection.laddr.ip, connection.laddr.port)
            for each in (process, *process.children(recursive=True))
            for connection in each.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        }
        if open_to != {(_HOST, self._port)}:
            raise RuntimeError(f"ministack listens on {sorted(open_to)}, not just on this machine")

    def stop(self) -> None:
        """End it at once; it has nothing to save."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _environment(self) -> dict[str, str]:
        here = str(self._directory)
        return {
            "PATH": os.defpath,
            "HOME": here,
            "TMPDIR": here,
            "GATEWAY_PORT": str(self._port),
            "BIND_HOST": _HOST,
            "MINISTACK_HOST": _HOST,
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "SERVICES": _SERVICES,
            "AUTH": "true",
            "AWS_ACCESS_KEY_ID": ROOT,
            "AWS_SECRET_ACCESS_KEY": ROOT,
            # Its MQTT broker and its SFTP server would listen on every interface.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
        }


@contextmanager
def running(python: Path, directory: Path) -> Iterator[Ministack]:
    """A ministack for the length of the block, which never was open to another computer."""
    ministack = Ministack(python, directory)
    ministack.start()
    try:
        yield ministack
        ministack.check_listeners()
    finally:
        ministack.stop()
