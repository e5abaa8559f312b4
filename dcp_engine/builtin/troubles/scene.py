"""What troubles are found from, and what a row of their table is."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from itertools import pairwise
from typing import Final

import msgspec

from dcp_engine import rates, series
from dcp_engine.defaults import Settings
from dcp_engine.model import Machine, Run
from dcp_engine.ports import ServiceFacts
from dcp_engine.series import Bucket

# Numbers that are older than this say nothing of how things stand.
FRESH: Final = timedelta(minutes=45)
# A machine that ends is replaced within minutes where there is capacity.
_BETWEEN: Final = timedelta(minutes=15)
# A cron that comes every hour still sees how things go.
_LONGEST_GAP: Final = timedelta(hours=2)


class Known(Enum):
    """What a trouble may be beside words."""

    NOT = "cannot be told now: what stands goes on, and nothing begins"


Found = str | None | Known
"""Words while it lasts, None when it is not so, and Known.NOT where that cannot be told."""


class Dead(msgspec.Struct, frozen=True, kw_only=True):
    """The dead-letter queue: how many messages are in it, were before, and since when no more.

    `first` is how many there were when it was first counted, `grew_at` when the last one was seen
    to have come.
    """

    first: int
    count: int
    grew_at: datetime | None = None


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """A run at one moment, as far as it tells of troubles; nothing here asks AWS.

    `numbers` are those of the run up to now, in order. `standing` are the problems there are.
    `dead` and `full` are None where they are not known; `full` is by machine what it is full of.
    `reasons` are AWS's words why machines did not come, `service` what ECS says: they are asked for
    once there is a trouble to tell of.
    """

    run: Run
    now: datetime
    settings: Settings
    numbers: Sequence[Bucket]
    machines: Sequence[Machine]
    standing: frozenset[str] = frozenset()
    dead: Dead | None = None
    full: Mapping[str, str] | None = None
    reasons: Sequence[str] = ()
    service: ServiceFacts | None = None

    @property
    def left(self) -> int:
        """Jobs at the last count."""
        return self.run.reading.total if self.run.reading else 0

    @property
    def alive(self) -> Sequence[Machine]:
        """Machines that have not ended, as far as is known."""
        return [machine for machine in self.machines if machine.ended_at is None]

    def counted_lately(self) -> bool:
        """Whether the queue was counted so lately that its count tells how things stand."""
        counts = (b.at for b in reversed(self.numbers) if rates.total(b) is not None)
        last = next(counts, None)
        return last is not None and self.now - last <= FRESH

    def seen(self, name: str) -> list[tuple[datetime, float]]:
        """A number over time, its mean where several were put together."""
        return [(b.at, b.values[name].mean) for b in self.numbers if name in b.values]

    def up(self) -> bool | None:
        """Whether machines are up; None where that is not known, or they may be back in a moment.

        Idle alarms end machines, all at once where nothing happens, and the fleet replaces them.
        """
        if self.run.active_machines != 0:
            return None if self.run.active_machines is None else True
        since = self.run.no_machine_since
        return None if since and self.now - since < _BETWEEN else False

    def up_since(self) -> datetime | None:
        """Since which look at the fleets there have been machines; None where there are none.

        What was while nobody looked for long is not known, so that begins anew then.
        """
        since: datetime | None = None
        none: datetime | None = None
        for look in reversed([b for b in self.numbers if series.MACHINES in b.values]):
            if since and _gap(look, since):
                break
            if look.values[series.MACHINES].high > 0:
                since, none = look.at, None
                continue
            none = look.at
            if since and since - none > _BETWEEN:
                break
        return since

    def taken_since(self) -> datetime | None:
        """When a job was first seen to be in the hands of a worker, or to have been."""
        for bucket in self.numbers:
            names = (series.IN_FLIGHT, series.RECEIVED, series.DELETED)
            if any(name in bucket.values and bucket.values[name].high > 0 for name in names):
                return bucket.at
        return None


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table: one kind of trouble, which is a problem of this name while it lasts.

    `begins`, `ends` and `do` are for people; docs/troubles.md shows them. `setting` is the name of
    the one that it goes by, if there is one. `found` tells from a scene alone whether it is there;
    it is None for what other duties, or the engine itself, find.
    """

    name: str
    setting: str | None = None
    begins: str
    ends: str
    do: str
    found: Callable[[Scene], Found] | None = None


def last_done(scene: Scene) -> tuple[datetime | None, datetime] | None:
    """When a job was last done, and until when that is known; None where it is not.

    By CloudWatch's numbers where they are fresh, else by the queue's counts: they fall. While
    nobody counted for long, jobs may have been done.
    """
    told = rates.told_until(scene.numbers, series.DELETED)
    if told is not None and scene.now - told <= FRESH:
        ends = [
            bucket.at + max(bucket.span, rates.PERIOD)
            for bucket in scene.numbers
            if series.DELETED in bucket.values and bucket.values[series.DELETED].high > 0
        ]
        return max(ends, default=None), told
    if not scene.counted_lately():
        return None
    counts = [(b, total) for b in scene.numbers if (total := rates.total(b)) is not None]
    falls = [
        later.at
        for (earlier, before), (later, after) in pairwise(counts)
        if after < before or _gap(earlier, later.at)
    ]
    return max(falls, default=None), counts[-1][0].at


def _gap(earlier: Bucket, later: datetime) -> bool:
    return later - (earlier.at + earlier.span) > _LONGEST_GAP


def span(length: timedelta) -> str:
    """A span in words."""
    from humanize import precisedelta  # noqa: PLC0415 - slow to import, and seldom needed

    coarse = timedelta(minutes=max(1, round(length / timedelta(minutes=1))))
    return precisedelta(coarse, minimum_unit="minutes", format="%0.0f")
