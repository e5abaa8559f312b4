"""What a run costs, as far as spot prices and the lives of its machines tell."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from dcp_engine.model import Machine, Run
from dcp_engine.series import Bucket


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """Dollars and machine-hours until now; None for what is not known.

    `cost` goes by the spot prices that were in force, `bound` by the fleets' highest bid: more it
    cannot have been. `idle` is the share of `cost` that was paid for machines that did nothing,
    `saved` what the machines would have cost that were not replaced because work ran out.
    """

    machine_hours: float = 0.0
    cost: float | None = None
    bound: float | None = None
    idle_hours: float | None = None
    idle: float | None = None
    saved: float | None = None


def money_of(
    run: Run, machines: Sequence[Machine], numbers: Mapping[str, Sequence[Bucket]], now: datetime
) -> Money:
    """What a run has cost so far; `numbers` are all that is kept, by subject."""
    return Money()
