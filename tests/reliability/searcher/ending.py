"""The end of every schedule: whatever broke is mended, and the run must come to its end."""

from datetime import timedelta
from typing import Any, Final

from dcp_engine.model import Ended, Event, Outcome, RequestKind, Run, State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.machines import Cause
from dcp_engine.simulation.runs import Behaviour, Scenario
from tests.engine.rig import leftovers
from tests.reliability.searcher import hands, weather
from tests.reliability.searcher.guest import Mood
from tests.reliability.searcher.promises import (
    check,
    check_bystanders,
    check_neighbour_at_last,
    check_tick,
    require,
)
from tests.reliability.searcher.world import World

MOST_TICKS: Final = 600
LONGEST: Final = timedelta(days=7)
_LISTED: Final = "cloudwatch:DescribeAlarms"
_HELD_BY: Final = {
    "queue": {"queues"},
    "service": {"services"},
    "cluster": {"clusters", "container_instances"},
    "task-definitions": {"task_definitions"},
    "alarms": {"alarms"},
    "dashboard": {"dashboards"},
    "fleets": {"fleets", "instances", "volumes", "alarms", "container_instances", "clusters"},
    "last-look": {"instances", "volumes", "alarms", "container_instances", "clusters"},
}
"""What stays where a step was kept or waived."""


def end(world: World) -> None:
    """Mend the world, see the run to its end, and look at what is left. Raises Violation."""
    mend(world)
    _see_to_the_end(world)
    _tell_the_rest(world)
    check(world)
    _nothing_is_left(world, world.run())
    _nothing_is_lost(world, world.run())
    _everything_was_told(world)
    check_bystanders(world)
    check_neighbour_at_last(world)
    _count(world)


def mend(world: World) -> None:
    """No fault is left, and nothing that a person would have to see to."""
    weather.heal(world)
    world.aws.world.queues._bent.clear()
    world.guest.mood, world.guest.silent_for, world.guest.lingers = Mood.FINE, 0, False
    weather.limit_capacity(world, None)
    weather.refuse_launches(world, False)
    poison = world.launch.plan.scenario.poison_jobs
    world.launch.plan.scenario = Scenario(poison_jobs=poison)
    _end_what_never_began(world)
    hands.mend_file(world)
    if world.run().state.watches and _hopeless(world):
        world.wish(RequestKind.ABORT, keep_queue=True)


def _end_what_never_began(world: World) -> None:
    """Machines without an idle alarm that do no work: nothing but a person ever ends them."""
    with world.aws.world.timeline.lock:
        alarms = world.aws.world.moto.backend("cloudwatch", world.aws.region).alarms
        for fleet in world.fleets():
            for machine in world.aws.world.machines.of_fleet(fleet.fleet_id):
                worker = world.aws.world.workers._workers.get(machine.instance_id)
                alarm = f"{world.launch.app_name}_{machine.instance_id}"
                if worker and worker.behaviour is not Behaviour.WORKS and alarm not in alarms:
                    world.aws.world.machines.end(machine, Cause.CRASH)


def _hopeless(world: World) -> bool:
    """Whether the jobs that are left cannot be done by what is left; a new fleet may help."""
    if world.service_status() != "ACTIVE" or world.jobs_left() is None:
        return True
    ecs = world.aws.light_client("ecs")
    ecs.update_service(
        cluster=world.launch.cluster,
        service=world.launch.service,
        desiredCount=world.opening.machines + 2,
    )
    _have_a_fleet(world)
    return False


def _have_a_fleet(world: World) -> None:
    if not any(fleet.live or fleet.state == "submitted" for fleet in world.fleets()):
        hands.start_cluster_again(world, world.opening.machines)


def _see_to_the_end(world: World) -> None:
    until = world.clock.now() + LONGEST
    for turn in range(MOST_TICKS):
        report = world.tick(turn % 7 == 6)
        check_tick(world, report)
        run = world.run()
        if not run.live:
            return
        if world.clock.now() > until:
            break
        if run.state.watches and run.problem("no-capacity"):
            # Nobody could before the run knew of the last one.
            _have_a_fleet(world)
        check(world)
        world.clock.advance(world.pause(report))
    require(
        False,
        f"{run.state} since {run.state_since}, after {turn} ticks: {world.jobs_left()} jobs, "
        f"{run.steps} {run.problems}",
    )


def _tell_the_rest(world: World) -> None:
    for _ in range(3):
        if not _untold(world):
            return
        world.clock.advance(3700)
        world.tick(0)


def _nothing_is_left(world: World, run: Run) -> None:
    if run.outcome is Outcome.RELEASED:
        return
    own, _ = world.computers[0].split(world.launch)
    excused: set[str] = set()
    for step in run.steps:
        if step.ended is Ended.KEPT:
            require(step.reason, f"{step.name} was kept for no reason")
        if step.ended in {Ended.KEPT, Ended.WAIVED}:
            excused |= _HELD_BY.get(step.name, set())
    if any(record.fault == Fault.STALE.name for record in world.aws.requests.matching(_LISTED)):
        # An alarm that AWS did not list when it was asked for all of them is not missed.
        excused.add("alarms")
    left = {
        kind: rest
        for kind, things in leftovers(own).items()
        if kind not in excused and (rest := _of_known_fleets(world, run, kind, things))
    }
    require(run.state is State.EXPORTED, f"the run is {run.state}")
    require(not left, f"of the run is left: {left}")


def _of_known_fleets(world: World, run: Run, kind: str, things: Any) -> Any:
    """Without what belongs to a fleet that was started when the run was being torn down."""
    fleet_of = {machine.instance_id: machine.fleet_id for machine in world.aws.world.machines.all()}
    strangers = {i for i, fleet in fleet_of.items() if fleet not in run.fleet_ids}
    if kind == "fleets":
        return {name: thing for name, thing in things.items() if name in run.fleet_ids}
    if kind == "volumes":
        return {name: thing for name, thing in things.items() if thing["of"] not in strangers}
    return {
        name: thing for name, thing in things.items() if name.rpartition("_")[2] not in strangers
    }


def _nothing_is_lost(world: World, run: Run) -> None:
    missing = world.jobs_not_done()
    if run.outcome is Outcome.ABORTED and not run.keep_queue:
        return
    there = _in_queue(world, world.launch.queue_name)
    dead = _in_queue(world, world.launch.dead_letter_queue)
    lost = missing - world.given_up - there - dead
    require(not lost, f"lost: {sorted(lost)}; the run ended {run.outcome}")


def _in_queue(world: World, name: str) -> set[str]:
    queue = world.aws.world.moto.backend("sqs", world.aws.region).queues.get(name)
    if queue is None:
        return set()
    return {job for job in world.launch.jobs_sent if any(job in m.body for m in queue._messages)}


def _everything_was_told(world: World) -> None:
    require(not _untold(world), f"never told: {_untold(world)}")


def _untold(world: World) -> list[Event]:
    told = set(world.guest.told) | world.guest.refused_for_good
    return [event for event in world.store.events(world.run().id) if event.id not in told]


def _count(world: World) -> None:
    tally, run = world.tally, world.run()
    done = set(world.launch.jobs_sent) - world.jobs_not_done()
    tally.schedules = 1
    tally.requests, tally.changes = world.auditor.requests, world.auditor.changes
    tally.faults = world.auditor.faults
    tally.lies = sum(not look.honest and look.answered for look in world.auditor.looks)
    tally.machines = len(world.launch.instance_ids)
    tally.jobs, tally.jobs_done = len(world.launch.jobs_sent), len(done)
    tally.jobs_given_up = tally.jobs - tally.jobs_done
    tally.events = len(world.memory.events)
    tally.exported = int(run.outcome is not Outcome.RELEASED)
    tally.released = 1 - tally.exported
    tally.virtual_seconds = (world.clock.now() - world.began).total_seconds()
