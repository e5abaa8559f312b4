"""So many calls a second, and no more."""

from dataclasses import dataclass
from datetime import datetime

from dcp_engine.simulation.service_error import AwsError


@dataclass
class RateLimit:
    """A bucket of tokens. Without `per_second` there is no limit."""

    per_second: float | None = None
    refused: int = 0
    """How many calls were one too many."""
    _tokens: float = 0.0
    _filled: datetime | None = None

    def pass_or_refuse(self, now: datetime) -> None:
        """Let one call pass; raises Throttling when there were too many."""
        if self.per_second is None:
            return
        if self._filled is None:
            self._tokens = self.per_second
        else:
            gained = (now - self._filled).total_seconds() * self.per_second
            self._tokens = min(self.per_second, self._tokens + gained)
        self._filled = now
        if self._tokens < 1.0:
            self.refused += 1
            raise AwsError("Throttling", "Rate exceeded")
        self._tokens -= 1.0
