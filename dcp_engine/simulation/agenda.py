"""What is going to happen, in order of time."""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(order=True)
class _Entry:
    when: datetime
    order: int
    action: Callable[[], None] = field(compare=False)


class Agenda:
    """A queue of actions; those due at the same moment run in the order they were entered."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._order = itertools.count()

    def enter(self, when: datetime, action: Callable[[], None]) -> None:
        """Have `action` run at `when`."""
        heapq.heappush(self._entries, _Entry(when, next(self._order), action))

    def next_due(self, limit: datetime) -> tuple[datetime, Callable[[], None]] | None:
        """Take out the earliest action that is due by `limit`, or None."""
        if not self._entries or self._entries[0].when > limit:
            return None
        entry = heapq.heappop(self._entries)
        return entry.when, entry.action
