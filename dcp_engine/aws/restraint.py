"""How fast the services of one account and region may be asked, as they say themselves.

AWS counts the requests of an account, not those of a run (Amazon EC2 Developer Guide, "Request
throttling for the Amazon EC2 API"; other services do alike). So what one run is told holds for all
that a process looks after in that account and region: their calls to that service come one after
the other, farther apart each time it complains and closer together again when it does not. Calls
to other services, and elsewhere, are not held back.
"""

import threading
from typing import Final

from dcp_engine.clock import Clock

FIRST_GAP: Final = 0.1
LONGEST_GAP: Final = 5.0
# So many seconds one gap is tried before it is judged again: what is in flight at the same moment
# is all told the same.
_TRIAL: Final = 1.0
_LONGER: Final = 2.0
_SHORTER: Final = 0.7
LONGEST_WAIT: Final = 10.0
"""Who would have to wait longer is told so at once, lest all threads wait for one service."""


class _Gap:
    """Between two calls to one service."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.following = 0.0
        self.changed_at = float("-inf")


class Restraint:
    """Of one account and region; safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._gaps: dict[str, _Gap] = {}

    def turn(self, service: str) -> float | None:
        """How many seconds to wait before a call to it, which is then made.

        None where that would be longer than `LONGEST_WAIT`; then no turn was taken.
        """
        if service not in self._gaps:
            return 0.0
        with self._lock:
            gap = self._gaps.get(service)
            if gap is None:
                return 0.0
            now = self._clock.monotonic()
            at = max(now, gap.following)
            if at - now > LONGEST_WAIT:
                return None
            gap.following = at + gap.seconds
            return at - now

    def throttled(self, service: str) -> None:
        """It said that it is asked too often."""
        with self._lock:
            gap = self._gaps.setdefault(service, _Gap())
            now = self._clock.monotonic()
            if now - gap.changed_at >= min(_TRIAL, gap.seconds):
                gap.seconds = min(LONGEST_GAP, max(FIRST_GAP, gap.seconds * _LONGER))
                gap.changed_at = now
            gap.following = max(gap.following, now + gap.seconds)

    def answered(self, service: str) -> None:
        """It said anything else."""
        if service not in self._gaps:
            return
        with self._lock:
            gap = self._gaps.get(service)
            now = self._clock.monotonic()
            if gap is None or now - gap.changed_at < _TRIAL:
                return
            gap.seconds *= _SHORTER
            gap.changed_at = now
            if gap.seconds < FIRST_GAP:
                del self._gaps[service]


class Restraints:
    """Those of every account and region that a process works in."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._of: dict[tuple[str, str], Restraint] = {}

    def at(self, account: str, region: str) -> Restraint:
        """The one of that account and region."""
        with self._lock:
            key = account, region
            if key not in self._of:
                self._of[key] = Restraint(self._clock)
            return self._of[key]
