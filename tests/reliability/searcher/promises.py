"""What must hold after every act and in every tick, whatever happened."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile

from dcp_engine.emptiness import LONGEST_GAP
from dcp_engine.engine import TickReport
from dcp_engine.machine import Move
from dcp_engine.model import Event, Outcome, Run, State
from dcp_engine.simulation.machines import Cause
from dcp_engine.simulation.snapshot import as_text, belonging_to, snapshot
from dcp_engine.status import status_of
from tests.reliability.searcher.auditor import Look
from tests.reliability.searcher.world import Violation, World

MOST_REQUESTS = 400
"""So many requests one tick may make: eight tries of everything there is, and then some."""
STILL = timedelta(hours=2)
"""A run in which nothing moves for so long cannot proceed."""
_EXCUSES = frozenset({"credentials", "other-account", "account-unknown", "driven-elsewhere"})


def require(holds: object, what: str) -> None:
    """Raise Violation, in words, unless it holds."""
    if not holds:
        raise Violation(what)


def check(world: World) -> None:
    """After every act. Raises Violation."""
    run = world.run()
    require(not world.auditor.wrongs, "\n".join(world.auditor.wrongs))
    require(not world.aws.crashes, "\n".join(world.aws.crashes))
    _no_working_machine_ended(world, run)
    _events_are_kept(world)
    _status_speaks(world, run)
    check_neighbour(world)


def check_tick(world: World, report: TickReport | None) -> None:
    """After a tick that was not killed. Raises Violation."""
    asked = world.auditor.in_tick
    require(len(asked) <= MOST_REQUESTS, f"{len(asked)} requests in one tick")
    if report is None or report.held_by:
        return
    run = report.run
    words = [problem for problem in run.problems if not problem.advice]
    out_of_time = any(event.kind == "tick-deadline" for event in report.events)
    if run.state is State.TEARDOWN and run.first_cancel_at is None and not out_of_time:
        require(
            _EXCUSES & {problem.name for problem in words},
            "the run is being torn down and its fleets were not cancelled in that tick",
        )
    if run.state.watches and not out_of_time:
        counted = any(look.answered for look in world.auditor.looks if look.record in asked)
        gone = any(record.error_code for record in asked if record.name == "sqs:GetQueueUrl")
        require(counted or gone or words, f"nothing was counted, and {run.state} has no problem")
    for step in run.steps if run.live else ():
        if step.failures and step.ended is None:
            require(
                run.problem(f"step-{step.name}"), f"{step.name} fails and status does not say so"
            )
    _not_stuck_in_silence(world, run, bool(words))


def _no_working_machine_ended(world: World, run: Run) -> None:
    """Promise 1; that TEARDOWN was reached rightly is checked when it is."""
    for kill in world.launch.killed_while_working:
        if kill in world.kills_by_people or (
            kill.cause is Cause.FLEET_CANCELLED and kill.fleet_id in world.people_cancelled
        ):
            continue
        require(
            run.first_cancel_at is not None and kill.at >= run.first_cancel_at,
            f"{kill} although the run is {run.state} and nothing was confirmed",
        )


def _events_are_kept(world: World) -> None:
    """Promise 10, and what the events say of the moves."""
    events = world.store.events(world.run().id)
    ids = [event.id for event in events]
    require(len(set(ids)) == len(ids), "an event id came twice")
    known = world.memory.events
    require(ids[: len(known)] == known, "the event log was rewritten")
    for event in events[len(known) :]:
        if event.kind == "state":
            _moved_rightly(world, event)
    world.memory.events = ids


def _moved_rightly(world: World, event: Event) -> None:
    """Promise 3: the work is over when AWS said so, several times, for long enough."""
    move = event.data["move"]
    if move == Move.LATE_JOBS:
        world.auditor.cancelled = False
    if move != Move.WORK_OVER:
        return
    vanished = world.run().outcome is Outcome.QUEUE_VANISHED
    looks = [look for look in world.auditor.looks if look.at <= event.at and look.answered]
    # The count before the first cancel comes after the move, and perhaps at the same moment.
    later = sum(look.at == event.at for look in looks)
    require(
        any(_confirms(world, looks[: len(looks) - after], vanished) for after in range(later + 1)),
        f"{event.text} But the queue truly held, when it was counted: {_in_words(looks[-8:])}",
    )


def _confirms(world: World, looks: Sequence[Look], vanished: bool) -> bool:
    last = list(takewhile(lambda look: _nothing_left(look, vanished), reversed(looks)))
    settings = world.settings
    # A Date header has whole seconds.
    window = settings.empty_window - timedelta(seconds=1)
    return len(last) >= settings.empty_readings and last[0].at - last[-1].at >= window


def _nothing_left(look: Look, vanished: bool) -> bool:
    if not look.honest:
        return True
    return look.jobs is None if vanished else look.jobs == 0


def _in_words(looks: Sequence[Look]) -> str:
    return ", ".join(f"{look.jobs} at {look.at:%H:%M:%S}" for look in looks)


def _status_speaks(world: World, run: Run) -> None:
    status = status_of(
        run,
        lease=world.lease(),
        requests=world.store.requests(run.id),
        machines_seen=len(world.store.machines(run.id)),
    )
    require(status.as_json(), "the status is empty")
    for problem in status.problems:
        require(problem.text.strip(), f"the problem {problem.name} has no words")
        require(problem.since <= world.clock.now(), f"{problem.name} is since a time to come")


def _not_stuck_in_silence(world: World, run: Run, speaks: bool) -> None:
    """Where nothing moves any more a person must be told why.

    Not where machines are up: how long their work takes nobody but a person knows.
    """
    now: datetime = world.clock.now()
    machines = [world.aws.world.machines.find(i) for i in world.launch.instance_ids]
    moving = (
        run.state,
        world.jobs_left(),
        sorted(world.launch.stats.jobs_done.elements()),
        len(machines),
        [machine.state for machine in machines if machine is not None],
        [(step.ended, step.reason, step.progress) for step in run.steps],
    )
    memory = world.memory
    up = any(machine is not None and machine.alive for machine in machines)
    excused = up or speaks or not run.live or world.guest.lingers
    # Who looks less often than that never gets the readings that confirm anything.
    seldom = now - memory.ticked_at > LONGEST_GAP
    memory.ticked_at = now
    if moving != memory.signature or excused or seldom:
        memory.signature, memory.moved_at = moving, now
    elif now - memory.moved_at >= STILL:
        raise Violation(
            f"nothing has moved since {memory.moved_at} and status names no problem: {run.state}, "
            f"{world.jobs_left()} jobs, machines {[m.state.value for m in machines if m]}"
        )


def check_neighbour(world: World) -> None:
    """Promise 4, for one who works."""
    neighbour = world.neighbour
    require(not neighbour.killed_while_working, f"{neighbour.killed_while_working}")
    require(neighbour.fleet.state in {"active", "modifying"}, "the neighbour's fleet was stopped")
    own = {Cause.IDLE_ALARM, Cause.CRASH, None}
    for instance_id in neighbour.instance_ids:
        machine = world.aws.world.machines.find(instance_id)
        require(machine and machine.ended_by in own, f"the neighbour lost {machine}")


def check_bystanders(world: World) -> None:
    """Promise 4, for those who do nothing themselves; too slow to be done after every act."""
    now = world.bystanders()
    for kind, before in world.before.items():
        require(
            now[kind] == before,
            f"somebody else's {kind} were {as_text({kind: before})} and are "
            f"{as_text({kind: now[kind]})}",
        )


def check_neighbour_at_last(world: World) -> None:
    """Promise 4, for everything the neighbour has."""
    _, others = belonging_to(snapshot(world.aws), world.launch)
    own, _ = belonging_to(others, world.neighbour)
    neighbour = world.neighbour
    alarms = {f"{neighbour.app_name}_{i}" for i in neighbour.instance_ids}
    placed = {a for a in alarms if a.rpartition("_")[2] in neighbour.stats.started}
    require(neighbour.queue_name in own["queues"], "the neighbour's queue is gone")
    service = own["services"].get(f"{neighbour.cluster}/{neighbour.service}")
    require(service and service["status"] == "ACTIVE", f"the neighbour's service is {service}")
    require(neighbour.app_name in own["dashboards"], "the neighbour's dashboard is gone")
    require(
        all(task["status"] == "ACTIVE" for task in own["task_definitions"].values()),
        "the neighbour's task definitions are gone",
    )
    require(len(own["log_groups"]) == 2, "a log group of the neighbour's is gone")
    introduced = {
        f"{neighbour.app_name}_{instance_id}"
        for instance_id, facts in own["instances"].items()
        if facts["state"] == "running" and "Name" in facts["tags"]
    }
    require(introduced <= set(own["alarms"]) & placed, "an idle alarm of the neighbour's is gone")
