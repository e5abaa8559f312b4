"""What a plugin prints goes to the log: standard output is for results that programs read."""

import contextlib
import io
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, TextIO

_STREAMS = ("stdout", "stderr")


class Overhearing:
    """Puts itself before the standard streams for as long as anybody is listened to.

    Only what is printed in the thread of the call is told apart; everybody else's passes through.
    """

    def __init__(self, clean: Callable[[str], str] = str) -> None:
        """`clean` makes a line fit to be logged: it takes out what must not be shown."""
        self._clean = clean
        self._speaker: ContextVar[str | None] = ContextVar("speaker", default=None)
        self._lock = threading.Lock()
        self._listening = 0
        self._placed: list[_Overheard] = []

    @contextlib.contextmanager
    def of(self, speaker: str) -> Iterator[None]:
        """What is printed here goes to the log `dcp_engine.plugin.SPEAKER`."""
        self._begin()
        token = self._speaker.set(speaker)
        try:
            yield
        finally:
            for stream in self._placed:
                stream.flush()
            self._speaker.reset(token)
            self._end()

    def _begin(self) -> None:
        with self._lock:
            self._listening += 1
            for name in _STREAMS:
                under = getattr(sys, name)
                # While one that hangs is listened to, somebody may have put other streams there.
                if under is not None and not any(under is placed for placed in self._placed):
                    placed = _Overheard(under, self._speaker, self._clean)
                    self._placed.append(placed)
                    setattr(sys, name, placed)

    def _end(self) -> None:
        with self._lock:
            self._listening -= 1
            if self._listening:
                return
            for placed in self._placed:
                placed.over = True
            self._placed = []
            for name in _STREAMS:
                stream = getattr(sys, name)
                # Somebody else may have put something before ours, and it is theirs to take away.
                while isinstance(stream, _Overheard) and stream.over:
                    stream = stream.under
                setattr(sys, name, stream)


class _Overheard(io.TextIOBase):
    """A standard stream that keeps out what a speaker prints."""

    def __init__(
        self, under: TextIO, speaker: ContextVar[str | None], clean: Callable[[str], str]
    ) -> None:
        self.under = under
        self.over = False
        self._speaker = speaker
        self._clean = clean
        self._begun: dict[str, str] = {}

    def write(self, text: str) -> int:
        speaker = self._speaker.get()
        if speaker is None:
            return self.under.write(text)
        *lines, rest = (self._begun.pop(speaker, "") + text).split("\n")
        self._begun[speaker] = rest
        for line in lines:
            self._tell(speaker, line)
        return len(text)

    def flush(self) -> None:
        speaker = self._speaker.get()
        if speaker is None:
            self.under.flush()
        elif rest := self._begun.pop(speaker, ""):
            self._tell(speaker, rest)

    def _tell(self, speaker: str, line: str) -> None:
        if not line.strip():
            return
        # What writes the log may write to this very stream.
        token = self._speaker.set(None)
        try:
            logging.getLogger(f"dcp_engine.plugin.{speaker}").info("%s", self._clean(line))
        finally:
            self._speaker.reset(token)

    @property
    def encoding(self) -> str | None:  # type: ignore[override]
        return getattr(self.under, "encoding", None)

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return getattr(self.under, "errors", None)

    @property
    def buffer(self) -> Any:
        """For bytes; a speaker's are kept out too."""
        return self.under.buffer if self._speaker.get() is None else _Bytes(self)

    def isatty(self) -> bool:
        return self._speaker.get() is None and self.under.isatty()

    def fileno(self) -> int:
        if self._speaker.get() is not None:
            raise io.UnsupportedOperation("what a plugin prints goes to the log")
        return self.under.fileno()

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        """The stream underneath is not a plugin's to close, and outlives this one."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.under, name)


class _Bytes(io.RawIOBase):
    """Takes the bytes that a speaker writes for text."""

    def __init__(self, text: _Overheard) -> None:
        self._text = text

    def write(self, data: Any) -> int:
        self._text.write(bytes(data).decode(errors="backslashreplace"))
        return len(data)

    def writable(self) -> bool:
        return True
