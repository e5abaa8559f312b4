"""How many machines of a run there are, what they do, and why those ended that did."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from dcp_engine.model import Machine, Run
from dcp_engine.money import IDLE_BELOW
from dcp_engine.report.endings import ending_of
from dcp_engine.series import CPU, Bucket

# What was measured longer ago says nothing of now: CloudWatch has a value every five minutes, and
# it comes late.
_FRESH: Final = timedelta(minutes=20)


class Headcount(msgspec.Struct, frozen=True, kw_only=True):
    """The machines of a run at one moment; None for what is not known.

    Where nobody could ever look at its fleets, nothing is.
    `idle` are those up whose processor did nothing when it was last measured, `unnamed` those up
    without a name, `reasons` why machines ended, the most frequent first.
    """

    seen: int | None = None
    up: int | None = None
    idle: int | None = None
    unnamed: int | None = None
    ended: int | None = None
    reasons: tuple[tuple[str, int], ...] = ()


def headcount(
    run: Run, machines: Sequence[Machine], numbers: Mapping[str, Sequence[Bucket]], now: datetime
) -> Headcount:
    """Count a run's machines; `numbers` are those over time, by subject."""
    if not machines and not run.machines_known:
        return Headcount()
    alive = up(run, machines)
    here = {machine.instance_id for machine in alive}
    ended = [machine for machine in machines if machine.instance_id not in here]
    loads = [cpu(numbers.get(machine.instance_id, ()), now) for machine in alive]
    why = (ending_of(machine, run, numbers.get(machine.instance_id, ())) for machine in ended)
    measured = [load for load in loads if load is not None]
    names = [machine.name for machine in alive if machine.name is not None]
    return Headcount(
        seen=len(machines),
        up=len(alive),
        idle=sum(load < IDLE_BELOW for load in measured) if measured or not alive else None,
        unnamed=sum(not name for name in names) if names or not alive else None,
        ended=len(ended),
        reasons=tuple(Counter(ending.value for ending in why).most_common()),
    )


def up(run: Run, machines: Sequence[Machine]) -> list[Machine]:
    """The machines that have not ended, as far as is known, the oldest first."""
    if run.machines_ended_at is not None:
        return []
    return sorted((m for m in machines if m.ended_at is None), key=lambda machine: machine.began)


def cpu(numbers: Sequence[Bucket], now: datetime) -> float | None:
    """A machine's use of its processor in percent, None where it was not measured lately."""
    return latest(numbers, CPU, now)


def latest(numbers: Sequence[Bucket], name: str, now: datetime) -> float | None:
    """The last value of one name, None where there is none or it is too old to be of now."""
    for bucket in reversed(numbers):
        if now - (bucket.at + bucket.span) > _FRESH:
            return None
        if name in bucket.values:
            return bucket.values[name].mean
    return None
