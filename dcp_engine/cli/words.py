"""Moments, counts and machines as people read them; local time."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol

from dcp_engine.model import UNKNOWN
from dcp_engine.words import counted
from dcp_engine.words import ending as ending  # noqa: PLC0414 - to be had here with its like

CLOCKS_DIFFER: Final = timedelta(minutes=5)
"""By less the clocks of two computers may differ."""

_FLEET_STATES: Final[Mapping[str | None, str]] = {
    None: "not seen yet",
    "submitted": "submitted, AWS is checking it",
    "active": "active",
    "modifying": "active, its capacity is being changed",
    UNKNOWN: "not known to AWS here",
    "failed": "failed, AWS could not start it",
    "cancelled": "cancelled",
    "cancelled_running": "cancelled, but its machines run on; no new ones come",
    "cancelled_terminating": "cancelled, its machines are being ended",
    "gone": "ended so long ago that AWS has forgotten it",
}


class FleetLike(Protocol):
    """What is said of a fleet."""

    @property
    def state(self) -> str | None:
        """As AWS calls it, or UNKNOWN."""

    @property
    def active(self) -> int | None:
        """Machines that are up."""

    @property
    def target(self) -> int | None:
        """The requested capacity."""


def moment(at: datetime) -> str:
    """Date, time and zone."""
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def clock(at: datetime) -> str:
    """The time alone."""
    return f"{at.astimezone():%H:%M:%S}"


def day(at: datetime) -> str:
    """The date alone, with its weekday."""
    return f"{at.astimezone():%A, %Y-%m-%d %Z}"


def since(at: datetime, now: datetime) -> str:
    """A moment and how long ago it was."""
    return f"{moment(at)} ({span(at, now)} ago)" if at <= now else moment(at)


def span(start: datetime, end: datetime) -> str:
    """How long from one moment to a later one, roughly: `2 hours`.

    Of an earlier one, as when clocks differ a little, it is `a moment`.
    """
    import humanize  # noqa: PLC0415 - slow, and not every command needs it

    return humanize.naturaldelta(max(end - start, timedelta(0)))


def ahead(at: datetime, now: datetime) -> bool:
    """Whether what has been is still to come by a clock, by more than clocks may differ."""
    return at - now > CLOCKS_DIFFER


def near(at: datetime, now: datetime) -> str:
    """A moment that is not far: the hour, and the day where that is another one."""
    local, today = at.astimezone(), now.astimezone()
    if local.date() == today.date():
        return f"{local:%H:%M}"
    if abs(local - today) < timedelta(days=6):
        return f"{local:%a %H:%M}"
    return f"{local:%Y-%m-%d %H:%M}"


def jobs(visible: int | None, in_flight: int | None, delayed: int | None) -> str:
    """The queue's counts."""
    if visible is None or in_flight is None or delayed is None:
        return "not counted yet"
    return f"{visible} waiting, {in_flight} in flight, {delayed} delayed"


def machines(fleets: Iterable[FleetLike]) -> str:
    """How many machines are up in all fleets, and how much is requested."""
    fleets = list(fleets)
    # One that AWS never knew has no machines that anybody could count.
    fleets = [fleet for fleet in fleets if fleet.state != UNKNOWN] or fleets
    active = [fleet.active for fleet in fleets if fleet.active is not None]
    target = [fleet.target for fleet in fleets if fleet.target is not None]
    if not fleets or len(active) < len(fleets):
        return "machines not known yet"
    up = sum(active)
    text = f"{counted(up, 'machine')} up"
    return f"{text} (capacity requested: {sum(target)})" if len(target) == len(fleets) else text


def fleet_state(state: str | None) -> str:
    """A spot fleet request's state as AWS calls it (Amazon EC2 API, SpotFleetRequestConfig), said.

    One that is not known here is shown as it is.
    """
    return _FLEET_STATES.get(state, state or "")
