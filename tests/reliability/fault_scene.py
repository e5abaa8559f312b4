"""A run with neighbours, brought to a state on the virtual clock, and what must hold of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from dcp_engine.driver_tag import KEY, DriverTag
from dcp_engine.model import Ended, Outcome, RequestKind, Run, State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.machines import Cause
from dcp_engine.simulation.neighbours import launch_neighbours
from dcp_engine.simulation.request_log import RecordedRequest
from dcp_engine.simulation.runs import Behaviour, Scenario
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.snapshot import Snapshot
from dcp_engine.simulation.virtual_clock import VirtualClock
from dcp_engine.status import status_of
from tests.engine.rig import Rig, leftovers

HOUR = timedelta(hours=1)
# A count a minute, each tried eight times at most; or the five steps of a teardown that ask for the
# queue and the service first, and as much again for all the rest.
MOST_REQUESTS_AN_HOUR = 60 * 15
# Two questions of a request's time limit each may come before the first cancel, and one tick.
SOON = timedelta(minutes=2)


@dataclass
class Scene:
    """One run, its neighbours, and the engine that drives it."""

    aws: SimulatedAws
    clock: VirtualClock
    rig: Rig
    launch: Launch
    run: Run
    neighbours: Snapshot
    target: int
    began: datetime
    struck_in: list[State] = field(default_factory=list)

    def begin_in(
        self, state: State, *, of_machines: bool = False
    ) -> Callable[[Mapping[str, Any]], bool]:
        """A `match` for a fault: it holds from the first call that the run makes in a state.

        Where it is `of_machines`, only calls about machines and volumes count.
        """
        begun = False

        def match(params: Mapping[str, Any]) -> bool:
            nonlocal begun
            if of_machines and params["Resources"][0].startswith("sfr-"):
                return False
            now = self.now().state
            begun = begun or now is state
            if begun:
                self.struck_in.append(now)
            return begun

        return match

    def now(self) -> Run:
        """The run as the store has it."""
        return self.rig.store.run(self.run.id)

    def until(self, reached: Callable[[Run], bool]) -> Run:
        """Go on as `monitor` does until it is so."""
        return self.rig.until(self.run, reached, within=timedelta(hours=72))

    def take_over(self) -> None:
        """From another computer, whose mark the fleet carries, and from Auto-Monitor."""
        mark = DriverTag(store="another", until=self.clock.now() + 3 * HOUR)
        self.aws.light_client("ec2").create_tags(
            Resources=[self.launch.fleet_id], Tags=[{"Key": KEY, "Value": str(mark)}]
        )
        self.rig.ask(self.run, RequestKind.TAKE_OVER)


def scene(
    aws: SimulatedAws,
    clock: VirtualClock,
    rig: Rig,
    directory: Path,
    state: State,
    *,
    stay: timedelta,
    script: tuple[Behaviour, ...] = (),
) -> Scene:
    """A run early in the state, TEARDOWN just to come; it is to stay there for an hour or a day.

    Anything shorter is some twenty minutes. In RUNNING the first machines behave as told.
    """
    long = stay >= HOUR
    facts: dict[State, dict[str, Any]] = {
        # One machine that works can be had at a time.
        State.RUNNING: {
            "jobs": 14 if long else 4,
            "machines": 6,
            "scenario": Scenario(
                capacity_limit=1 + script.count(Behaviour.NEVER_STARTS),
                job_duration=(300, 320),
                script=script,
            ),
        },
        # Two work; the third finds nothing to do and is ended by its alarm.
        State.DRAINING: {
            "jobs": 2,
            "machines": 4,
            "visibility_timeout": 7200,
            "scenario": Scenario(
                capacity_limit=3, job_duration=(4200, 4300) if long else (2900, 3000)
            ),
        },
        State.TEARDOWN: {
            "jobs": 2,
            "machines": 2,
            "scenario": Scenario(job_duration=(60, 90)),
        },
    }
    if stay > HOUR and state is not State.TEARDOWN:
        # Nothing comes and goes while nobody can look: long jobs, and machines that live.
        facts[state] = {
            "jobs": 2 if state is State.RUNNING else 1,
            "machines": 1,
            "visibility_timeout": 2 * 86400,
            "scenario": Scenario(job_duration=(90000, 90100)),
        }
    launch_neighbours(aws, "Exp1", directory / "neighbours")
    clock.advance(200)
    launch = launch_run(
        aws, "Exp1", directory=directory, cluster="exp", auto_monitor=True, **facts[state]
    )
    _, neighbours = rig.split(launch)
    run = rig.register(launch).run
    run = rig.until_state(run, State.RUNNING if state is State.RUNNING else State.DRAINING)
    if state is State.DRAINING and stay <= HOUR:
        # By then the one without work has been ended.
        idle = clock.now() + timedelta(minutes=17)
        rig.until(run, lambda _: clock.now() >= idle, every=timedelta(minutes=5))
        clock.advance(10)
        # Somebody wants more of them, so that there is something to lower again.
        aws.light_client("ec2").modify_spot_fleet_request(
            SpotFleetRequestId=launch.fleet_id, TargetCapacity=4
        )
    return Scene(aws, clock, rig, launch, run, neighbours, launch.fleet.target, clock.now())


def lose_all_machines(scene: Scene) -> None:
    """AWS takes them back, and has none for half an hour."""
    world, fleet = scene.aws.world, scene.launch.fleet
    with world.timeline.lock:
        limit, fleet.capacity_limit = fleet.capacity_limit, 0
        for machine in world.machines.of_fleet(fleet.fleet_id):
            world.machines.end(machine, Cause.CRASH)

    def has_some_again() -> None:
        fleet.capacity_limit = limit

    world.timeline.schedule(HOUR.total_seconds() / 2, has_some_again)


def leave_machines_running(scene: Scene) -> None:
    """Somebody cancels the fleet and keeps its machines."""
    fleets = scene.aws.world.fleets
    with scene.aws.world.timeline.lock:
        fleets.cancel(scene.launch.fleet, terminate=False, cause=Cause.FLEET_CANCELLED)


def struck(scene: Scene) -> list[RecordedRequest]:
    """The calls that a fault struck, oldest first."""
    return [request for request in scene.aws.requests if request.fault]


def says_what_is_wrong(scene: Scene, since: datetime, *, about: str = "nothing else") -> None:
    """`status` says in words what is wrong, and that it began about when the fault did.

    A problem that was there before may have been reworded, to be `about` what fails now.
    """
    status = status_of(scene.now(), lease=None, requests=[], machines_seen=0)
    told = [p for p in status.problems if p.since >= since - SOON or about in p.text]
    assert any(len(p.text.split()) > 5 for p in told), status.problems


def does_not_hammer(scene: Scene, since: datetime, span: timedelta, *, most: int) -> None:
    """No more than so many requests in a span."""
    count = sum(since <= request.at < since + span for request in scene.aws.requests)
    assert count <= most, count


def nothing_was_stopped_early(scene: Scene) -> None:
    """No machine that worked died by us, and nothing was cancelled before the work was over."""
    assert not scene.launch.killed_while_working
    over = teardown_since(scene)
    script = zip(scene.launch.plan.scenario.script, scene.launch.instance_ids, strict=False)
    never_worked = {machine for behaviour, machine in script if behaviour is Behaviour.NEVER_STARTS}
    for name in ("ec2:CancelSpotFleetRequests", "ec2:TerminateInstances"):
        for request in scene.aws.requests.matching(name):
            ended = set(request.params.get("InstanceIds", ()))
            assert request.at >= over or (ended and ended <= never_worked), request


def target_only_fell(scene: Scene) -> None:
    """Every change lowered the capacity, without ending a machine."""
    target = scene.target
    for request in scene.aws.requests.matching("ec2:ModifySpotFleetRequest"):
        if request.at < scene.began:
            continue
        assert request.params["ExcessCapacityTerminationPolicy"] == "noTermination"
        assert int(request.params["TargetCapacity"]) <= target
        target = int(request.params["TargetCapacity"])


def teardown_since(scene: Scene) -> datetime:
    """When the work was over."""
    return next(
        event.at for event in scene.rig.events(scene.run, "state") if event.data["to"] == "TEARDOWN"
    )


def money_went_first(scene: Scene) -> None:
    """The fleets were cancelled as soon as the work was over."""
    first = scene.aws.requests.matching("ec2:CancelSpotFleetRequests")[0]
    late = first.at - teardown_since(scene)
    assert late <= SOON, late


def ended_well(scene: Scene) -> None:
    """Everything of the run is gone, nothing of anybody else's, and no job or log is lost.

    After a day in which ECS could not be asked its cluster may be kept, with that reason; and for a
    dead machine that nobody could ask EC2 about while EC2 still knew it.
    """
    run = scene.now()
    own, others = scene.rig.split(scene.launch)
    assert run.state is State.EXPORTED
    assert run.outcome is Outcome.COMPLETED, run.outcome
    assert run.problems == (), run.problems
    left = leftovers(own)
    cluster = run.step("cluster")
    if (
        cluster
        and cluster.ended is Ended.KEPT
        and "could not be deregistered" in str(cluster.reason)
    ):
        assert run.state_since - teardown_since(scene) >= 24 * HOUR
        left = {
            kind: t for kind, t in left.items() if kind not in {"clusters", "container_instances"}
        }
    assert _without_the_unknown(scene, left) == {}, left
    assert others == scene.neighbours
    assert scene.launch.all_jobs_done()
    exported = [task["log_group"] for task in own["exports"].values()]
    assert sorted(exported) == ["Exp1", "Exp1_perInstance"]


def _without_the_unknown(scene: Scene, left: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without the cluster that a machine keeps which came and went while EC2 did not answer.

    EC2 forgets a machine an hour after its end, so that it was the run's can never be confirmed.
    """
    cluster = scene.now().step("cluster")
    in_use = cluster and cluster.ended is Ended.KEPT and "in use" in str(cluster.reason)
    asked = scene.aws.requests.matching("ecs:DescribeClusters")
    if in_use and any(request.fault == Fault.STALE.name for request in asked):
        # What AWS said of it in the end was of a time when it was in use.
        left = {kind: things for kind, things in left.items() if kind != "clusters"}
    known = {machine.instance_id for machine in scene.rig.store.machines(scene.run.id)}
    lingering = set(left.get("container_instances", ()))
    unanswered = [
        request
        for request in scene.aws.requests.matching("ec2:DescribeInstances")
        if request.fault is not None
    ]
    if (
        lingering
        and not lingering & known
        and unanswered
        and cluster is not None
        and cluster.ended is Ended.KEPT
        and "in use" in str(cluster.reason)
    ):
        return {k: t for k, t in left.items() if k not in {"clusters", "container_instances"}}
    return left
