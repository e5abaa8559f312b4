"""How runs end when things do not go as planned, and what people may wish for meanwhile."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from dcp_engine.model import Ended, Outcome, RequestKind, State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.request_log import RecordedRequest
from dcp_engine.simulation.runs import Scenario
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.engine.rig import Rig, leftovers


def launched(aws: SimulatedAws, directory: Path, **changes: object) -> Launch:
    facts: dict[str, object] = {"jobs": 6, "machines": 2, "directory": directory, **changes}
    return launch_run(aws, "Exp1", **facts)  # type: ignore[arg-type]


def _is_of(launch: Launch, record: RecordedRequest) -> bool:
    return str(record.params["QueueUrl"]).endswith(f"/{launch.queue_name}")


def rewrite(launch: Launch, **values: str) -> None:
    path = launch.monitor_file
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_jobs_that_expire_are_not_completed(aws: SimulatedAws, rig: Rig, tmp_path: Path) -> None:
    launch = launched(aws, tmp_path, scenario=Scenario(capacity_limit=0))
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    rig.until(run, lambda now: len(now.readings) > 3)
    aws.client("sqs").purge_queue(QueueUrl=launch.queue_url)
    done = rig.until_state(run, State.EXPORTED)
    assert done.outcome is Outcome.JOBS_EXPIRED


def test_a_vanished_queue_ends_the_run_after_the_machines_grace(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path, jobs=60)
    run = rig.until(rig.register(launch).run, lambda now: bool(now.active_machines))
    aws.client("sqs").delete_queue(QueueUrl=launch.queue_url)
    rig.until(run, lambda now: now.orphans_until is not None)
    assert launch.fleet.state == "active"
    assert rig.run(run).problem("queue-missing") is not None
    done = rig.until_state(run, State.EXPORTED)
    assert done.outcome is Outcome.QUEUE_VANISHED
    assert not done.problems
    graced = rig.events(run, "orphan-grace")[0]
    stopped = rig.events(run, "stopping")[0]
    assert stopped.at - graced.at >= timedelta(minutes=15)
    own, _ = rig.split(launch)
    assert leftovers(own) == {}


def test_a_queue_made_anew_under_the_same_name_is_somebody_elses(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path, scenario=Scenario(capacity_limit=0))
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    sqs = aws.client("sqs")
    sqs.delete_queue(QueueUrl=launch.queue_url)
    clock.advance(130)
    sqs.create_queue(QueueName=launch.queue_name)
    sqs.send_message(QueueUrl=launch.queue_url, MessageBody="next year's")
    done = rig.until_state(run, State.EXPORTED)
    assert done.outcome is Outcome.QUEUE_VANISHED
    own, _ = rig.split(launch)
    assert launch.queue_name in own["queues"]


def test_no_capacity_is_told_daily_counts_slowly_and_ends_with_a_new_fleet(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path, jobs=20, scenario=Scenario(capacity_limit=0))
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    aws.client("ec2").cancel_spot_fleet_requests(
        SpotFleetRequestIds=[launch.fleet_id], TerminateInstances=True
    )
    rig.until(run, lambda now: now.problem("no-capacity") is not None)
    counts = aws.requests.matching
    before = sum(_is_of(launch, record) for record in counts("sqs:GetQueueAttributes"))
    end = clock.now() + timedelta(days=2, hours=1)
    rig.until(run, lambda _: clock.now() >= end, within=timedelta(days=3))
    asked = sum(_is_of(launch, record) for record in counts("sqs:GetQueueAttributes")) - before
    assert 49 * 5 <= asked <= 49 * 6 + 3
    assert len(rig.events(run, "problem-lasts")) == 2
    launch.plan.scenario = Scenario()
    launch.start_another_fleet(2)
    done = rig.until_state(run, State.EXPORTED)
    assert done.outcome is Outcome.COMPLETED
    assert launch.all_jobs_done()


def test_a_rewritten_monitor_file_is_read_again_without_being_registered(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path, jobs=30)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    second = launch.start_another_fleet(2)
    clock.advance(60)
    assert second in rig.tick(run).run.fleet_ids
    assert rig.events(run, "fleet-added")
    done = rig.until_state(run, State.EXPORTED)
    own, _ = rig.split(launch)
    assert leftovers(own) == {}
    assert done.earliest_start <= done.registered_at


@pytest.mark.parametrize("damage", ["", "{", '{"MONITOR_FLEET_ID": 1}', "\x00\x01"])
def test_a_monitor_file_that_breaks_changes_nothing(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock, damage: str
) -> None:
    launch = launched(aws, tmp_path, jobs=30)
    good = launch.monitor_file.read_text()
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    launch.monitor_file.write_text(damage)
    clock.advance(60)
    broken = rig.tick(run).run
    assert broken.problem("monitor-file") is not None
    assert broken.fleet_ids == run.fleet_ids
    launch.monitor_file.write_text(good)
    clock.advance(60)
    assert rig.tick(run).run.problem("monitor-file") is None


def test_a_monitor_file_that_disappears_is_no_trouble(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    launch.monitor_file.unlink()
    done = rig.until_state(run, State.EXPORTED)
    assert done.outcome is Outcome.COMPLETED
    assert not rig.events(run, "problem")


@pytest.mark.parametrize(
    "changed",
    [
        {"MONITOR_BUCKET_NAME": "elsewhere"},
        {"MONITOR_QUEUE_NAME": "OtherQueue"},
        {"MONITOR_APP_NAME": "Exp2"},
    ],
)
def test_a_monitor_file_that_became_another_runs_adopts_nothing(
    aws: SimulatedAws,
    rig: Rig,
    tmp_path: Path,
    clock: VirtualClock,
    changed: dict[str, str],
) -> None:
    launch = launched(aws, tmp_path, jobs=30)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    stranger = launch_run(aws, "Other", jobs=5, machines=1, directory=tmp_path / "other")
    rewrite(launch, MONITOR_FLEET_ID=stranger.fleet_id, **changed)
    clock.advance(60)
    now = rig.tick(run).run
    problem = now.problem("monitor-file")
    assert problem is not None
    assert next(iter(changed.values())) in problem.text
    assert now.fleet_ids == run.fleet_ids
    rig.ask(run, RequestKind.ABORT)
    rig.until_state(run, State.EXPORTED)
    assert stranger.fleet.state == "active"


def test_a_new_run_of_the_same_name_is_untouched_by_the_old_ones_teardown(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    old = launched(aws, tmp_path / "old", cluster="lab", auto_monitor=False)
    run = rig.until_state(rig.register(old).run, State.TEARDOWN)
    aws.faults.add("logs:*", Fault.DENIED, times=None)
    rig.until(
        run,
        lambda now: {s.name for s in now.steps if not s.ended} == {"logs", "report", "last-look"},
    )
    clock.advance(3600)
    new = launched(aws, tmp_path / "new", jobs=200, machines=3, cluster="lab")
    clock.advance(300)
    aws.faults.clear()
    rig.until_state(run, State.EXPORTED)
    assert new.fleet.state == "active"
    assert new.live_instance_ids
    own, _ = rig.split(new)
    assert new.queue_name in own["queues"]
    assert own["services"]["lab/Exp1Service"]["status"] == "ACTIVE"
    assert own["clusters"]["lab"]["status"] == "ACTIVE"
    live = {f"Exp1_{instance_id}" for instance_id in new.live_instance_ids}
    assert live <= set(own["alarms"])
    again = rig.register(new)
    assert again.new
    assert again.run.id != run.id


def test_a_run_nobody_looked_at_for_three_months(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path, jobs=30)
    run = rig.until(rig.register(launch).run, lambda now: bool(now.active_machines))
    aws.client("ec2").cancel_spot_fleet_requests(
        SpotFleetRequestIds=[launch.fleet_id], TerminateInstances=True
    )
    aws.client("sqs").purge_queue(QueueUrl=launch.queue_url)
    clock.advance(90 * 24 * 3600)
    done = rig.until_state(run, State.EXPORTED)
    assert done.outcome is Outcome.JOBS_EXPIRED
    assert "90 days" in rig.events(run, "long-absence")[0].text
    own, _ = rig.split(launch)
    assert leftovers(own) == {}


def test_a_fleet_near_its_end_date_is_a_problem(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path, jobs=30)
    launch.fleet.config["ValidUntil"] = clock.now() + timedelta(hours=5)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    problem = rig.run(run).problem("fleet-ends")
    assert problem is not None
    assert "05:00 UTC" in problem.text


def test_waiving_a_step_lets_the_run_end_and_leaves_the_thing(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path)
    run = rig.until_state(rig.register(launch).run, State.DRAINING)
    aws.faults.add("sqs:DeleteQueue", Fault.DENIED, times=None)
    rig.until(run, lambda now: now.problem("step-queue") is not None)
    rig.ask(run, RequestKind.WAIVE, step="queue")
    done = rig.until_state(run, State.EXPORTED)
    step = done.step("queue")
    assert step is not None
    assert step.ended is Ended.WAIVED
    assert not done.problems
    own, _ = rig.split(launch)
    assert launch.queue_name in own["queues"]


def test_waiving_what_has_ended_changes_nothing(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path)
    run = rig.until_state(rig.register(launch).run, State.TEARDOWN)
    rig.until(run, lambda now: (s := now.step("queue")) is not None and s.ended is not None)
    for name in ("queue", "nonsense"):
        rig.ask(run, RequestKind.WAIVE, step=name)
        rig.clock.advance(1)
    done = rig.until_state(run, State.EXPORTED)
    step = done.step("queue")
    assert step is not None
    assert step.ended is Ended.DONE


@pytest.mark.parametrize("state", [State.RUNNING, State.TEARDOWN])
def test_release_touches_nothing(aws: SimulatedAws, rig: Rig, tmp_path: Path, state: State) -> None:
    launch = launched(aws, tmp_path)
    if state is State.TEARDOWN:
        aws.faults.add("ecs:*", Fault.DENIED, times=None)
    run = rig.until_state(rig.register(launch).run, state)
    before = rig.split(launch)
    rig.ask(run, RequestKind.RELEASE)
    released = rig.tick(run).run
    assert (released.state, released.outcome) == (State.EXPORTED, Outcome.RELEASED)
    after = rig.split(launch)
    for kind in ("queues", "alarms", "services", "clusters", "task_definitions", "dashboards"):
        assert after[0][kind] == before[0][kind]
    again = rig.register(launch)
    assert again.new


def test_abort_can_keep_the_queue_and_its_jobs(aws: SimulatedAws, rig: Rig, tmp_path: Path) -> None:
    launch = launched(aws, tmp_path, jobs=40)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    rig.ask(run, RequestKind.ABORT, keep_queue=True)
    done = rig.until_state(run, State.EXPORTED)
    step = done.step("queue")
    assert step is not None
    assert step.ended is Ended.KEPT
    own, _ = rig.split(launch)
    assert launch.queue_name in own["queues"]


def test_a_clock_that_jumps_confirms_nothing(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path, jobs=2)
    run = rig.until_state(rig.register(launch).run, State.DRAINING)
    rig.until(run, lambda now: bool(now.reading and now.reading.empty))
    # The computer's clock runs hours ahead, AWS's does not: two counts in quick succession.
    local = rig.clock

    class Ahead(VirtualClock):
        def now(self):  # type: ignore[no-untyped-def]
            return local.now() + timedelta(hours=5)

        def monotonic(self) -> float:
            return local.monotonic()

        def sleep(self, seconds: float) -> None:
            local.sleep(seconds)

    rig.clock = Ahead()
    rig.restart(died=True)
    for _ in range(4):
        assert rig.tick(run).run.state is State.DRAINING


def test_a_laptop_that_slept_counts_anew(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path, jobs=2)
    run = rig.until_state(rig.register(launch).run, State.DRAINING)
    rig.until(run, lambda now: bool(now.reading and now.reading.empty))
    clock.advance(8 * 3600)
    slept = rig.tick(run).run
    assert slept.state is State.DRAINING
    assert len(slept.readings) == 1
    rig.until_state(run, State.EXPORTED)
