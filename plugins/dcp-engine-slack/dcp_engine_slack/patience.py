"""How long one message may take, since the engine leaves a hook behind after 30 seconds."""

from collections.abc import Callable
from typing import Final

from dcp_engine_slack.errors import NotSent, TooMany

IN_ALL: Final = 25.0
"""Seconds for everything that one message takes: questions, posting, waiting."""

A_REQUEST: Final = 10
"""Seconds that Slack may keep one request waiting."""

_FOR_THE_NEXT: Final = 5.0


class Patience:
    """What is left of the time for one message."""

    def __init__(self, now: Callable[[], float], sleep: Callable[[float], None]) -> None:
        """`now` is a monotonic clock in seconds."""
        self._now = now
        self._sleep = sleep
        self._end = now() + IN_ALL

    def for_request(self) -> int:
        """Seconds that the next request may take. Raises NotSent when none are left."""
        left = int(self._end - self._now())
        if left < 1:
            raise NotSent(
                f"Slack answers so slowly that {IN_ALL:.0f} seconds were not enough for one "
                "message."
            )
        return min(A_REQUEST, left)

    def for_more(self) -> bool:
        """Whether there is time for a question that can be left out, and for posting after it."""
        return self._end - self._now() > A_REQUEST + _FOR_THE_NEXT

    def wait(self, error: TooMany) -> None:
        """Wait as long as Slack asks. Raises the error itself where that is too long."""
        pause = max(1.0, error.retry_after)
        if self._now() + pause + _FOR_THE_NEXT > self._end:
            raise error
        self._sleep(pause)
