"""Cheapest mode: some minutes after it was engaged the requested capacity goes to one machine.

Machines that are up keep working until their jobs are done; those that die are not replaced, so the
run costs least and takes longest.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta

from msgspec.structs import replace

from dcp_engine.builtin.downscale import lower
from dcp_engine.hookspecs import Context, Duty, DutyResult, hookimpl
from dcp_engine.model import Run, State
from dcp_engine.words import counted

# Looked at in every tick, so that it acts in the first one after its time.
_EVERY_TICK = timedelta(0)


@hookimpl
def duties() -> Sequence[Duty]:
    return [
        Duty(
            name="cheapest",
            states=frozenset({State.PENDING, State.RUNNING, State.DRAINING}),
            every=_EVERY_TICK,
            run=cheapest,
            needs_roll=False,
        )
    ]


def cheapest(context: Context) -> DutyResult | None:
    """Lower the requested capacity to one machine, once, when its time has come."""
    mode = context.run.cheapest
    if mode is None or mode.acted_at is not None:
        return None
    if context.clock.now() - mode.engaged_at < context.settings.cheapest_after:
        return None
    fleets = [fleet for fleet in context.run.fleets if fleet.live]
    facts = context.aws.capacity.describe([fleet.id for fleet in fleets]) if fleets else {}
    current = [
        replace(fleet, target=fact.target, fulfilled=fact.fulfilled)
        for fleet in fleets
        if (fact := facts.get(fleet.id)) is not None
    ]
    if not current:
        return None
    came = sum(fleet.fulfilled or 0 for fleet in current)
    requested = sum(fleet.target or 0 for fleet in current)
    if not context.memory.get("announced"):
        context.commit(
            event="cheapest",
            text=(
                f"Cheapest mode acts now: {came:g} of the requested "
                f"{counted(requested, 'unit')} of capacity came, and no more will."
            ),
            data={"fulfilled": came, "target": requested},
            memory={"announced": True},
        )
    if lower(context, current, 1, "cheapest mode asks for one machine from here on"):
        context.commit(run=_acted(context))
    return None


def _acted(context: Context) -> Callable[[Run], Run]:
    now = context.clock.now()

    def acted(run: Run) -> Run:
        mode = run.cheapest
        return replace(run, cheapest=replace(mode, acted_at=now) if mode else None)

    return acted
