"""What a teardown asks of AWS, in which order, and what it waits for."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dcp_engine.defaults import Settings
from dcp_engine.hookspecs import Context, StepResult, TeardownStep, done, hookimpl
from dcp_engine.model import Ended, RequestKind, Run, State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import launch_run
from dcp_engine.simulation.request_log import RecordedRequest
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.short_cuts import sockets_spared
from dcp_engine.simulation.timings import Timings
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.engine.rig import Rig, leftovers

AT_ONCE = Settings(log_settle=timedelta(0))
MINUTE = timedelta(minutes=1)
COUNT = "sqs:GetQueueAttributes"
CANCEL = "ec2:CancelSpotFleetRequests"
# Two pauses of half a second: before AWS is asked whether an export is done, for either group.
ASKED_AGAIN = timedelta(seconds=1)


@pytest.fixture
def aws(clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedAws]:
    """An AWS that has done everything by the next request."""
    with SimulatedAws(clock=clock, seed=1, timings=Timings.instant()) as simulated:
        for name, value in simulated.environment().items():
            monkeypatch.setenv(name, value)
        with sockets_spared(simulated):
            yield simulated


def about_to_end(aws: SimulatedAws, rig: Rig, directory: Path) -> Run:
    """A run whose next look finds that its work is over."""
    launch = launch_run(aws, "Exp1", jobs=3, machines=3, directory=directory, cluster="lab")

    def empty_for_long(now: Run) -> bool:
        seen = [reading.at for reading in now.readings if reading.empty]
        return bool(seen) and seen[-1] - seen[0] >= rig.settings.empty_window - MINUTE

    run = rig.until(rig.register(launch).run, empty_for_long)
    rig.clock.advance(60)
    return run


def asked_in(aws: SimulatedAws, look: Callable[[], object]) -> list[RecordedRequest]:
    """What was asked of AWS during a look."""
    before = len(aws.requests)
    look()
    return list(aws.requests)[before:]


def of_the_queue(request: RecordedRequest) -> bool:
    return request.name == COUNT and "Dead" not in str(request.params)


class Meeting:
    """Nobody of these leaves for AWS before all of them are about to."""

    def __init__(self, *operations: str) -> None:
        self._left = set(operations)
        self._all = threading.Barrier(len(operations))
        self._lock = threading.Lock()

    def reached(self, name: str) -> bool:
        operation = name.removeprefix("before aws ")
        with self._lock:
            comes = operation in self._left
            self._left.discard(operation)
        if comes:
            # Broken, and with it the steps, where the others only come after this one has gone.
            self._all.wait(20)
        return False


def test_the_jobs_are_counted_right_before_the_cancel_and_again_before_the_queue_goes(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    run = about_to_end(aws, rig, tmp_path)
    requests = asked_in(aws, lambda: rig.tick(run))
    assert rig.run(run).state is State.TEARDOWN
    names = [request.name for request in requests]
    cancel, delete = names.index(CANCEL), names.index("sqs:DeleteQueue")
    assert names[cancel - 2] == COUNT
    assert of_the_queue(requests[cancel - 2])
    assert sum(map(of_the_queue, requests[cancel:delete])) == 1


def test_steps_that_are_tried_together_ask_once_whose_queue_and_service_these_are(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    run = about_to_end(aws, rig, tmp_path)
    requests = asked_in(aws, lambda: rig.tick(run))
    after = requests[[request.name for request in requests].index(CANCEL) :]
    names = [request.name for request in after]
    assert names[: names.index("sqs:DeleteQueue")].count(COUNT) == 1
    assert names[: names.index("ecs:UpdateService")].count("ecs:DescribeServices") == 1


def test_both_log_groups_take_one_look_and_have_the_same_end(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    rig = make_rig(AT_ONCE)
    run = about_to_end(aws, rig, tmp_path)
    requests = asked_in(aws, lambda: rig.until_state(run, State.EXPORTED))
    assert [request.name for request in requests].count("logs:DescribeLogGroups") == 1
    exported = [r.params for r in requests if r.name == "logs:CreateExportTask"]
    assert [each["logGroupName"] for each in exported] == ["Exp1", "Exp1_perInstance"]
    assert exported[0]["to"] == exported[1]["to"]


def test_a_group_has_a_look_of_its_own_where_machines_may_still_write_to_it(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    rig = make_rig(AT_ONCE)
    run = about_to_end(aws, rig, tmp_path)
    aws.faults.add("ec2:DescribeInstances", Fault.DENIED, times=None)
    rig.until_state(run, State.TEARDOWN)
    rig.ask(run, RequestKind.WAIVE, step="fleets")
    requests = asked_in(
        aws, lambda: rig.until(run, lambda now: bool(now.ended("logs")), every=timedelta(seconds=1))
    )
    exported = [r.params for r in requests if r.name == "logs:CreateExportTask"]
    assert len(exported) == 2
    assert exported[0]["to"] < exported[1]["to"]


def test_the_steps_that_do_not_need_each_other_are_in_flight_at_once(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    rig = make_rig(AT_ONCE)
    run = about_to_end(aws, rig, tmp_path)
    first_of_each = (
        COUNT,
        "ecs:DescribeServices",
        "ecs:ListTaskDefinitions",
        "cloudwatch:DescribeAlarms",
        "logs:DescribeLogGroups",
    )
    meeting = Meeting(*first_of_each)

    class AfterTheCancel:
        cancelled = False

        def reached(self, name: str) -> bool:
            self.cancelled = self.cancelled or name == f"after aws {CANCEL}"
            return self.cancelled and meeting.reached(name)

    rig.kill_at(AfterTheCancel())
    now = rig.tick(run).run
    assert now.state is State.TEARDOWN
    assert {problem.name for problem in now.problems} == set()
    tried = {step.name: step for step in now.steps if step.attempts}
    assert {"queue", "service", "task-definitions", "alarms", "logs"} <= tried.keys()
    assert not any(step.failures for step in tried.values())


def test_nothing_is_waited_for_but_aws(
    aws: SimulatedAws,
    make_rig: Callable[..., Rig],
    clock: VirtualClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = make_rig(AT_ONCE)
    run = about_to_end(aws, rig, tmp_path)
    slept: list[float] = []
    monkeypatch.setattr(clock, "sleep", slept.append)
    began = clock.now()
    ended = rig.until_state(run, State.EXPORTED)
    assert ended.state_since - began <= ASKED_AGAIN
    assert slept == []
    assert {step.name for step in ended.steps if step.ended is Ended.DONE} >= {
        "fleets",
        "queue",
        "service",
        "task-definitions",
        "cluster",
        "alarms",
        "logs",
        "report",
        "last-look",
    }


def test_a_queue_that_was_looked_at_too_long_ago_is_looked_at_again_before_it_goes(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    """Jobs come while ECS keeps everybody waiting who asks whose the service is."""
    launch = launch_run(aws, "Exp1", jobs=3, machines=3, directory=tmp_path, cluster="lab")
    run = rig.until_state(rig.register(launch).run, State.DRAINING)
    rig.until(run, lambda now: len(now.readings) == 3)

    def jobs_come(params: object) -> bool:
        if launch.fleet.state != "active" and not came:
            came.append(True)
            aws.clock.sleep(30)
            launch.send_jobs(2)
        return False

    came: list[bool] = []
    aws.faults.add("ecs:DescribeServices", Fault.DENIED, times=None, match=jobs_come)
    done = rig.until_state(run, State.EXPORTED)
    assert came
    queue = done.step("queue")
    assert queue is not None
    assert queue.ended is Ended.KEPT
    assert "2 jobs are in it" in (queue.reason or "")
    own, _ = rig.split(launch)
    assert own["queues"][launch.queue_name]


def test_a_plugins_step_looks_for_itself_each_time(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    seen: list[object] = []

    class Looker:
        @hookimpl
        def teardown_steps(self) -> list[TeardownStep]:
            def look(context: Context) -> StepResult:
                url = context.run.identities.queue_url
                seen.extend([context.aws.queue.look(url), context.aws.queue.look(url)])
                return done("looked")

            return [TeardownStep(name="looker", run=look)]

    rig = make_rig(plugins={"looker": Looker()})
    launch = launch_run(aws, "Exp1", jobs=50, machines=3, directory=tmp_path, cluster="lab")
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    rig.ask(run, RequestKind.ABORT, keep_queue=True)
    requests = asked_in(aws, lambda: rig.tick(run))
    after = [request.name for request in requests]
    assert len(seen) == 2
    assert after[after.index(CANCEL) :].count(COUNT) == 3


def test_shared_looks_take_nothing_from_what_an_abort_ends(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launch_run(aws, "Exp1", jobs=50, machines=3, directory=tmp_path, cluster="lab")
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    rig.ask(run, RequestKind.ABORT)
    rig.until_state(run, State.EXPORTED)
    own, _ = rig.split(launch)
    assert leftovers(own) == {}
