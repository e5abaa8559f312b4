"""How far a run has come, what it costs and how its machines do, as people read it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from dcp_engine.cli.words import ahead, near
from dcp_engine.headcount import Headcount
from dcp_engine.model import Observation, Run
from dcp_engine.money import Money
from dcp_engine.progress import Progress
from dcp_engine.words import counted

UNKNOWN: Final = "not known yet"

# What the built-in duties are about; one of a plugin is called as it calls itself.
_DUTIES: Final[Mapping[str, str]] = {
    "alarm-cleanup": "clearing alarms away",
    "cheapest": "cheapest mode",
    "downscale": "shrinking the fleet",
    "idle-alarms": "placing alarms",
    "labels": "naming machines",
    "prices": "asking for prices",
    "troubles": "looking for trouble",
    "unjoined": "looking who joined the cluster",
    "use": "measuring the cluster",
}


def share(progress: Progress) -> str | None:
    """How much is done, in percent; None where it is not known."""
    if progress.share is None:
        return None
    # The last percent is not done before everything is.
    return f"{int(progress.share * 100)}%"


def done(progress: Progress) -> str:
    """How many jobs are done, and of how many."""
    left = progress.left
    if progress.done is None:
        return f"{_number(left)} left" if left is not None else UNKNOWN
    about = "about " if progress.by_counts else ""
    if left is None:
        return f"{about}{counted_jobs(progress.done)} done"
    return f"{about}{_number(progress.done)} of {counted_jobs(progress.done + left)} done"


def left(progress: Progress) -> str:
    """How many jobs are left."""
    return f"{_number(progress.left)} left" if progress.left is not None else "left: not known"


def pace(progress: Progress) -> str:
    """How fast they are done lately."""
    if progress.rate is None:
        return f"rate {UNKNOWN}"
    return f"about {_rate(progress.rate)} an hour"


def ends(progress: Progress, now: datetime) -> str:
    """When the work may be over, as a sentence."""
    if progress.ends is None:
        return f"end {UNKNOWN}"
    first, last = (near(at, now) for at in progress.ends)
    return f"ends between {first} and {last}" if first != last else f"ends about {first}"


def between(progress: Progress, now: datetime) -> str | None:
    """The same as briefly as it can be said; None where it is not known."""
    if progress.ends is None:
        return None
    first, last = (near(at, now) for at in progress.ends)
    return f"{first}-{last}" if first != last else first


def cost(money: Money) -> str:
    """What it has cost so far, and the most that it can have cost."""
    known = [f"about {dollars(money.cost)}"] if money.cost is not None else [UNKNOWN]
    known += [f"at most {dollars(money.bound)}"] if money.bound is not None else []
    return ", ".join(known)


def spent(money: Money) -> list[str]:
    """What the money went for, as far as it is known."""
    parts = [f"{dollars(money.idle)} of it for idle machines"] if money.idle else []
    parts += [f"{money.machine_hours:,.1f} machine-hours"] if money.machine_hours else []
    parts += [f"{dollars(money.saved)} saved by shrinking"] if money.saved else []
    return parts


def dollars(amount: float) -> str:
    """An amount of money; `$0.004` is not nothing."""
    return f"${amount:,.2f}" if not 0 < amount < 0.01 else "less than $0.01"


def machines(count: Headcount) -> str:
    """How many machines are up, and what is the matter with some of them."""
    parts = [f"{_number(count.up)} up"]
    parts += [f"{_number(count.idle)} idle"] if count.idle else []
    parts += [f"{_number(count.unnamed)} without a name"] if count.unnamed else []
    return ", ".join(parts)


def ended(count: Headcount) -> str | None:
    """How many machines have ended, and why; None where none has."""
    if not count.ended:
        return None
    reasons = ", ".join(f"{reason} {_number(number)}" for reason, number in count.reasons)
    return f"{_number(count.ended)} ended ({reasons})"


def measured(seen: Observation) -> str:
    """What a duty has seen: `1 job`, `2 jobs`, `0.5`."""
    unit = seen.unit.removesuffix("s") if seen.value == 1 and len(seen.unit) > 1 else seen.unit
    return f"{seen.value:g} {unit}".rstrip()


def percent(value: float | None) -> str:
    """A share in percent."""
    return "-" if value is None else f"{value:.0f}%"


def counted_jobs(number: int) -> str:
    """A number of jobs."""
    return f"{_number(number)} job{'' if number == 1 else 's'}"


def soon(run: Run, now: datetime) -> list[str]:
    """Which duties come next and when, the soonest first."""
    # With a clock that was set back how long it is to anything is not known.
    seen = max(run.last_tick_at or now, run.state_since)
    when = _at if ahead(seen, now) else until
    coming = [duty for duty in run.duties if duty.next_at is not None and run.state.watches]
    return [
        _DUTIES.get(duty.name, duty.name)
        + (" (failing) " if duty.failures else " ")
        + when(duty.next_at, now)
        for duty in sorted(coming, key=lambda duty: duty.next_at or now)
        if duty.next_at is not None
    ]


def until(at: datetime, now: datetime) -> str:
    """How long it is to a moment: `in 4 minutes`."""
    from humanize import naturaldelta  # noqa: PLC0415 - slow, and not every command needs it

    return f"in {naturaldelta(at - now)}" if at > now else "due"


def _at(at: datetime, now: datetime) -> str:
    return f"at {near(at, now)}"


def _rate(rate: float) -> str:
    return counted_jobs(round(rate)) if rate >= 10 else counted(round(rate, 1), "job")


def _number(number: int | None) -> str:
    return f"{number:,}" if number is not None else "-"
