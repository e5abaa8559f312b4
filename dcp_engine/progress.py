"""How far a run has come, how fast it goes, and when it may end."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from dcp_engine.model import Run
from dcp_engine.series import Bucket


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a run's progress; None for what is not.

    `done` counts jobs, by CloudWatch's number of deleted messages or, where that is not known, by
    the queue's own counts (`by_counts`). `rate` is jobs an hour, lately. `ends` is the earliest and
    the latest moment at which the work may be over; it is only told from ten jobs on. `job_time` is
    how long a machine takes for one job, at the median.
    """

    done: int | None = None
    left: int | None = None
    by_counts: bool = False
    rate: float | None = None
    ends: tuple[datetime, datetime] | None = None
    job_time: timedelta | None = None

    @property
    def share(self) -> float | None:
        """How much of the work is done, from 0 to 1."""
        if self.done is None or self.left is None or not self.done + self.left:
            return None
        return self.done / (self.done + self.left)


def progress_of(run: Run, numbers: Sequence[Bucket], now: datetime) -> Progress:
    """What a run's own numbers over time tell of its progress."""
    return Progress(left=run.reading.total if run.reading else None)
