"""A run in the emulated AWS, with neighbours, and a computer that may see to it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from dcp_engine.simulation.faults import FaultRule
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.machines import Cause, MachineState
from dcp_engine.simulation.neighbours import Neighbours, launch_neighbours
from dcp_engine.simulation.runs import Scenario
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.snapshot import Snapshot, as_text, belonging_to, snapshot
from tests.e2e.computer import Computer
from tests.e2e.waiting import until
from tests.engine.rig import leftovers

NAME = "Exp1"
SHORT_JOBS = Scenario(job_duration=(0.3, 0.8))
NOBODY_COMES = Scenario(job_duration=(0.3, 0.8), capacity_limit=0)
"""No machine can be had until `Scene.let_machines_come`."""

MakeScene = Callable[..., "Scene"]


class HeldJob:
    """A job that the test has taken from the queue: in flight for as long as it likes."""

    def __init__(self, aws: SimulatedAws, launch: Launch) -> None:
        self._sqs, self._url = aws.light_client("sqs"), launch.queue_url
        answer = self._sqs.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=1, VisibilityTimeout=3600
        )
        self._receipt = answer["Messages"][0]["ReceiptHandle"]

    def give_back(self) -> None:
        """Let a worker have it."""
        self._sqs.change_message_visibility(
            QueueUrl=self._url, ReceiptHandle=self._receipt, VisibilityTimeout=0
        )


class Scene:
    """The run `Exp1`, as it was launched, and everything around it."""

    def __init__(
        self,
        aws: SimulatedAws,
        directory: Path,
        *,
        jobs: int = 6,
        machines: int = 2,
        hold_a_job: bool = False,
        neighbours: bool = True,
        auto_monitor: bool = True,
        scenario: Scenario = SHORT_JOBS,
        **more: Any,
    ) -> None:
        """`more` is for `launch_run`."""
        self.aws = aws
        self.computer = Computer(aws, directory / "computer")
        if neighbours:
            self._until_settled(launch_neighbours(aws, NAME, directory / "neighbours"))
        self._held: HeldJob | None = None
        # The world stands still meanwhile, so no worker is before us at the queue.
        with aws.world.timeline.lock:
            self.launch = launch_run(
                aws,
                NAME,
                jobs=jobs,
                machines=machines,
                directory=directory,
                cluster=f"{NAME}Cluster",
                auto_monitor=auto_monitor,
                scenario=scenario,
                **more,
            )
            if hold_a_job:
                self._held = HeldJob(aws, self.launch)
            self.before = self.held_by_aws()[1]

    @property
    def file(self) -> Path:
        """The monitor file."""
        return self.launch.monitor_file

    def give_the_job_back(self) -> None:
        """Let a worker have the job that was held."""
        assert self._held is not None
        self._held.give_back()

    def let_machines_come(self) -> None:
        """There is capacity from now on."""
        with self.aws.world.timeline.lock:
            self.launch.fleet.capacity_limit = None

    def until_machines_are_up(self, count: int) -> None:
        """Wait for the run's machines."""
        until(lambda: len(self.launch.live_instance_ids) >= count, "the machines do not come")

    def until_asked(self, pattern: str) -> None:
        """Wait until AWS was asked for something and has answered that it is done."""
        until(lambda: self.was_done(pattern), f"nobody asked for {pattern}")

    def until_begun(self, pattern: str, times: int) -> None:
        """Wait until AWS was asked for something so often, answered or not."""
        until(
            lambda: self.aws.requests.count(pattern) >= times,
            lambda: f"{pattern} was asked for {self.aws.requests.count(pattern)} times",
        )

    def until_hit(self, rule: FaultRule) -> None:
        """Wait until a fault has struck."""
        until(lambda: rule.hits > 0, f"{rule.pattern} was never struck")

    def was_done(self, pattern: str) -> bool:
        """Whether a call that matches has succeeded."""
        return any(record.status == 200 for record in self.aws.requests.matching(pattern))

    def held_by_aws(self) -> tuple[Snapshot, Snapshot]:
        """What AWS holds: the run's own, and everybody else's."""
        return belonging_to(snapshot(self.aws), self.launch)

    def causes(self) -> set[Cause | None]:
        """What ended the run's machines; None for those that are up."""
        with self.aws.world.timeline.lock:
            found = map(self.aws.world.machines.find, self.launch.instance_ids)
            return {machine.ended_by for machine in found if machine is not None}

    def resources_are_gone(self) -> Snapshot:
        """Assert that nothing of the run is left and nothing else was touched; the run's own."""
        own, others = self.held_by_aws()
        assert leftovers(own) == {}
        assert others == self.before, as_text(others)
        assert Cause.FLEET_SHRUNK not in self.causes()
        assert None not in self.causes()
        return own

    def is_done(self, *, outcome: str = "completed") -> dict[str, Any]:
        """Assert that the run has ended as it should; its status."""
        own = self.resources_are_gone()
        assert self.launch.killed_while_working == []
        assert self.launch.all_jobs_done(), self.launch.stats
        status = self.computer.status(NAME)
        assert status["state"] == "EXPORTED"
        assert status["outcome"] == outcome
        assert status["problems"] == []
        assert {step["name"]: step["ended"] for step in status["steps"]} == {
            step["name"]: "done" for step in status["steps"]
        }
        exported = {task["log_group"] for task in own["exports"].values()}
        assert exported == {self.launch.log_group, self.launch.per_instance_log_group}
        assert len(own["exports"]) == 2
        return status

    def _until_settled(self, neighbours: Neighbours) -> None:
        """Wait until the neighbours are at rest: only then they can be compared later."""
        world = self.aws.world

        def settled() -> bool:
            with world.timeline.lock:
                machines = [m for f in neighbours.fleet_ids for m in world.machines.of_fleet(f)]
            running = [m for m in machines if m.state is MachineState.RUNNING]
            return len(running) == len(neighbours.fleet_ids)

        until(settled, "the neighbours' machines do not come up")
