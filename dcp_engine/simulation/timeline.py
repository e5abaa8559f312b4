"""The simulated world's time: what is due, what moment it is, and the lock that guards it all."""

import random
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from dcp_engine.clock import Clock
from dcp_engine.simulation.agenda import Agenda
from dcp_engine.simulation.timings import Timings


class Timeline:
    """Runs scheduled actions, each at its own moment, whenever it is brought up to the clock.

    Long jumps of the clock are exact: while an action runs, `now()` is the moment it was due.
    """

    def __init__(self, clock: Clock, timings: Timings, seed: int) -> None:
        self.clock = clock
        self.timings = timings
        self.random = random.Random(seed)
        self.lock = threading.RLock()
        """Guards the whole simulated world, moto included."""
        self._agenda = Agenda()
        self._moment: datetime | None = None

    def now(self) -> datetime:
        """The world's moment; call it under the lock."""
        return self.clock.now() if self._moment is None else self._moment

    def schedule(self, seconds: float, action: Callable[[], None]) -> None:
        """Have `action` run under the lock, `seconds` after `now()`."""
        with self.lock:
            self._agenda.enter(self.now() + timedelta(seconds=seconds), action)

    def schedule_at(self, moment: datetime, action: Callable[[], None]) -> None:
        """Have `action` run under the lock at `moment`."""
        with self.lock:
            self._agenda.enter(moment, action)

    def draw(self, between: tuple[float, float]) -> float:
        """A random duration in the range, in seconds."""
        return self.random.uniform(*between)

    def advance(self) -> None:
        """Run everything that is due by the clock. Safe from any thread."""
        with self.lock:
            if self._moment is not None:
                return
            limit = self.clock.now()
            while (due := self._agenda.next_due(limit)) is not None:
                self._moment, action = due
                try:
                    action()
                finally:
                    self._moment = None
