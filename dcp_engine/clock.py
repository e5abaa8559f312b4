"""The only place that reads the time.

Everything that needs a moment, a stopwatch or a pause is handed a `Clock`, so that tests run a
two-day analysis in milliseconds and never wait.
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Time as the engine sees it."""

    def now(self) -> datetime:
        """The present moment by the local clock, timezone-aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds on a stopwatch that never runs backwards; only differences mean anything."""

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass (none when negative)."""


class SystemClock:
    """The computer's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))
