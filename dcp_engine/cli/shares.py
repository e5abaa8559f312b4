"""The processes of one `dcp-engine watch`: how one starts the others, and what those are told.

Each is the same command with the same options and `--share`, started anew: a fork of a process that
has threads may hang, and on macOS does.
"""

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

import click

from dcp_engine.share import Share, processes_for

MOST: Final = 64
"""So many processes at most: more would only be in each other's way at the database."""

_STDIN: Final = 0
# One comes in a second.
_MANY_SIGNS: Final = 4096


class Shares:
    """Starts the processes for the other shares; a `dcp_engine.supervisor.Start`."""

    def __init__(self, processes: int | None) -> None:
        """As many as are wanted in all; None for as many as the runs take and the computer has."""
        self._processes = processes
        self._started: list[_Started] = []

    def __call__(self, share: Share) -> "_Started":
        # A Ctrl-C in the terminal reaches all that run in it. This process tells the others.
        command = [*_program(), *sys.argv[1:], "--share", str(share)]
        ours, theirs = socket.socketpair()
        with theirs, ExitStack() as on_failure, _ctrl_c_held_up():
            on_failure.enter_context(ours)
            started = _Started(subprocess.Popen(command, stdin=theirs.fileno()), ours)
            on_failure.pop_all()
        self._started = [*(one for one in self._started if one.ended() is None), started]
        return started

    def processes(self, runs: int) -> int:
        """How many so many runs take."""
        return self._processes or processes_for(runs, most=usable_cores())

    def kill(self) -> None:
        """End all of them at once; safe in a signal handler."""
        for one in self._started:
            one.kill()


class _Started:
    """One of them; a `dcp_engine.supervisor.Child`."""

    def __init__(self, process: subprocess.Popen[bytes], line: socket.socket) -> None:
        """The line's end is the end of this process for that one; from there come signs of life."""
        self._process = process
        self._line = line
        line.setblocking(False)

    @property
    def pid(self) -> int:
        return self._process.pid

    def ended(self) -> int | None:
        code = self._process.poll()
        if code is not None:
            self._let_go()
        return code

    def lives(self) -> bool:
        with suppress(OSError):
            return bool(self._line.recv(_MANY_SIGNS))
        return False

    def stop(self) -> None:
        """By both ways: one that is still loading does not listen to the pipe yet."""
        self._let_go()
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    def wait(self, seconds: float) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def _let_go(self) -> None:
        self._line.close()


def parents_line() -> int | None:
    """In a process that was started for a share: the line to the one that did it.

    None where a person has typed the option. From here on Ctrl-C is the other one's affair.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    with suppress(OSError):
        if stat.S_ISSOCK(os.fstat(_STDIN).st_mode):
            os.set_blocking(_STDIN, False)
            return _STDIN
    return None


def sign_of_life(line: int) -> None:
    """Tell the other end that this process is not frozen."""
    with suppress(OSError):
        os.write(line, b".")


def usable_cores() -> int:
    """How many of the computer's cores this process may use."""
    if sys.platform == "linux":
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return cores


def number_or_auto(text: str) -> int | None:
    """A number of processes, None for `auto`. Raises BadParameter."""
    if text == "auto":
        return None
    number = int(text) if text.isdecimal() else 0
    if not 1 <= number <= MOST:
        from dcp_engine.text_input import quoted  # noqa: PLC0415 - seldom needed

        raise click.BadParameter(f"{quoted(text)} is neither auto nor a number from 1 to {MOST}.")
    return number


def share(text: str) -> Share:
    """What `--share` was given. Raises BadParameter."""
    try:
        return Share.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _program() -> list[str]:
    # With -m Python looks for modules in the current folder first, which may have a `logging.py` of
    # somebody's own. Where this process was started so it is wanted.
    as_module = Path(sys.argv[0]).name == "__main__.py"
    return [sys.executable, *([] if as_module else ["-P"]), "-m", "dcp_engine"]


@contextmanager
def _ctrl_c_held_up() -> Iterator[None]:
    """Blocked in this thread, it stays blocked in a process that is started: see sigprocmask(2).

    Another thread may take it for this process meanwhile, and else it comes right after this.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
