"""When a queue may be believed to be empty, or gone; pure.

SQS counts are approximate and settle within a minute or so; a queue is empty when visible, in
flight and delayed stay 0 for several minutes (Amazon SQS Developer Guide, "Confirming that an
Amazon SQS queue is empty"). Readings are compared by the Date header of AWS's own answers, so a
local clock that jumps proves nothing.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from dcp_engine.defaults import Settings
from dcp_engine.model import Reading

LONGEST_GAP = timedelta(minutes=30)
# A Date header has whole seconds, and a busy computer is late now and then: gaps below this say
# nothing, however short the poll interval is.
NEVER_A_GAP = timedelta(seconds=10)
_KEPT = 12


def add_reading(
    readings: Sequence[Reading], reading: Reading, settings: Settings
) -> tuple[Reading, ...]:
    """The window of consecutive readings with this one added.

    Starts again with this one after a gap that is too long, or when time ran backwards.
    """
    if readings:
        gap = reading.at - readings[-1].at
        # Most are as far apart as they are meant to be, which is never too far.
        usual = timedelta(0) <= gap <= settings.poll_interval
        if not usual and (gap < timedelta(0) or gap > _longest_gap(readings, settings)):
            return (reading,)
    keep = max(_KEPT, settings.empty_readings)
    window = (*readings, reading)
    if len(window) <= keep:
        return window
    # The first reading of the current run of empty ones is what the span is measured from.
    anchor = _first_empty(window)
    tail = window[-keep:]
    if anchor is not None and anchor.at < tail[0].at:
        return (anchor, *tail[1:])
    return tail


def confirmed_empty(readings: Sequence[Reading], settings: Settings) -> bool:
    """Whether the latest readings are all zero, enough of them, over a long enough span."""
    empty = _trailing_empty(readings)
    return (
        len(empty) >= max(1, settings.empty_readings)
        and empty[-1].at - empty[0].at >= settings.empty_window
    )


def confirmed_missing(moments: Sequence[datetime], settings: Settings) -> bool:
    """Whether a queue that was once there has been answered 'no such queue' for long enough."""
    return (
        len(moments) >= max(1, settings.empty_readings)
        and moments[-1] - moments[0] >= settings.empty_window
    )


def need(readings: Sequence[Reading], settings: Settings) -> int | None:
    """How many machines the latest readings could keep busy; None without enough readings."""
    latest = readings[-max(1, settings.empty_readings) :]
    if len(latest) < max(1, settings.empty_readings):
        return None
    return max(reading.total for reading in latest)


def _longest_gap(readings: Sequence[Reading], settings: Settings) -> timedelta:
    spacings = [(later.at - earlier.at).total_seconds() for earlier, later in pairwise(readings)]
    # Cron may come every five minutes where the poll interval says one: what is usual is seen.
    usual = max(settings.poll_interval.total_seconds(), median(spacings) if spacings else 0.0)
    if not spacings:
        return LONGEST_GAP
    return min(LONGEST_GAP, max(NEVER_A_GAP, timedelta(seconds=3 * usual)))


def _trailing_empty(readings: Sequence[Reading]) -> list[Reading]:
    empty: list[Reading] = []
    for reading in reversed(readings):
        if not reading.empty:
            break
        empty.append(reading)
    return empty[::-1]


def _first_empty(readings: Sequence[Reading]) -> Reading | None:
    empty = _trailing_empty(readings)
    return empty[0] if empty else None
