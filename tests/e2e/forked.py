"""The real command in a process of its own that need not load Python and its libraries first.

Most of what a command costs is loading, and the tests start it many hundreds of times. So a server,
which has loaded everything and begun nothing, forks a process for each of them. It has its own
environment, streams, process group and end as any other. How a command starts from nothing is seen
in every terminal of the tests, and everywhere when `--whole` is given.
"""

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import dcp_engine
from dcp_engine.cli import main

_FORKED = multiprocessing.get_context("forkserver")
_FORKED.set_forkserver_preload(["tests.e2e.preloaded"])


class Forked:
    """A command that was forked; the part of `subprocess.Popen` that the tests use."""

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], out: Path, err: Path
    ) -> None:
        self._process = _FORKED.Process(
            target=_become, args=(list(arguments), dict(environment), str(out), str(err))
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, as soon as there is one. Raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired("dcp-engine", timeout or 0.0)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """`kill -9`, if it is still there."""
        self._process.kill()


def _become(arguments: Sequence[str], environment: Mapping[str, str], out: str, err: str) -> None:
    """What a new Python would do; then the command itself."""
    os.setpgid(0, 0)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    for number, path in ((0, os.devnull), (1, out), (2, err)):
        opened = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(0, encoding="utf-8", closefd=False),
        os.fdopen(1, "w", encoding="utf-8", closefd=False),
        os.fdopen(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False),
    )
    for directory in environment.get("PYTHONPATH", "").split(os.pathsep):
        customized = Path(directory, "sitecustomize.py")
        if directory and customized.exists():
            runpy.run_path(str(customized))
    sys.argv = [str(Path(dcp_engine.__file__).with_name("__main__.py")), *arguments]
    main()
