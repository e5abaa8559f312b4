"""What has gone through a queue, which CloudWatch counts by the minute."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class QueueLog:
    """Everything in the order of its moments."""

    created: datetime
    ended: datetime | None = None
    """When the queue was gone; None while there is one of that name."""
    sent: list[datetime] = field(default_factory=list)
    received: list[datetime] = field(default_factory=list)
    deleted: list[datetime] = field(default_factory=list)
    left: list[tuple[datetime, datetime]] = field(default_factory=list)
    """Of each message that was deleted: when it was sent, and when it went."""

    def delete(self, sent: datetime, at: datetime) -> None:
        """A message is gone."""
        self.deleted.append(at)
        self.left.append((sent, at))

    def oldest_left_after(self, moment: datetime) -> datetime | None:
        """When the oldest of those was sent that were there at a moment, and are gone by now."""
        return min(
            (sent for sent, gone in self.left if sent <= moment < gone),
            default=None,
        )


def between(moments: Sequence[datetime], start: datetime, end: datetime) -> int:
    """How many of them lie from `start` on and before `end`."""
    return bisect_left(moments, end) - bisect_left(moments, start)
