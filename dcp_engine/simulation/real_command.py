"""The real `dcp-engine` as a process of its own, heard line by line."""

import os
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO, Final

_PATIENCE: Final = 5.0
"""Seconds that the process has for ending by itself when it is told to."""


class RealCommand:
    """`python -m dcp_engine ...`, running from the start of a `with` block to its end at most.

    It is in a process group of its own, so that a Ctrl-C in the terminal reaches only us, and we
    decide how it ends. Should this process die, the other finds its output closed and leaves too.
    """

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self._process: subprocess.Popen[bytes] = subprocess.Popen(
            [sys.executable, "-m", "dcp_engine", *arguments],
            env={**environment, "PYTHONIOENCODING": "utf-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
        assert self._process.stdout is not None
        self._output: IO[bytes] = self._process.stdout
        self._rest = b""
        self.silent = False
        """Whether it has closed its output, so that nothing more will be heard."""

    def __enter__(self) -> "RealCommand":
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def lines(self, timeout: float) -> list[str]:
        """What it has said, in whole lines; waits for `timeout` seconds when it says nothing."""
        if self.silent or not select.select([self._output], [], [], timeout)[0]:
            return []
        heard = os.read(self._output.fileno(), 65536)
        self.silent = not heard
        *whole, self._rest = (self._rest + heard).split(b"\n")
        if self.silent and self._rest:
            whole, self._rest = [self._rest], b""
        return [line.decode(errors="replace") for line in whole]

    def exit_code(self) -> int:
        """Wait for its end. Negative is the number of the signal that ended it."""
        return self._process.wait()

    def stop(self) -> None:
        """End it if it still runs: by asking, or, when it does not heed that, by force."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                # Nobody reads its last words, and a full pipe must not keep it from leaving.
                self._process.communicate(timeout=_PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        self._output.close()
