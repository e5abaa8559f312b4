"""How long to wait before what failed is tried again; pure.

A permanent fault must not become a loop that hammers AWS, or for which each of cron's ticks waits.
"""

from datetime import timedelta
from typing import Final

LONGEST_PAUSE: Final = timedelta(hours=1)

SUSPENDED_AFTER: Final = 10
"""What a third party fails in so often on end, hours by then, is left alone but for once a day."""

SUSPENDED_FOR: Final = timedelta(days=1)

AFTER_HANGING: Final = timedelta(minutes=10)
"""The first pause after a hang: longer than cron waits, whose next tick is not held up again."""

_ORDINARY: Final = timedelta(minutes=1)

_SHORTEST: Final = timedelta(seconds=1)


def first_pause(usual: timedelta, *, hung: bool = False) -> timedelta:
    """The first pause after a third party's failure; `usual` is how often runs are looked at.

    Who looks every few seconds would have suspended it within minutes.
    """
    return max(usual, AFTER_HANGING if hung else _ORDINARY)


def pause_after(failures: int, first: timedelta, *, shortest: timedelta = _SHORTEST) -> timedelta:
    """A pause that doubles with every failure on end, from `first` to an hour."""
    doublings = min(max(failures - 1, 0), 12)
    return min(LONGEST_PAUSE, max(first, shortest) * (1 << doublings))
