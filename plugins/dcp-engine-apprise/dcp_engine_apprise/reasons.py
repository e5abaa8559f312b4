"""Why a message was not taken: apprise returns False, and tells its logger the reason."""

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# The words of an exception (a wrong password, a host that is not there) are for debugging only.
_WORDS = re.compile(r"Exception: (.+)", re.DOTALL)
_LONGEST = 300


class Reasons(logging.Filter):
    """Hears apprise's logger for as long as anybody listens.

    It lets nobody else hear what they would not hear otherwise: apprise's debugging shows whole
    addresses.
    """

    def __init__(self) -> None:
        super().__init__()
        self._logger = logging.getLogger("apprise")
        self._said: ContextVar[list[str] | None] = ContextVar("said", default=None)
        self._lock = threading.Lock()
        self._listening = 0
        self._level = logging.NOTSET
        self._usual = logging.WARNING

    @contextmanager
    def heard(self) -> Iterator[list[str]]:
        """What goes wrong in this thread, in apprise's words, while the block runs."""
        said: list[str] = []
        token = self._said.set(said)
        self._begin()
        try:
            yield said
        finally:
            self._end()
            self._said.reset(token)

    def filter(self, record: logging.LogRecord) -> bool:
        """Note a record, and say whether others would have had it."""
        said = self._said.get()
        if said is not None:
            text = " ".join(record.getMessage().split())
            if record.levelno >= logging.WARNING:
                said.append(text[:_LONGEST].rstrip("."))
            elif words := _WORDS.search(text):
                said.append(words[1][:_LONGEST].rstrip("."))
        return record.levelno >= self._usual

    def _begin(self) -> None:
        with self._lock:
            self._listening += 1
            if self._listening == 1:
                self._level = self._logger.level
                self._usual = self._logger.getEffectiveLevel()
                self._logger.addFilter(self)
                self._logger.setLevel(logging.DEBUG)

    def _end(self) -> None:
        with self._lock:
            self._listening -= 1
            if self._listening == 0:
                self._logger.setLevel(self._level)
                self._logger.removeFilter(self)
