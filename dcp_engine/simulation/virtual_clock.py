"""A clock that only moves when told to."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class VirtualClock:
    """A `Clock` whose sleeping takes no time: it moves on at once and tells its observers.

    Safe to use from several threads. Observers (a simulated world) are called after the clock has
    moved, without any lock held, and may read it.
    """

    def __init__(self, start: datetime = datetime(2030, 1, 1, tzinfo=UTC)) -> None:
        self._lock = threading.Lock()
        self._now = start
        self._stopwatch = 0.0
        self._observers: list[Callable[[], None]] = []

    def now(self) -> datetime:
        """The moment it stands at."""
        # Without the lock: it is one value, and moto asks for it by the hundred thousand.
        return self._now

    def monotonic(self) -> float:
        """Seconds it has been moved forward in all; `set_back` leaves it alone."""
        return self._stopwatch

    def sleep(self, seconds: float) -> None:
        """Move on by `seconds` (not at all when negative) without waiting."""
        self.advance(max(0.0, seconds))

    def advance(self, seconds: float) -> None:
        """Move on by `seconds`; ValueError when negative."""
        if seconds < 0:
            msg = f"A clock advances by 0 seconds or more, not {seconds}; see set_back."
            raise ValueError(msg)
        with self._lock:
            self._now += timedelta(seconds=seconds)
            self._stopwatch += seconds
            observers = list(self._observers)
        for observer in observers:
            observer()

    def set_back(self, seconds: float) -> None:
        """Move the wall clock back, as a correction by a time server may."""
        with self._lock:
            self._now -= timedelta(seconds=seconds)

    def subscribe(self, observer: Callable[[], None]) -> Callable[[], None]:
        """Have `observer` called after every move; the answer ends that."""
        with self._lock:
            self._observers.append(observer)

        def unsubscribe() -> None:
            with self._lock:
                self._observers.remove(observer)

        return unsubscribe
