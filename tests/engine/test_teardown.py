"""TEARDOWN against the simulated AWS: what is removed, what is kept, what is waited for."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from dcp_engine.defaults import Settings
from dcp_engine.errors import StoreUnwritable
from dcp_engine.hookspecs import Context, StepResult, TeardownStep, hookimpl
from dcp_engine.model import Ended, Event, Holder, Outcome, RequestKind, Run, State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.neighbours import launch_neighbours
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from dcp_engine.store.protocol import Commit
from tests.engine.rig import Rig, leftovers

CANCEL = "ec2:CancelSpotFleetRequests"


def launched(aws: SimulatedAws, directory: Path, **changes: object) -> Launch:
    facts: dict[str, object] = {"jobs": 6, "machines": 3, "directory": directory, **changes}
    return launch_run(aws, "Exp1", **facts)  # type: ignore[arg-type]


def ended(run: Run, step: str) -> tuple[Ended | None, str]:
    found = run.step(step)
    assert found is not None
    return found.ended, found.reason or ""


def aborted(rig: Rig, launch: Launch) -> Run:
    """A run that works, and that a person has just given up."""
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    rig.ask(run, RequestKind.ABORT)
    return run


def test_cancelling_the_fleet_is_the_first_call_that_changes_anything(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    run = aborted(rig, launched(aws, tmp_path))
    clock.advance(300)
    seen = len(list(aws.requests))
    rig.tick(run)
    changing = [
        request.operation
        for request in list(aws.requests)[seen:]
        if not request.operation.startswith(("Describe", "Get", "List", "Head"))
    ]
    assert changing[0] == "CancelSpotFleetRequests"
    assert "DeleteService" in changing
    assert "DeleteQueue" in changing


def test_abort_ends_everything_and_says_so(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path, jobs=50, cluster="lab", auto_monitor=True)
    launch_neighbours(aws, "Exp1", tmp_path / "neighbours")
    clock.advance(200)
    _, before = rig.split(launch)
    run = rig.until_state(aborted(rig, launch), State.EXPORTED)
    own, others = rig.split(launch)
    assert run.outcome is Outcome.ABORTED
    assert leftovers(own) == {}
    assert others == before


def test_abort_before_the_first_tick_ends_everything_too(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path)
    run = rig.register(launch).run
    rig.ask(run, RequestKind.ABORT)
    rig.until_state(run, State.EXPORTED)
    own, _ = rig.split(launch)
    assert leftovers(own) == {}


def test_what_could_not_be_seen_at_the_abort_is_seen_and_removed_later(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path)
    run = rig.register(launch).run
    for service in ("sqs", "ecs"):
        aws.faults.add(f"{service}:*", Fault.DENIED, times=None)
    rig.ask(run, RequestKind.ABORT)
    for _ in range(5):
        rig.tick(run)
        clock.advance(60)
    assert not launch.live_instance_ids
    aws.faults.clear()
    rig.until_state(run, State.EXPORTED)
    own, _ = rig.split(launch)
    assert leftovers(own) == {}


@pytest.mark.matrix(
    "fault", [Fault.DENIED, Fault.THROTTLED, Fault.RESET, Fault.REPLY_LOST], sample=2
)
def test_nothing_that_fails_delays_the_fleets_end(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock, fault: Fault
) -> None:
    launch = launched(aws, tmp_path)
    run = aborted(rig, launch)
    clock.advance(300)
    for service in ("sqs", "ecs", "cloudwatch", "logs", "s3"):
        aws.faults.add(f"{service}:*", fault, times=None)
    rig.tick(run)
    assert launch.fleet.state != "active"
    for _ in range(10):
        clock.advance(60)
        rig.tick(run)
    assert not launch.live_instance_ids
    stuck = rig.run(run)
    assert stuck.state is State.TEARDOWN
    assert stuck.problem("step-service") is not None
    aws.faults.clear()
    rig.until_state(run, State.EXPORTED)
    own, _ = rig.split(launch)
    assert leftovers(own) == {}


def test_a_failing_step_backs_off_to_once_an_hour_when_the_money_has_stopped(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    run = aborted(rig, launched(aws, tmp_path))
    aws.faults.add("sqs:DeleteQueue", Fault.DENIED, times=None)
    end = clock.now() + timedelta(hours=12)
    while clock.now() < end:
        now = rig.tick(run).run
        pause = (now.next_tick_at or clock.now()) - clock.now()
        clock.advance(max(1.0, pause.total_seconds()))
    denied = [r for r in list(aws.requests) if r.operation == "DeleteQueue"]
    assert 10 < len(denied) < 25
    problem = rig.run(run).problem("step-queue")
    assert problem is not None
    assert problem.needs_person
    assert "nothing of this bills by the second" in problem.text
    name = run.names.app_name
    assert f"`dcp-engine waive {name} queue` would end the run without it" in problem.text


@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.DENIED, Fault.INTERNAL])
def test_a_fleet_that_cannot_be_cancelled_is_tried_every_minute(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock, fault: Fault
) -> None:
    launch = launched(aws, tmp_path)
    run = aborted(rig, launch)
    clock.advance(300)
    aws.faults.add(CANCEL, fault, times=None)
    for _ in range(30):
        rig.tick(run)
        clock.advance(60)
    problem = rig.run(run).problem("step-fleets")
    assert problem is not None
    assert "Machines may still be running" in problem.text
    assert "waive" not in problem.text
    aws.faults.clear()
    clock.advance(60)
    rig.tick(run)
    assert launch.fleet.state != "active"


def test_a_lost_reply_to_the_cancel_is_no_trouble(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path)
    run = aborted(rig, launch)
    aws.faults.add(CANCEL, Fault.REPLY_LOST, times=1)
    rig.until_state(run, State.EXPORTED)
    own, _ = rig.split(launch)
    assert leftovers(own) == {}


def test_a_fleet_cancelled_by_hand_and_left_running_is_ended_machine_by_machine(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path, jobs=50)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    clock.advance(400)
    rig.tick(run)
    aws.client("ec2").cancel_spot_fleet_requests(
        SpotFleetRequestIds=[launch.fleet_id], TerminateInstances=False
    )
    assert launch.live_instance_ids
    rig.ask(run, RequestKind.ABORT)
    rig.until_state(run, State.EXPORTED)
    assert not launch.live_instance_ids


def test_jobs_that_come_before_the_first_cancel_send_the_run_back(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path)
    run = rig.until_state(rig.register(launch).run, State.DRAINING)
    # The process dies between the decision and the first cancel; jobs come before the next tick.
    rig.until(run, lambda now: bool(now.reading and now.reading.empty))
    _commit_teardown(rig, run)
    launch.send_jobs(5)
    clock.advance(5)
    now = rig.tick(run).run
    assert now.state is State.RUNNING
    assert launch.fleet.state == "active"
    rig.until_state(run, State.EXPORTED)
    assert launch.all_jobs_done()


def _commit_teardown(rig: Rig, run: Run) -> None:
    """Leave the store as a process does that dies right after it decided for TEARDOWN."""
    holder = Holder(host="here/0", pid=999, started=1.0, label="monitor")
    lease = rig.store.acquire(run.id, holder, timedelta(seconds=1), rig.clock.now(), lambda _: True)
    now = rig.run(run)
    over = replace(now, state=State.TEARDOWN, outcome=Outcome.COMPLETED)
    rig.store.commit(lease, Commit(run=over))
    rig.store.release(lease)


def test_jobs_that_come_after_the_cancel_are_kept_in_their_queue(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path)
    run = rig.until_state(rig.register(launch).run, State.DRAINING)
    aws.faults.add("sqs:DeleteQueue", Fault.THROTTLED, times=None)
    rig.until_state(run, State.TEARDOWN)
    rig.tick(run)
    launch.send_jobs(2)
    aws.faults.clear()
    done = rig.until_state(run, State.EXPORTED)
    how, why = ended(done, "queue")
    assert how is Ended.KEPT
    assert "2 jobs" in why
    own, _ = rig.split(launch)
    assert own["queues"][launch.queue_name]


def test_a_shared_cluster_is_kept(aws: SimulatedAws, rig: Rig, tmp_path: Path) -> None:
    launch = launched(aws, tmp_path, cluster="lab")
    other = launch_run(aws, "Other", jobs=300, machines=1, directory=tmp_path, cluster="lab")
    done = rig.until_state(rig.register(launch).run, State.EXPORTED)
    how, why = ended(done, "cluster")
    assert how is Ended.KEPT
    assert "in use" in why
    assert other.fleet.state == "active"
    own, _ = rig.split(launch)
    assert own["clusters"]["lab"]["status"] == "ACTIVE"


def test_next_years_service_and_task_definitions_are_not_touched(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path)
    run = rig.until_state(rig.register(launch).run, State.DRAINING)
    aws.faults.add("ecs:*", Fault.DENIED, times=None)
    rig.until_state(run, State.TEARDOWN)
    rig.tick(run)
    aws.faults.clear()
    ecs = aws.client("ecs")
    ecs.update_service(cluster="default", service="Exp1Service", desiredCount=0)
    ecs.delete_service(cluster="default", service="Exp1Service")
    clock.advance(3600)
    newer = ecs.register_task_definition(
        family="Exp1Task", containerDefinitions=[{"name": "x", "image": "x", "memory": 1}]
    )["taskDefinition"]["taskDefinitionArn"]
    ecs.create_service(
        cluster="default", serviceName="Exp1Service", taskDefinition=newer, desiredCount=1
    )
    done = rig.until_state(run, State.EXPORTED)
    assert ended(done, "service")[0] is Ended.KEPT
    service = ecs.describe_services(cluster="default", services=["Exp1Service"])["services"][0]
    assert (service["status"], service["desiredCount"]) == ("ACTIVE", 1)
    assert (
        ecs.describe_task_definition(taskDefinition=newer)["taskDefinition"]["status"] == "ACTIVE"
    )


def swept(run: Run) -> bool:
    """Whether dead machines' alarms were looked for."""
    duty = run.duty("alarm-cleanup")
    return duty is not None and duty.last_at is not None


def test_alarms_that_a_stale_list_does_not_show_are_deleted_all_the_same(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    rig = make_rig(settings=Settings(alarm_sweep_interval=timedelta(seconds=10)))
    launch = launched(aws, tmp_path)
    aws.faults.add("cloudwatch:DescribeAlarms", Fault.STALE, times=None)
    run = rig.register(launch).run
    # What is answered first is what is answered ever after, and there is no alarm yet.
    rig.until(run, swept)
    assert not rig.split(launch)[0]["alarms"]
    rig.until_state(run, State.DRAINING)
    assert rig.split(launch)[0]["alarms"]
    rig.until_state(run, State.EXPORTED)
    assert not rig.split(launch)[0]["alarms"]


def test_a_missing_log_group_is_done_with_a_remark(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path)
    run = rig.until_state(rig.register(launch).run, State.DRAINING)
    aws.client("logs").delete_log_group(logGroupName="Exp1_perInstance")
    done = rig.until_state(run, State.EXPORTED)
    how, why = ended(done, "logs")
    assert how is Ended.DONE
    assert "there is no log group Exp1_perInstance" in why


def test_the_export_waits_for_the_accounts_one_slot(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path)
    logs = aws.client("logs")
    run = rig.until_state(rig.register(launch).run, State.TEARDOWN)
    for _ in range(5):
        clock.advance(60)
        logs.create_export_task(
            logGroupName="Exp1",
            fromTime=1,
            to=2,
            destination=launch.bucket,
            destinationPrefix="strangers",
        )
        rig.tick(run)
    waiting = rig.run(run)
    assert waiting.step("logs") is not None
    done = rig.until_state(run, State.EXPORTED)
    assert ended(done, "logs")[0] is Ended.DONE
    own = [e for e in rig.aws.world.exports.tasks if e.prefix != "strangers"]
    assert len(own) == 2


def test_an_export_whose_answer_was_lost_is_adopted_not_repeated(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path)
    run = rig.until_state(rig.register(launch).run, State.TEARDOWN)
    aws.faults.add("logs:CreateExportTask", Fault.REPLY_LOST, times=2)
    rig.until_state(run, State.EXPORTED)
    assert len(aws.world.exports.tasks) == 2


def test_a_bucket_that_refuses_the_export_is_a_problem_for_a_person(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path)
    aws.client("s3").delete_bucket_policy(Bucket=launch.bucket)
    run = rig.until_state(rig.register(launch).run, State.TEARDOWN)
    stuck = rig.until(run, lambda now: now.problem("step-logs") is not None)
    problem = stuck.problem("step-logs")
    assert problem is not None
    assert problem.needs_person
    others = {step.name for step in stuck.steps if step.ended is None}
    assert others == {"logs", "report", "last-look"}


def test_a_plugins_step_that_raises_is_named_and_holds_up_nothing_else(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    class Hostile:
        @hookimpl
        def teardown_steps(self) -> list[TeardownStep]:
            def explode(context: Context) -> StepResult:
                raise SystemExit("out of here")

            return [TeardownStep(name="hostile", run=explode)]

        @hookimpl
        def notify(self, run: Run, event: Event) -> None:
            raise ValueError("no network")

    launch = launched(aws, tmp_path)
    rig = make_rig(plugins={"hostile": Hostile()})
    run = rig.register(launch).run
    stuck = rig.until(
        run, lambda now: {s.name for s in now.steps if not s.ended} == {"hostile", "last-look"}
    )
    problem = stuck.problem("step-hostile")
    assert problem is not None
    assert "out of here" in problem.text
    own, _ = rig.split(launch)
    assert leftovers(own) == {}


def test_a_database_that_cannot_be_written_does_not_keep_the_fleet_running(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path)
    run = rig.until_state(rig.register(launch).run, State.DRAINING)
    rig.until(run, lambda now: bool(now.reading and now.reading.empty))
    _commit_teardown(rig, run)

    def full(*_: object, **__: object) -> None:
        raise StoreUnwritable("the disk is full")

    rig.store.acquire = full  # type: ignore[method-assign, assignment]
    with pytest.raises(StoreUnwritable):
        rig.tick(run)
    assert launch.fleet.state != "active"


def test_settings_reach_the_teardown(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    rig = make_rig(Settings(log_settle=timedelta(minutes=30)))
    run = rig.until_state(rig.register(launched(aws, tmp_path)).run, State.EXPORTED)
    assert run.machines_ended_at is not None
    assert run.state_since - run.machines_ended_at >= timedelta(minutes=30)
