"""The stub in a process of its own, and what a dcp-engine needs to speak to it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import IO, Self

from benchmarks.stub import KEY


class StubProcess:
    """A stub that runs from `with` to the end of its block."""

    def __init__(
        self,
        *,
        latency: float = 0.03,
        machines: int = 4,
        jobs: int = 1000,
        tags: Mapping[str, str] | None = None,
        dead: int | None = None,
    ) -> None:
        """`latency` is in seconds; `machines` and `tags` of each fleet, `jobs` in each queue.

        With so many `dead` machines it is the stub of one run that comes to its end.
        """
        module, more = "benchmarks.stub", ["--jobs", str(jobs), "--tags", json.dumps(tags)]
        if dead is not None:
            module, more = "benchmarks.ending", ["--dead", str(dead)]
        self._command = [
            *(sys.executable, "-m", module, "--latency", str(latency)),
            *("--machines", str(machines), *more),
        ]
        self._process: subprocess.Popen[str] | None = None
        self._port = 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._port = int(self._output.readline())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process is not None
        with self._process:
            self._process.kill()

    @property
    def environment(self) -> dict[str, str]:
        """With these variables any AWS SDK speaks to the stub and to nothing else."""
        clean = {n: v for n, v in os.environ.items() if not n.startswith(("AWS_", "DCP_ENGINE_"))}
        clean.pop("PYTHONDONTWRITEBYTECODE", None)
        return {
            **clean,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._port}",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def asked(self) -> dict[str, int]:
        """How often each operation was asked since the last time this was read."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        found: dict[str, int] = json.loads(self._output.readline())
        return found

    @property
    def _output(self) -> IO[str]:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout
