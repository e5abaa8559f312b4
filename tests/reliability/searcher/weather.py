"""What AWS does, and what befalls machines: nobody's intention."""

from collections.abc import Mapping
from typing import Any, Final

from dcp_engine.aws.operations import OPERATIONS as DECLARED
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.machines import Cause
from dcp_engine.simulation.runs import Behaviour, Scenario
from tests.reliability.searcher.world import World

OPERATIONS: Final = (
    *(operation.label for operation in DECLARED),
    *sorted({f"{operation.service}:*" for operation in DECLARED}) * 6,
    *("*",) * 20,
)
"""Each operation, and the patterns, which strike more of them, more often."""
FAULTS: Final = tuple(Fault)
KINDS: Final = (None, Behaviour.CRASHES, Behaviour.STALLS, Behaviour.NEVER_STARTS)
NEIGHBOURLY: Final = ("works", "loses a machine", "wants more")
UNTRUE: Final = frozenset({Fault.STALE, Fault.ZERO_COUNTS})
"""Answers that look good. AWS gives them for moments, not for ever."""
_PATIENCE = 20.0
_REQUIRED: Mapping[str, str] = {
    operation.label: operation.required[0] for operation in DECLARED if operation.required
}


def strike(world: World, operation: str, fault: Fault, times: int | None, after: int) -> None:
    """From now on an operation is struck by a fault: so often, or until it is healed."""
    if fault in UNTRUE:
        if not believable(world):
            return
        times = min(times or 2, 2)
    details = _details(operation, fault)
    rule = world.aws.faults.add(operation, fault, times=times, after=after, **details)
    if fault in UNTRUE:
        world.untruths.append(rule)
    if fault is Fault.TRICKLES:
        # On a virtual clock slow bytes are just bytes.
        rule.release()


def _details(operation: str, fault: Fault) -> dict[str, Any]:
    if fault is Fault.MISSING_KEY:
        return {"key": _REQUIRED.get(operation, "Attributes")}
    if fault is Fault.ITEM_FAILED:
        return {"code": "unexpectedError"}
    if fault is Fault.ERROR:
        return {"code": "ValidationException", "message": "That is not possible now"}
    if fault in {Fault.HANG, Fault.REPLY_LOST}:
        return {"takes": _PATIENCE}
    return {}


def believable(world: World) -> bool:
    """Whether the last count of the queue was true and nothing untrue is still to come.

    No engine could tell from counts that are always untrue whether a queue is empty.
    """
    looks = world.auditor.looks
    return bool(looks) and looks[-1].honest and not world.untrue() and not world.lies_to_come()


def heal(world: World) -> None:
    """All faults are over."""
    world.aws.faults.clear()
    world.untruths.clear()


def blip(world: World, times: int) -> None:
    """The queue's next counts are zero, then one is true again."""
    if not believable(world) or not world.run().state.watches:
        return
    queues, name = world.aws.world.queues, world.launch.queue_name
    queues.bend_counts(name, times=times, visible=0, in_flight=0, delayed=0)
    queues.bend_counts(name)


def lose_machines(world: World, which: int | None) -> None:
    """A spot interruption takes one machine of the run, or all of them (None)."""
    with world.aws.world.timeline.lock:
        up = [
            machine
            for machine in world.aws.world.machines.all()
            if machine.fleet_id in world.launch.fleet_ids and machine.alive
        ]
        for machine in up if which is None else up[which : which + 1]:
            world.aws.world.machines.end(machine, Cause.CRASH)
            world.tally.machines_lost += 1


def limit_capacity(world: World, machines: int | None) -> None:
    """No more than so many machines of a fleet can be had from now on."""
    with world.aws.world.timeline.lock:
        for fleet in world.fleets():
            fleet.capacity_limit = machines


def refuse_launches(world: World, refuse: bool) -> None:
    """Every launch fails from now on, or none."""
    error = ("launchSpecUnusable", "InvalidAMIID.NotFound") if refuse else None
    with world.aws.world.timeline.lock:
        for fleet in world.fleets():
            fleet.launch_error = error


def workers_become(world: World, kind: Behaviour | None) -> None:
    """Machines that come from now on behave like this; None: they work."""
    poison = world.launch.plan.scenario.poison_jobs
    world.launch.plan.scenario = Scenario(
        crash=0.5 * (kind is Behaviour.CRASHES),
        stall=0.5 * (kind is Behaviour.STALLS),
        never_start=0.5 * (kind is Behaviour.NEVER_STARTS),
        poison_jobs=poison,
    )


def neighbour_lives(world: World, does: str) -> None:
    """The neighbour with the similar name minds its own business."""
    neighbour = world.neighbour
    if does == "works":
        neighbour.send_jobs(1)
    elif does == "wants more" and neighbour.fleet.state == "active":
        world.aws.light_client("ec2").modify_spot_fleet_request(
            SpotFleetRequestId=neighbour.fleet_id, TargetCapacity=2
        )
    elif does == "loses a machine":
        with world.aws.world.timeline.lock:
            for machine in world.aws.world.machines.of_fleet(neighbour.fleet_id)[:1]:
                world.aws.world.machines.end(machine, Cause.CRASH)
