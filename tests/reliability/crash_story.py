"""One run with everything in it that the engine can meet and do, to be killed in the middle of."""

import gzip
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from dcp_engine.defaults import Settings
from dcp_engine.hookspecs import hookimpl
from dcp_engine.model import Event, Outcome, RequestKind, Run, State
from dcp_engine.simulation.launch import launch_run
from dcp_engine.simulation.machines import Cause
from dcp_engine.simulation.neighbours import launch_neighbours
from dcp_engine.simulation.runs import Behaviour, Scenario
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.snapshot import Snapshot, as_text
from tests.engine.rig import Killed, Rig, leftovers

NAME: Final = "Exp1"
POISON: Final = "Exp1-job-00001"
SETTINGS: Final = Settings(
    alarm_sweep_interval=timedelta(minutes=14),
    downscale_interval=timedelta(minutes=6),
    cheapest_after=timedelta(minutes=10),
    orphan_grace=timedelta(minutes=4),
)


class Teller:
    """A notifier that fails once. What it was told it never forgets: it is another computer."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self._failed = False

    @hookimpl
    def notify(self, run: Run, event: Event) -> None:
        if event.kind == "state" and not self._failed:
            self._failed = True
            raise ConnectionError("no network")
        self.told.append(event.id)


class Story:
    """The run, and who goes on with it however often its driver is killed.

    Three machines of which the first dies in its job, a job that always fails, a fleet that asks
    for more than is needed, cheapest mode, a second fleet, a first one that somebody cancels by
    hand leaving its machines, Auto-Monitor, a cluster of its own, and neighbours.
    """

    def __init__(self, aws: SimulatedAws, rig: Rig, teller: Teller, directory: Path) -> None:
        self.aws = aws
        self.rig = rig
        self.teller = teller
        self.kills: list[str] = []
        launch_neighbours(aws, NAME, directory / "neighbours")
        rig.clock.advance(200)
        self.launch = launch_run(
            aws,
            NAME,
            jobs=5,
            machines=3,
            directory=directory,
            cluster=f"{NAME}Cluster",
            auto_monitor=True,
            visibility_timeout=240,
            max_receive_count=2,
            scenario=Scenario(
                script=(Behaviour.CRASHES,),
                poison_jobs=frozenset({1}),
                job_duration=(150, 200),
            ),
        )
        self.before = self._others()
        aws.world.timeline.schedule(270, self._start_again)
        aws.world.timeline.schedule(300, self._cancel_by_hand)

    def see_to_the_end(self, *, known_dead: bool) -> Run:
        """Register the run and drive it to its end, by a new process after each kill.

        The new one knows that the old one is dead, or must wait for its lease to lapse.
        """
        while True:
            try:
                return self._one_life()
            except Killed as killed:
                self.kills.append(str(killed))
                self.rig.restart(died=known_dead)

    def _one_life(self) -> Run:
        # A person whose command was killed types it again.
        run = self.rig.register(self.launch, take_over=True).run
        if run.cheapest is None and run.state is State.PENDING:
            self.rig.ask(run, RequestKind.CHEAPEST_ON)
        run = self.rig.until_state(run, State.EXPORTED)
        while self.rig.store.due(run.id, self.rig.clock.now() + timedelta(days=1)):
            self.rig.tick(run)
            self.rig.clock.advance(3600)
        return self.rig.run(run)

    def is_well_ended(self, run: Run) -> None:
        """Assert everything that must be so in the end, whoever was killed when."""
        own, _ = self.rig.split(self.launch)
        assert run.state is State.EXPORTED
        assert run.outcome is Outcome.COMPLETED_WITH_DEAD_LETTERS
        assert not run.problems
        assert leftovers(own) == {}
        assert self._others() == self.before, as_text(self._others())
        self._no_machine_was_stopped_at_work()
        self._no_job_is_lost(run)
        self._targets_only_fell()
        for group in (self.launch.log_group, self.launch.per_instance_log_group):
            self._is_home_once_and_whole(group, own)
        self._everything_was_told(run)

    def _no_machine_was_stopped_at_work(self) -> None:
        assert self.launch.killed_while_working == []
        causes = {
            machine.ended_by
            for machine in map(self.aws.world.machines.find, self.launch.instance_ids)
            if machine is not None
        }
        assert Cause.FLEET_SHRUNK not in causes
        assert None not in causes

    def _no_job_is_lost(self, run: Run) -> None:
        done = set(self.launch.stats.jobs_done)
        assert done == {*self.launch.jobs_sent} - {POISON}
        dead = self.rig.split(self.launch)[1]["queues"][self.launch.dead_letter_queue]
        assert dead["visible"] == 1
        assert len(done) + dead["visible"] == len(self.launch.jobs_sent)

    def _targets_only_fell(self) -> None:
        targets: dict[str, int] = {}
        for request in self.aws.requests.matching("ec2:ModifySpotFleetRequest"):
            fleet, target = request.params["SpotFleetRequestId"], request.params["TargetCapacity"]
            assert int(target) <= targets.get(fleet, int(target))
            targets[fleet] = int(target)

    def _is_home_once_and_whole(self, group: str, own: Snapshot) -> None:
        (task,) = [each for each in own["exports"].values() if each["log_group"] == group]
        assert task["status"] == "COMPLETED"
        s3 = self.aws.client("s3")
        lines: list[str] = []
        for thing in own["objects"]:
            bucket, _, key = thing.partition("/")
            if key.startswith(f"{task['prefix']}/") and key.endswith(".gz"):
                body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
                lines += gzip.decompress(body).decode().splitlines()
        streams: dict[str, Any] = own["log_groups"][group]["events"]
        assert len(lines) == sum(streams.values()) > 0

    def _everything_was_told(self, run: Run) -> None:
        happened = [event.id for event in self.rig.events(run)]
        told = list(dict.fromkeys(self.teller.told))
        assert told == happened

    def _others(self) -> Snapshot:
        """What the neighbours have; a failed job may arrive in the queue for those."""
        _, others = self.rig.split(self.launch)
        others["queues"].pop(self.launch.dead_letter_queue, None)
        return others

    def _start_again(self) -> None:
        self.launch.start_another_fleet(6)

    def _cancel_by_hand(self) -> None:
        self.aws.light_client("ec2").cancel_spot_fleet_requests(
            SpotFleetRequestIds=[self.launch.fleet_ids[0]], TerminateInstances=False
        )
