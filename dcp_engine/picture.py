"""Everything that there is to see of one run, put together for whoever shows it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from dcp_engine.model import Event, Machine, Run
from dcp_engine.money import Money, money_of
from dcp_engine.progress import Progress, progress_of
from dcp_engine.series import RUN, Bucket


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A run at one moment, from the store alone. `numbers` are by subject (`dcp_engine.series`).

    `at` is when it was put together, `until` when what it tells of ends: at that moment while the
    run lives, and with the run's own end afterwards.
    """

    run: Run
    at: datetime
    until: datetime
    machines: tuple[Machine, ...]
    events: tuple[Event, ...]
    numbers: Mapping[str, tuple[Bucket, ...]]
    progress: Progress
    money: Money

    @property
    def of_run(self) -> tuple[Bucket, ...]:
        """The numbers of the run as a whole over time."""
        return self.numbers.get(RUN, ())


def picture(
    run: Run,
    *,
    machines: Sequence[Machine],
    events: Sequence[Event],
    numbers: Sequence[Bucket],
    now: datetime,
) -> Picture:
    """Put a picture together; `numbers` are those of all subjects, in order."""
    by_subject: dict[str, list[Bucket]] = {}
    for bucket in numbers:
        by_subject.setdefault(bucket.subject, []).append(bucket)
    kept = {subject: tuple(buckets) for subject, buckets in by_subject.items()}
    # Nobody looks any more after a run's end; a machine that was left running then is not known
    # to have run on.
    # Where this computer's clock is behind, what was written down last is the later moment.
    written = [run.state_since, *(bucket.at for bucket in kept.get(RUN, ())[-1:] if run.live)]
    until = max([now, *written] if run.live else written)
    return Picture(
        run=run,
        at=now,
        until=until,
        machines=tuple(machines),
        events=tuple(events),
        numbers=kept,
        progress=progress_of(run, kept.get(RUN, ()), until),
        money=money_of(run, machines, kept, until),
    )
