"""A plugin that reaches for a neighbour, or for its own run too early, through all it is handed."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from botocore.client import BaseClient
from msgspec.structs import replace

from dcp_engine.aws.edge import Edge
from dcp_engine.aws.gate import Gate
from dcp_engine.aws.session import Sessions
from dcp_engine.defaults import Settings
from dcp_engine.drive import Drive
from dcp_engine.errors import NotOurs, Refused
from dcp_engine.hookspecs import Context, Duty, StepResult, TeardownStep, done, hookimpl
from dcp_engine.model import Fleet, Names, Outcome, RequestKind, Run, State
from dcp_engine.ports import ContainerInstance
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.runs import Scenario
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.engine.rig import Rig, leftovers
from tests.reliability.trespass import harmed

Door = Callable[[Context], object]
ALWAYS = frozenset({State.PENDING, State.RUNNING, State.DRAINING})
ENDLESS = Scenario(job_duration=(80_000.0, 80_000.0))


class Trespasser:
    """Tries every door in a duty and in a step, and notes what came of it."""

    def __init__(self) -> None:
        self.doors: dict[str, Door] = {}
        self.too_early: dict[str, Door] = {}
        self.came_of_it: dict[str, str] = {}
        self.seen: list[object] = []

    @hookimpl
    def duties(self, settings: Settings) -> Sequence[Duty]:
        self.seen.append(settings)
        return [Duty(name="pry", states=ALWAYS, every=timedelta(minutes=5), run=self.pry)]

    @hookimpl
    def teardown_steps(self, settings: Settings) -> Sequence[TeardownStep]:
        return [TeardownStep(name="pry", run=self.pry_again)]

    @hookimpl
    def notify(self, run: Run, event: object) -> None:
        self.seen += [run, event]

    def pry(self, context: Context) -> None:
        self.seen.append(context)
        self._try(context, "duty", {**self.doors, **self.too_early})

    def pry_again(self, context: Context) -> StepResult:
        self._try(context, "step", self.doors)
        return done()

    def _try(self, context: Context, where: str, doors: dict[str, Door]) -> None:
        for name, door in doors.items():
            try:
                door(context)
            except Exception as error:  # noqa: BLE001 - whatever came of it is what is asked
                self.came_of_it[f"{where}: {name}"] = type(error).__name__
            else:
                self.came_of_it[f"{where}: {name}"] = "passed"


def changed(change: Callable[[Run], Run]) -> Door:
    return lambda context: context.commit(run=change)


def neighbours_doors(stranger: Launch, rig: Rig, aws: SimulatedAws) -> dict[str, Door]:
    """Everything of the neighbour's, through everything that a plugin is handed."""
    fleet, machine = stranger.fleet_id, stranger.live_instance_ids[0]
    ecs = aws.client("ecs")
    revision = ecs.list_task_definitions(familyPrefix=stranger.task_family)["taskDefinitionArns"][0]
    arn = ecs.list_container_instances(cluster="lab")["containerInstanceArns"][0]
    now = rig.clock.now()
    alarms = stranger.alarm_names
    return {
        "cancel": lambda c: c.aws.capacity.cancel([fleet]),
        "cancel beside its own": lambda c: c.aws.capacity.cancel([*c.run.fleet_ids, fleet]),
        "lower": lambda c: c.aws.capacity.lower_target(fleet, 0),
        "claim": lambda c: c.aws.capacity.claim([fleet], "x"),
        "disclaim": lambda c: c.aws.capacity.disclaim([fleet], "x"),
        "terminate": lambda c: c.aws.machines.terminate([machine]),
        "terminate beside its own": lambda c: c.aws.machines.terminate([*c.machines(), machine]),
        "revision": lambda c: c.aws.service.deregister_task_definition(revision),
        "container": lambda c: c.aws.service.deregister_container_instance(
            ContainerInstance(arn=arn, instance_id=machine)
        ),
        "alarms": lambda c: c.aws.alarms.delete(alarms),
        "an alarm": lambda c: c.aws.alarms.delete([alarms[0]]),
        "disarm": lambda c: c.aws.alarms.disarm(alarms[-2:]),
        "queue": lambda c: c.aws.queue.delete(stranger.queue_url),
        "export": lambda c: c.aws.logs.start_export(stranger.log_group, now, now, "exportedlogs/x"),
        "export over another's": lambda c: c.aws.logs.start_export(
            c.run.names.log_group, now, now, f"exportedlogs/{stranger.log_group}"
        ),
        "call it its own": changed(
            lambda run: replace(run, names=replace(run.names, queue=stranger.queue_name))
        ),
        "adopt the fleet": changed(
            lambda run: replace(
                run, fleets=(*run.fleets, Fleet(id=fleet, added_at=now, start_time=now))
            )
        ),
        "swap the fleet": changed(
            lambda run: replace(run, fleets=(replace(run.fleets[0], id=fleet),))
        ),
        "adopt the queue": changed(
            lambda run: replace(
                run, identities=replace(run.identities, queue_url=stranger.queue_url)
            )
        ),
        "move": changed(lambda run: replace(run, account="999999999999", region="eu-west-1")),
        "end": changed(lambda run: replace(run, state=State.EXPORTED)),
        "no run": changed(lambda run: None),  # type: ignore[arg-type, return-value]
    }


# What a plugin may not do to its own run while jobs are counted.
TOO_EARLY: dict[str, Door] = {
    "cancel": lambda c: c.aws.capacity.cancel(c.run.fleet_ids),
    "terminate": lambda c: c.aws.machines.terminate(c.machines()),
    "scale": lambda c: c.aws.service.scale_to_zero(),
    "service": lambda c: c.aws.service.delete(),
    "queue": lambda c: c.aws.queue.delete(str(c.run.identities.queue_url)),
    "cluster": lambda c: c.aws.service.delete_cluster(),
    "dashboard": lambda c: c.aws.alarms.delete_dashboard(),
    "teardown": changed(lambda run: replace(run, state=State.TEARDOWN)),
}


def test_no_door_leads_to_a_neighbour_nor_to_the_runs_early_end(
    aws: SimulatedAws, make_rig: Callable[..., Rig], clock: VirtualClock, tmp_path: Path
) -> None:
    plugin = Trespasser()
    rig = make_rig(plugins={"trespasser": plugin})
    stranger = launch_run(
        aws,
        "Exp10",
        jobs=3,
        machines=2,
        directory=tmp_path / "other",
        cluster="lab",
        auto_monitor=True,
        scenario=ENDLESS,
    )
    clock.advance(400)
    launch = launch_run(
        aws, "Exp1", jobs=3, machines=2, directory=tmp_path, cluster="lab", scenario=ENDLESS
    )
    clock.advance(400)
    plugin.doors = neighbours_doors(stranger, rig, aws)
    plugin.too_early = {f"own {name}": door for name, door in TOO_EARLY.items()}
    kinds = ("fleets", "instances", "services", "task_definitions", "alarms", "dashboards")
    before = {kind: rig.split(launch)[1][kind] for kind in kinds}
    run = rig.until(rig.register(launch).run, lambda now: bool(now.active_machines))
    working = rig.until(run, lambda _: len(plugin.came_of_it) > 0)
    assert working.state.watches
    assert launch.fleet.state == "active"
    assert not launch.killed_while_working
    rig.ask(run, RequestKind.ABORT)
    ended = rig.until_state(run, State.EXPORTED)
    after = rig.split(launch)[1]
    assert harmed(before, after) == {}
    assert stranger.queue_name in after["queues"]
    assert set(stranger.instance_ids) <= set(after["container_instances"])
    assert stranger.fleet.state == "active"
    assert ended.outcome is Outcome.ABORTED
    assert ended.names == run.names
    assert ended.fleet_ids == run.fleet_ids
    assert leftovers(rig.split(launch)[0]).keys() <= {"clusters"}
    refused = {NotOurs.__name__, Refused.__name__}
    assert {name: what for name, what in plugin.came_of_it.items() if what not in refused} == {}
    assert len(plugin.came_of_it) == 2 * len(plugin.doors) + len(plugin.too_early)


FORBIDDEN = (BaseClient, Edge, Gate, Sessions, Drive)


def within_reach(thing: object, depth: int = 4) -> Iterator[object]:
    """What is had from a thing by public names, as far as no call is needed for it."""
    yield thing
    if depth == 0 or isinstance(thing, str | bytes | int | float | type):
        return
    if isinstance(thing, tuple | list):
        for item in thing:
            yield from within_reach(item, depth - 1)
        return
    for name in dir(thing):
        if not name.startswith("_"):
            value = inspect.getattr_static(thing, name, None)
            if inspect.isroutine(value) or isinstance(value, staticmethod | classmethod):
                continue
            yield from within_reach(getattr(thing, name), depth - 1)


def test_what_a_plugin_is_handed_holds_no_raw_client(
    aws: SimulatedAws, make_rig: Callable[..., Rig], clock: VirtualClock, tmp_path: Path
) -> None:
    plugin = Trespasser()
    rig = make_rig(plugins={"trespasser": plugin})
    launch = launch_run(aws, "Exp1", jobs=1, machines=1, directory=tmp_path, scenario=ENDLESS)
    run = rig.register(launch).run
    clock.advance(400)
    rig.until(run, lambda _: any(hasattr(thing, "aws") for thing in plugin.seen))
    reached: list[Any] = [each for thing in plugin.seen for each in within_reach(thing)]
    assert any(isinstance(each, Names) for each in reached)
    assert any(type(each).__name__ == "SpotCapacity" for each in reached)
    assert [each for each in reached if isinstance(each, FORBIDDEN)] == []
