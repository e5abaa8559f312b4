"""Leaving a run that is being watched: by Ctrl-C, by a closed terminal, by SIGTERM."""

import contextlib
import os
import select
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final

EXIT_INTERRUPTED: Final = 130


class Detach:
    """Says when to stop driving; a `dcp_engine.patrol.Stop`.

    It rests on a pipe, because a signal handler may not touch the locks of a `threading.Event`
    that the thread it interrupts holds.
    """

    def __init__(self, at_once: str, *, parent: int | None = None) -> None:
        """`at_once` is the last line when a second Ctrl-C does not wait for the call under way.

        `parent` is a line to the process that started this one, whose end is the end of that one.
        """
        self._at_once = at_once
        self.announce: Callable[[str], None] = say
        """Tells the person what a signal has brought about; called in a signal handler."""
        self.hurry: Callable[[], None] = _nothing
        """Has what fails in the tick under way given up soon; called in a signal handler, too."""
        self.last_act: Callable[[], None] = _nothing
        """What is still to be done when a second Ctrl-C ends the process; in a handler, too."""
        self._reading, self._writing = os.pipe()
        self._heard = [self._reading, *([] if parent is None else [parent])]
        self._asked = False
        self._waiting = False

    def ask(self) -> None:
        """Stop driving when the tick under way is over; safe in a signal handler."""
        if not self._asked:
            self._asked = True
            os.write(self._writing, b"x")

    def wait(self, timeout: float) -> bool:
        """Wait until `ask` or the parent's end, for `timeout` seconds at most; whether it came."""
        self._waiting = True
        try:
            # The byte stays in the pipe, and an end stays an end: once asked, it stays asked.
            ready, _, _ = select.select(self._heard, [], [], max(0.0, timeout))
        finally:
            self._waiting = False
        return bool(ready)

    @contextlib.contextmanager
    def on_signals(self) -> Iterator[None]:
        """Ask when a signal comes that this process was not told to ignore (as by nohup)."""
        before = {
            number: signal.getsignal(number)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        heeded = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
        for number in heeded:
            signal.signal(number, self._on_signal)
        try:
            yield
        finally:
            for number in heeded:
                signal.signal(number, before[number])
            os.close(self._reading)
            os.close(self._writing)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._asked and number == signal.SIGINT:
            self.last_act()
            say(self._at_once)
            # A killed process loses nothing either, and nothing can hold this one up.
            os._exit(EXIT_INTERRUPTED)
        if not self._asked:
            self.hurry()
        if not self._asked and not self._waiting:
            self.announce("Detaching after the calls under way. Ctrl-C once more leaves at once.")
        self.ask()


def say(line: str) -> None:
    """Write to standard error past Python's buffers, which a handler may not touch."""
    with contextlib.suppress(OSError):
        os.write(2, f"\n{line}\n".encode())


def _nothing() -> None:
    """There is nothing to do."""
