"""Every port method over a real socket, against the simulated AWS: one run from work to nothing."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dcp_engine.aws.cloud import BotoAws, BotoCloud
from dcp_engine.aws.edge import FEWEST_TRIES, TRIES
from dcp_engine.defaults import Settings
from dcp_engine.errors import Busy, Missing, NotOurs, Transient
from dcp_engine.model import Cancelled, Fleet, Identities, Names, Run, State
from dcp_engine.ports import Aws, Cloud
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.timings import Timings
from dcp_engine.simulation.virtual_clock import VirtualClock


class Scene:
    """A run that was just started, and AWS as it may use it."""

    def __init__(self, simulated: SimulatedAws, launch: Launch, clock: VirtualClock) -> None:
        self.simulated = simulated
        self.launch = launch
        self.clock = clock
        self.machines: tuple[str, ...] = ()
        self.start = datetime.fromtimestamp(launch.start_time / 1000, UTC)
        self.run = self._run()
        self.cloud: Cloud = BotoCloud(
            profile=None, region=None, settings=Settings(), clock=clock, rng=random.Random(3)
        )
        self.guarded = 0
        self.aws: Aws = self.cloud.bind(
            lambda: self.run, lambda: self.machines, deadline=1e9, guard=self._guard
        )

    def record(self, **identities: Any) -> None:
        """Remember what was seen, as the engine does."""
        changed = msgspec.structs.replace(self.run.identities, **identities)
        self.run = msgspec.structs.replace(self.run, identities=changed)

    def see_machines(self) -> tuple[str, ...]:
        """List the fleet's machines and record them."""
        self.machines = self.aws.capacity.machines(self.launch.fleet_id)
        return self.machines

    def stop_fleet(self) -> None:
        """Cancel the fleet and let its machines end."""
        self.see_machines()
        self.aws.capacity.cancel([self.launch.fleet_id])
        self.clock.advance(300)

    def _guard(self) -> None:
        self.guarded += 1

    def _run(self) -> Run:
        launch = self.launch
        now = self.clock.now()
        return Run(
            id="run-1",
            names=Names(
                app_name=launch.app_name,
                cluster=launch.cluster,
                queue=launch.queue_name,
                bucket=launch.bucket,
                log_group=launch.log_group,
                clean_dashboard=True,
            ),
            account=self.simulated.account,
            region=self.simulated.region,
            registered_at=now,
            earliest_start=self.start,
            state=State.TEARDOWN,
            state_since=now,
            identities=Identities(),
            fleets=(Fleet(id=launch.fleet_id, added_at=now, start_time=self.start),),
        )


@pytest.fixture
def scene(aws_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    clock = VirtualClock()
    timings = Timings.instant(job_duration=(3600.0, 3600.0))
    with SimulatedAws(clock, timings=timings) as simulated:
        for name, value in simulated.environment().items():
            monkeypatch.setenv(name, value)
        launch = launch_run(
            simulated,
            "Exp1",
            jobs=20,
            machines=3,
            directory=aws_home / "files",
            cluster="lab",
            auto_monitor=True,
            weights=(1.0, 2.0),
        )
        clock.advance(60)
        yield Scene(simulated, launch, clock)


def test_identity(scene: Scene) -> None:
    assert scene.aws.identity.account() == scene.simulated.account
    assert len(scene.aws.identity.key_fingerprint()) == 16
    assert scene.cloud.region == scene.simulated.region
    assert isinstance(scene.aws, BotoAws)


def test_queue(scene: Scene) -> None:
    facts = scene.aws.queue.look(None)
    assert facts.reading.total == 20
    assert facts.reading.in_flight > 0
    assert abs(facts.reading.at - scene.clock.now()) <= timedelta(seconds=1)
    assert facts.created_at <= scene.clock.now()
    assert scene.aws.queue.look(facts.url) == facts
    assert facts.dead_letter_queue_arn is not None
    assert scene.aws.queue.dead_letters(facts.dead_letter_queue_arn) == 0
    with pytest.raises(NotOurs):
        scene.aws.queue.delete(facts.url)
    scene.record(queue_url=facts.url)
    scene.aws.queue.delete(facts.url)
    scene.clock.advance(120)
    with pytest.raises(Missing):
        scene.aws.queue.look(facts.url)
    scene.aws.queue.delete(facts.url)  # gone already, which is fine


def test_capacity(scene: Scene) -> None:
    fleet_id = scene.launch.fleet_id
    facts = scene.aws.capacity.describe([fleet_id])[fleet_id]
    assert facts is not None
    assert (facts.state, facts.type, facts.target) == ("active", "maintain", 3)
    assert facts.largest_weight == 2.0
    before = set(scene.see_machines())
    assert before == set(scene.launch.live_instance_ids)
    assert scene.aws.capacity.troubles(fleet_id, scene.start) == ()
    assert scene.aws.capacity.lower_target(fleet_id, 1) == (3, 1)
    scene.clock.advance(60)
    assert scene.aws.capacity.lower_target(fleet_id, 2) == (1, 1)
    assert set(scene.see_machines()) == before
    assert scene.guarded == 1
    assert scene.aws.capacity.cancel([fleet_id]) == {fleet_id: Cancelled.ACCEPTED}
    scene.clock.advance(60)
    states = scene.aws.machines.states(before)
    assert set(states.values()) <= {"shutting-down", "terminated"}
    assert scene.launch.live_instance_ids == []


def test_a_fleet_that_never_was(scene: Scene) -> None:
    stranger = "sfr-00000000-0000-4000-8000-00000000000f"
    known = scene.launch.fleet_id
    facts = scene.aws.capacity.describe([stranger, known])
    assert facts[stranger] is None
    assert facts[known] is not None
    with pytest.raises(Missing):
        scene.aws.capacity.machines(stranger)


def test_machines(scene: Scene) -> None:
    machines = scene.see_machines()
    found = scene.aws.machines.of_fleets([scene.launch.fleet_id])
    assert found == dict.fromkeys(machines, (scene.launch.fleet_id, "running"))
    unknown = "i-0ffffffffffffffff"
    assert set(scene.aws.machines.states([*machines, unknown])) == set(machines)
    scene.machines = (*machines, unknown)
    scene.aws.machines.terminate([machines[0], unknown])
    scene.clock.advance(1)
    assert machines[0] not in scene.launch.live_instance_ids
    assert machines[1] in scene.launch.live_instance_ids


def test_service_and_cluster(scene: Scene) -> None:
    service = scene.aws.service
    facts = service.describe()
    assert facts is not None
    assert (facts.status, facts.desired) == ("ACTIVE", 3)
    revisions = service.task_definitions()
    assert len(revisions) == 3
    assert facts.task_definition in revisions
    scene.record(task_definitions=revisions)
    with pytest.raises(Busy):
        service.delete_cluster()
    scene.stop_fleet()
    service.scale_to_zero()
    service.delete()
    service.delete()
    for arn in revisions:
        service.deregister_task_definition(arn)
        service.deregister_task_definition(arn)
    assert service.task_definitions() == ()
    scene.clock.advance(120)
    for instance in service.container_instances():
        service.deregister_container_instance(instance)
        service.deregister_container_instance(instance)
    assert service.container_instances() == ()
    cluster = service.cluster()
    assert cluster is not None
    assert cluster.unused
    service.delete_cluster()
    service.delete_cluster()
    assert service.cluster() is None
    facts = service.describe()
    assert facts is None or facts.status == "INACTIVE"


def test_alarms_and_dashboard(scene: Scene) -> None:
    machines = set(scene.see_machines())
    alarms = scene.aws.alarms.of_machines()
    assert {alarm.instance_id for alarm in alarms} == machines
    queue_alarms = scene.run.names.queue_alarms
    scene.aws.alarms.delete([*(alarm.name for alarm in alarms), *queue_alarms])
    left = scene.simulated.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert left == []
    scene.aws.alarms.delete([*queue_alarms])  # gone already, which is fine
    assert scene.aws.alarms.delete_dashboard() is True
    assert scene.aws.alarms.delete_dashboard() is False


def test_logs(scene: Scene) -> None:
    logs = scene.aws.logs
    group = scene.run.names.log_group
    assert logs.group_seen_at(group)
    assert not logs.group_seen_at(group[:-1])
    end = scene.clock.now()
    prefix = f"exportedlogs/{group}"
    assert logs.find_export(group, scene.start, end, prefix) is None
    task_id = logs.start_export(group, scene.start, end, prefix)
    scene.clock.advance(300)
    facts = logs.export(task_id)
    assert facts is not None
    assert facts.status == "COMPLETED"
    assert logs.find_export(group, scene.start, end, prefix) == facts
    assert logs.export("00000000-0000-4000-8000-000000000000") is None
    scene.simulated.client("logs").delete_log_group(logGroupName=f"{group}_perInstance")
    with pytest.raises(Missing):
        logs.start_export(f"{group}_perInstance", scene.start, end, f"{prefix}_perInstance")


def test_bucket(scene: Scene) -> None:
    assert scene.aws.bucket.delete_monitor_file() is True
    assert scene.aws.bucket.delete_monitor_file() is False


@pytest.mark.parametrize(("hurried", "tries"), [(False, TRIES), (True, FEWEST_TRIES)])
def test_where_somebody_waits_for_the_end_what_fails_is_soon_given_up(
    scene: Scene, hurried: bool, tries: int
) -> None:
    rule = scene.simulated.faults.add("sts:*", Fault.UNAVAILABLE, times=None)
    if hurried:
        scene.cloud.hurry()
    with pytest.raises(Transient):
        scene.aws.identity.account()
    assert rule.hits == tries
