"""Shrinking the fleet as work runs out.

The requested capacity follows the need down: the largest number of jobs among the latest readings,
times the largest weight of a machine. It never goes up, never below one machine, and never ends a
machine (`noTermination`): those that are up keep working, they are only not replaced.
"""

from collections.abc import Sequence
from functools import partial
from math import ceil

from msgspec.structs import replace

from dcp_engine.defaults import Settings
from dcp_engine.emptiness import need
from dcp_engine.errors import Busy
from dcp_engine.hookspecs import Context, Duty, DutyResult, hookimpl
from dcp_engine.model import Fleet, Run, State, with_fleet
from dcp_engine.words import counted


@hookimpl
def duties(settings: Settings) -> Sequence[Duty]:
    return [
        Duty(
            name="downscale",
            states=frozenset({State.RUNNING, State.DRAINING}),
            every=settings.downscale_interval,
            first_after=settings.downscale_interval,
            run=downscale,
            needs_roll=False,
        )
    ]


def downscale(context: Context) -> DutyResult | None:
    """Lower the requested capacity to the need, if it is above."""
    jobs = need(context.run.readings, context.settings)
    if jobs is None:
        # Too few readings since the last gap: what is needed is not known, so nothing is lowered.
        return None
    fleets = [fleet for fleet in context.run.fleets if fleet.live and fleet.target is not None]
    fixed = [fleet.id for fleet in fleets if fleet.type != "maintain"]
    if fixed:
        # Only fleets of type maintain can be modified (Amazon EC2 API, ModifySpotFleetRequest).
        return DutyResult(
            problems={
                "fixed-fleet": (
                    f"The fleet {', '.join(fixed)} is not of type maintain, so AWS does not allow "
                    "its capacity to be lowered as work runs out."
                )
            }
        )
    weight = max((fleet.largest_weight for fleet in fleets), default=1.0)
    why = (
        counted(jobs, "job is left", "jobs are left")
        if jobs
        else "no job is left, and one machine stays requested until that is certain"
    )
    lower(context, fleets, max(1, ceil(jobs * weight)), why)
    return None


def lower(context: Context, fleets: Sequence[Fleet], wanted: int, why: str) -> bool:
    """Lower the fleets' capacity, the oldest first, until all together request `wanted`.

    Fleets that already request less are left alone. Returns whether nothing is left to lower.
    """
    lowered = True
    excess = sum(fleet.target or 0 for fleet in fleets) - wanted
    for fleet in sorted(fleets, key=lambda fleet: fleet.added_at):
        target = fleet.target or 0
        cut = min(excess, target)
        if cut <= 0:
            continue
        excess -= cut
        context.commit(
            event="downscale",
            text=(
                f"Lowering the requested capacity of fleet {fleet.id} from {target} to "
                f"{target - cut}, because {why}. Machines that are up keep working."
            ),
            data={"fleet": fleet.id, "from": target, "to": target - cut},
        )
        try:
            _, after = context.aws.capacity.lower_target(fleet.id, target - cut)
        except Busy:
            # AWS is still at an earlier change of this fleet; the next look tries again.
            lowered = False
            continue
        context.commit(run=partial(_with_target, fleet_id=fleet.id, target=after))
    return lowered


def _with_target(run: Run, *, fleet_id: str, target: int) -> Run:
    fleet = next(fleet for fleet in run.fleets if fleet.id == fleet_id)
    return with_fleet(run, replace(fleet, target=target))
