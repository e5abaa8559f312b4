"""How much AWS was asked: for one look at one run, from all of its threads."""

import threading

import msgspec


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Every request that was sent, and those of them that repeat one."""

    calls: int
    retries: int


class Meter:
    """Counts requests as they are sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = 0
        self._retries = 0

    def called(self) -> None:
        """A request is about to be sent."""
        with self._lock:
            self._calls += 1

    def repeated(self) -> None:
        """What comes next repeats an attempt."""
        with self._lock:
            self._retries += 1

    def reading(self) -> Usage:
        """How many there were so far."""
        with self._lock:
            return Usage(calls=self._calls, retries=self._retries)
