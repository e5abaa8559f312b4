"""The real command under way, in a process of its own."""

import codecs
import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from tests.e2e.forked import Forked
from tests.e2e.waiting import PATIENCE, until

COMMAND: Final = (sys.executable, "-m", "dcp_engine")
from_nothing = False
"""Whether each command loads Python and everything itself (`--whole`)."""
_AS_CONTROLLING_TERMINAL: Final = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Makes standard input the terminal whose end is the process's end, then becomes the command."""


@dataclass(frozen=True)
class Answer:
    """What a command came to; `code` is None while it runs."""

    code: int | None
    out: str
    err: str

    @property
    def text(self) -> str:
        """Both streams."""
        return self.out + self.err

    def fine(self) -> Self:
        """Itself, when the exit code is 0 and nothing was complained of."""
        assert self.code == 0, self
        assert "Traceback" not in self.text, self
        return self


class Process:
    """A command whose output goes to files, from the start of a `with` block to its end at most."""

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        output: Path,
        command: Sequence[str] | None = None,
    ) -> None:
        """The command of these tests, unless it is another `command`."""
        self._out, self._err = output.with_suffix(".out"), output.with_suffix(".err")
        self._out.touch()
        self._err.touch()
        self._process: subprocess.Popen[bytes] | Forked
        if command is None and not from_nothing:
            self._process = Forked(arguments, environment, self._out, self._err)
            return
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                [*(command or COMMAND), *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                process_group=0,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.die()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def said(self) -> Answer:
        """What it has said so far."""
        return Answer(
            self._process.poll(),
            self._out.read_text(encoding="utf-8"),
            self._err.read_text(encoding="utf-8"),
        )

    def until_says(self, pattern: str) -> None:
        """Wait until it has said what matches."""

        def has() -> bool:
            said = self.said()
            found = re.search(pattern, said.text) is not None
            assert found or said.code is None, f"it ended without {pattern!r}: {said}"
            return found

        until(has, self.said)

    def until_ended(self) -> Answer:
        """Wait for it to end by itself."""
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end: {self.said()}") from None
        return self.said()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def die(self) -> None:
        """`kill -9`, if it still runs; it is gone when this returns."""
        self._process.kill()
        self._process.wait()


class Terminal:
    """A command in a terminal of its own, from the start of a `with` block to its end at most."""

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        size: tuple[int, int] = (200, 50),
    ) -> None:
        """`size` is columns and rows."""
        self._ours, theirs = pty.openpty()
        self.resize(*size)
        shown: list[str] = [sys.executable, "-c", _AS_CONTROLLING_TERMINAL, *COMMAND, *arguments]
        self._process = subprocess.Popen(
            shown,
            env={**environment, "NO_COLOR": "1", "COLUMNS": "200"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._open = True
        self._screen = b""
        self._told = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()
        self.close()

    @property
    def screen(self) -> str:
        """Everything it has shown, as far as it was read."""
        return self._screen.decode(errors="replace")

    def until_shows(self, pattern: str) -> None:
        """Read on until it has shown what matches."""

        def has() -> bool:
            self._read()
            found = re.search(pattern, self.screen) is not None
            assert found or self._process.poll() is None or self._read(), self.screen
            return found

        until(has, lambda: self.screen)

    def resize(self, columns: int, rows: int) -> None:
        """Make the window another size."""
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def heard(self) -> str:
        """What it has shown since this was asked last."""
        while self._read():
            pass
        fresh = self._decoder.decode(self._screen[self._told :])
        self._told = len(self._screen)
        return fresh

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._ours, keys.encode())

    def close(self) -> None:
        """Close the window."""
        if self._open:
            self._open = False
            os.close(self._ours)

    def until_ended(self) -> int:
        """Read on to the end of the command; its exit code."""
        until(lambda: not self._read() and self._process.poll() is not None, lambda: self.screen)
        return self._process.wait()

    def _read(self) -> bool:
        """Read what is there; whether there was anything."""
        heard = b""
        # At the end of the other side's life Linux answers with an error instead of an end.
        with contextlib.suppress(OSError):
            if self._open and select.select([self._ours], [], [], 0)[0]:
                heard = os.read(self._ours, 65536)
        self._screen += heard
        return bool(heard)
