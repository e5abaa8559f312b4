"""What the machines cost: by type and zone, and as it grew."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from dcp_engine.model import Machine
from dcp_engine.money import money_of
from dcp_engine.picture import Picture
from dcp_engine.report.axis import TimeAxis
from dcp_engine.report.endings import Ending
from dcp_engine.report.lives import Life
from dcp_engine.series import Bucket, Spread, price_of

DOLLARS_SO_FAR: Final = "dollars so far"

_MOMENTS: Final = 72
# A growth in parts of a cent is no drawing.
_LEAST: Final = 0.05


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """Machines of one type in one zone. None is not known."""

    type: str | None
    zone: str | None
    machines: int
    hours: float
    cost_dollars: float | None
    endings: Mapping[str, int]


def kinds_of(picture: Picture, lives: Sequence[Life]) -> tuple[Kind, ...]:
    """What there was of each type in each zone, the most first."""
    by_kind: dict[tuple[str | None, str | None], list[Life]] = {}
    for life in lives:
        by_kind.setdefault((life.machine.type, life.machine.zone), []).append(life)
    kinds = [
        Kind(
            type=type_,
            zone=zone,
            machines=len(members),
            hours=sum(life.hours for life in members),
            cost_dollars=_cost(picture, [life.machine for life in members]),
            endings={
                ending.value: found
                for ending in Ending
                if (found := sum(life.ending is ending for life in members))
            },
        )
        for (type_, zone), members in by_kind.items()
    ]
    return tuple(sorted(kinds, key=lambda k: (-k.machines, k.type or "", k.zone or "")))


def growth_of(picture: Picture, lives: Sequence[Life], axis: TimeAxis) -> tuple[Bucket, ...]:
    """What had been paid by when; nothing where the whole is not known, or next to nothing.

    Each machine's cost is spread evenly over its life. One without a price of its own is taken to
    have cost what the others did, as it is in the whole.
    """
    whole = picture.money.cost
    if whole is None or whole < _LEAST:
        return ()
    known = [(life, _cost(picture, [life.machine])) for life in lives]
    hours = sum(life.hours for life, cost in known if cost is not None)
    each = sum(cost for _, cost in known if cost is not None) / hours if hours else 0.0
    weights = [(life, life.hours * each if cost is None else cost) for life, cost in known]
    total = sum(weight for _, weight in weights)
    if not total:
        return ()
    step = (axis.end - axis.start) / _MOMENTS
    return tuple(
        _bucket(at, whole * sum(weight * _lived(life, at) for life, weight in weights) / total)
        for at in (axis.start + step * n for n in range(_MOMENTS + 1))
    )


def _lived(life: Life, at: datetime) -> float:
    """How much of a life lies before a moment, from 0 to 1."""
    if at >= life.end:
        return 1.0
    return max(0.0, (at - life.start) / (life.end - life.start))


def _bucket(at: datetime, dollars: float) -> Bucket:
    spread = Spread(dollars, dollars, dollars)
    return Bucket(at=at, span=at - at, values={DOLLARS_SO_FAR: spread})


def _cost(picture: Picture, machines: Sequence[Machine]) -> float | None:
    subjects = {m.instance_id for m in machines}
    subjects |= {price_of(m.type, m.zone) for m in machines if m.type and m.zone}
    numbers = {name: picture.numbers[name] for name in subjects & picture.numbers.keys()}
    return money_of(picture.run, machines, numbers, picture.until).cost
