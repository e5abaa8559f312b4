"""The demo as a person runs it: a process of its own, read line by line."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Whatever is in a person's environment must not get in: these lead nowhere.
TRAPS = {
    "AWS_PROFILE": "nobody",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": "AKIAREALREALREALREAL",
    "AWS_SECRET_ACCESS_KEY": "real",
    "AWS_REGION": "eu-north-1",
    "AWS_DEFAULT_REGION": "eu-north-1",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "DCP_ENGINE_DB": "/nowhere/runs.db",
    "DCP_ENGINE_POLL_INTERVAL": "15m",
    "DCP_ENGINE_CONFIG": "/nowhere/config.toml",
    "MOTO_ACCOUNT_ID": "999999999999",
}


class Demo:
    """A running demo."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []

    def read_until(self, wanted: str) -> str:
        """Read on up to the line that contains `wanted`."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if wanted in line:
                return self.lines[-1]
        raise AssertionError(f"{wanted!r} never came:\n{self.text}")

    def finish(self) -> int:
        """Read to the end; the exit code."""
        assert self.process.stdout is not None
        self.lines += [line.rstrip("\n") for line in self.process.stdout]
        return self.process.wait()

    def enter(self) -> None:
        """Hit Enter; its standard input must be a pipe."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.finish()

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@contextmanager
def running(*options: str, temporary: Path, stdin: int = subprocess.DEVNULL) -> Iterator[Demo]:
    """`dcp-engine demo` with its temporary files in `temporary`; killed when it takes too long."""
    temporary.mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "dcp_engine", "demo", *options],
        env={**os.environ, **TRAPS, "TMPDIR": str(temporary)},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        too_long = threading.Timer(120, process.kill)
        too_long.start()
        try:
            yield Demo(process)
        finally:
            too_long.cancel()
            process.kill()
