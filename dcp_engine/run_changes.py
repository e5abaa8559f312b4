"""What a duty or a step may change of a run.

What a run is called and what was recorded as its own decides what may be changed in AWS, and its
state whether machines are stopped: those are the engine's alone to write.
"""

from collections.abc import Callable, Mapping

import msgspec
from msgspec.structs import replace

from dcp_engine.errors import Refused
from dcp_engine.model import Run
from dcp_engine.ports import Capacity
from dcp_engine.store.codec import apart

_NOTHING_DONE = "Nothing was written, and nothing was done in AWS"


def bounded(before: Run, change: Callable[[Run], Run], capacity: Capacity) -> Callable[[Run], Run]:
    """The change, as far as it is one that a duty or a step may make; else Refused is raised.

    A target is only lowered, but where AWS itself shows the higher one. That is asked of it only
    then, and may raise AwsError.
    """
    after = change(before)
    if not isinstance(after, Run):
        raise _too_much(before)
    try:
        after = apart(after, Run)
    except (TypeError, msgspec.ValidationError) as error:
        raise Refused(f"A plugin wanted to write down what no run can hold: {error}") from error
    if _without_what_is_free(after) != _without_what_is_free(before):
        raise _too_much(before)
    _check_moments(after)
    targets = _targets(before, after, capacity)

    def bounded(now: Run) -> Run:
        fleets = tuple(replace(f, target=targets.get(f.id, f.target)) for f in now.fleets)
        return replace(
            now,
            fleets=fleets,
            reading=now.reading if after.reading == before.reading else after.reading,
            cheapest=now.cheapest if after.cheapest == before.cheapest else after.cheapest,
        )

    return bounded


def _targets(before: Run, after: Run, capacity: Capacity) -> Mapping[str, int]:
    """The targets that are to be written down anew, by fleet."""
    old = {fleet.id: fleet.target for fleet in before.fleets}
    found: dict[str, int] = {}
    for fleet in after.fleets:
        if fleet.target == (known := old[fleet.id]):
            continue
        if fleet.target is None or fleet.target < 0:
            raise Refused(
                f"A plugin wanted to write down {fleet.target} as the requested capacity of fleet "
                f"{fleet.id}, which no fleet can have. {_NOTHING_DONE}"
            )
        found[fleet.id] = fleet.target
        if known is None or fleet.target > known:
            _must_be_so(fleet.id, fleet.target, capacity)
    if found and not any(fleet.target for fleet in after.fleets if fleet.live):
        raise Refused(
            "A plugin wanted to write down that no machine is requested any more. One stays "
            f"requested until the run is torn down. {_NOTHING_DONE}"
        )
    return found


def _must_be_so(fleet_id: str, target: int, capacity: Capacity) -> None:
    facts = capacity.describe([fleet_id]).get(fleet_id)
    if facts is None or facts.target != target:
        shows = "AWS does not know it" if facts is None else f"AWS shows {facts.target}"
        raise Refused(
            f"A plugin wanted to write down {target} as the requested capacity of fleet "
            f"{fleet_id}, and {shows}. It may only be lowered, by "
            f"`context.aws.capacity.lower_target`. {_NOTHING_DONE}"
        )


def _too_much(run: Run) -> Refused:
    return Refused(
        f"A plugin tried to change more of the run {run.names.app_name} than the target of its "
        f"fleets, the latest count and cheapest mode. {_NOTHING_DONE}"
    )


def _check_moments(run: Run) -> None:
    moments = [run.reading.at] if run.reading else []
    if run.cheapest:
        moments += filter(None, [run.cheapest.engaged_at, run.cheapest.acted_at])
    if any(moment.utcoffset() is None for moment in moments):
        raise Refused("A plugin wanted to write down a moment without its time zone")


def _without_what_is_free(run: Run) -> Run:
    fleets = tuple(replace(fleet, target=None) for fleet in run.fleets)
    return replace(run, fleets=fleets, reading=None, cheapest=None)
