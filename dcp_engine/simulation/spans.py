"""Stretches of time, and how much of a minute they fill."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass
class Span:
    """From a moment to another one; to the end of time while `end` is None."""

    start: datetime
    end: datetime | None = None


def filled(spans: Sequence[Span], start: datetime, end: datetime) -> float:
    """The share of the time from `start` to `end` that spans in order, one after another, fill."""
    total = (end - start).total_seconds()
    found = 0.0
    for span in reversed(spans[: bisect_right(spans, end, key=lambda span: span.start)]):
        last = end if span.end is None or span.end > end else span.end
        if last <= start:
            break
        found += (last - max(span.start, start)).total_seconds()
    return found / total if total > 0 else 0.0
