"""Neighbours that drive the same run: another computer's dcp-engine, and Auto-Monitor."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dcp_engine.driver_tag import KEY, VALIDITY, DriverTag
from dcp_engine.errors import Refused
from dcp_engine.model import Outcome, RequestKind, Run, State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import Launch, launch_run, queue_alarm_names
from dcp_engine.simulation.runs import Scenario
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.engine.rig import Rig, leftovers

MakeRig = Callable[..., Rig]
TAG, UNTAG = "ec2:CreateTags", "ec2:DeleteTags"
LOOK = "ec2:DescribeSpotFleetRequests"
READS = ("Describe", "Get", "List", "Head")


# Few jobs that take long: two machines and more have work for a day.
LONG_WORK: dict[str, object] = {
    "jobs": 30,
    "scenario": Scenario(job_duration=(7200.0, 7200.0)),
    "visibility_timeout": 10_000,
}


def launched(aws: SimulatedAws, directory: Path, **changes: object) -> Launch:
    facts: dict[str, object] = {"jobs": 60, "machines": 3, "directory": directory, **changes}
    return launch_run(aws, "Exp1", **facts)  # type: ignore[arg-type]


def mark(launch: Launch) -> str | None:
    """The driver's mark that the fleet carries."""
    return next((tag["Value"] for tag in launch.fleet.tags if tag["Key"] == KEY), None)


def put_mark(launch: Launch, clock: VirtualClock, hours: float) -> None:
    """Another computer's mark, which holds for so long."""
    value = str(DriverTag(store="another", until=clock.now() + timedelta(hours=hours)))
    others = [tag for tag in launch.fleet.tags if tag["Key"] != KEY]
    launch.fleet.tags = [*others, {"Key": KEY, "Value": value}]


def changes_made(aws: SimulatedAws, since: int) -> list[str]:
    return [
        name for name in aws.requests.names()[since:] if not name.split(":")[1].startswith(READS)
    ]


def for_hours(rig: Rig, run: Run, hours: float, every: float = 60) -> Run:
    end = rig.clock.now() + timedelta(hours=hours)
    while rig.clock.now() < end:
        rig.tick(run)
        rig.clock.advance(every)
    return rig.run(run)


def armed(aws: SimulatedAws) -> list[str]:
    found = aws.client("cloudwatch").describe_alarms(AlarmNames=queue_alarm_names("Exp1"))
    return [alarm["AlarmName"] for alarm in found["MetricAlarms"] if alarm["ActionsEnabled"]]


def test_the_first_drive_marks_the_fleet_and_keeps_its_other_tags(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path)
    run = rig.register(launch).run
    assert mark(launch) is None
    rig.tick(run)
    store, _, until = (mark(launch) or "").partition(" ")
    assert store == rig.store.identity()
    assert until == (clock.now() + VALIDITY).replace(microsecond=0).isoformat()
    shown = aws.client("ec2").describe_spot_fleet_requests(SpotFleetRequestIds=[launch.fleet_id])
    tags = {tag["Key"]: tag["Value"] for tag in shown["SpotFleetRequestConfigs"][0]["Tags"]}
    assert tags == {"Name": "Exp1SpotFleet", KEY: mark(launch)}


def test_the_mark_is_renewed_well_within_its_time_and_costs_no_look_of_its_own(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path, **LONG_WORK)
    run = rig.until(rig.register(launch).run, lambda now: bool(now.active_machines))
    looks, marks = aws.requests.count(LOOK), aws.requests.count(TAG)
    for _ in range(6 * 60):
        rig.tick(run)
        value = mark(launch)
        assert value is not None
        assert value.partition(" ")[2] > clock.now().isoformat()
        clock.advance(60)
    assert 5 <= aws.requests.count(TAG) - marks <= 7
    modified = aws.requests.count("ec2:ModifySpotFleetRequest")
    assert aws.requests.count(LOOK) - looks <= 6 * 6 + 2 + modified


def test_a_run_that_another_computer_drives_is_not_registered(
    aws: SimulatedAws, rig: Rig, make_rig: MakeRig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path)
    rig.tick(rig.register(launch).run)
    other = make_rig()
    with pytest.raises(Refused, match="another computer") as refused:
        other.register(launch)
    assert "--take-over" in str(refused.value)
    assert "UTC" in str(refused.value)
    assert other.store.runs() == []


def test_a_live_foreign_mark_makes_this_driver_step_back_and_count_on(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path, jobs=5)
    run = rig.register(launch).run
    put_mark(launch, clock, hours=3)
    before = len(aws.requests.names())
    now = for_hours(rig, run, 2.5)
    assert changes_made(aws, before) == []
    assert (launch.fleet.state, launch.fleet.target) == ("active", 3)
    assert aws.requests.count("sqs:GetQueueAttributes") >= 150
    problem = now.problem("driven-elsewhere")
    assert problem is not None
    assert problem.needs_person
    assert "resume Exp1 --take-over" in problem.text
    told = [e for e in rig.events(run, "problem") if e.data["problem"] == "driven-elsewhere"]
    assert len(told) == 1


def test_a_mark_that_lapsed_is_replaced_and_the_run_goes_on(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path, **LONG_WORK)
    run = rig.register(launch).run
    put_mark(launch, clock, hours=1)
    assert for_hours(rig, run, 0.5).problem("driven-elsewhere") is not None
    now = for_hours(rig, run, 0.8)
    assert now.problem("driven-elsewhere") is None
    assert (mark(launch) or "").startswith(rig.store.identity())


def test_a_lapsed_mark_at_registration_is_nobodys(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path)
    put_mark(launch, clock, hours=-1)
    run = rig.register(launch).run
    assert rig.tick(run).run.problem("driven-elsewhere") is None
    assert (mark(launch) or "").startswith(rig.store.identity())


def test_an_abort_here_does_not_end_what_another_computer_drives(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path, **LONG_WORK)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    put_mark(launch, clock, hours=3)
    rig.ask(run, RequestKind.ABORT)
    before = len(aws.requests.names())
    now = for_hours(rig, run, 1)
    assert now.state is State.TEARDOWN
    assert now.problem("driven-elsewhere") is not None
    assert changes_made(aws, before) == []
    assert launch.fleet.state == "active"
    rig.ask(run, RequestKind.TAKE_OVER)
    rig.until_state(run, State.EXPORTED)
    own, _ = rig.split(launch)
    assert leftovers(own) == {}


def test_a_mark_found_just_before_the_first_cancel_stops_it(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path, jobs=6)
    run = rig.until_state(rig.register(launch).run, State.DRAINING)
    rig.until(run, lambda now: bool(now.reading and now.reading.empty))
    put_mark(launch, clock, hours=3)
    # The next look at the fleets is not due yet, so only the look before the cancel can tell.
    stepped = rig.until(run, lambda now: now.problem("driven-elsewhere") is not None)
    assert stepped.first_cancel_at is None
    assert launch.fleet.state == "active"


@pytest.mark.parametrize("fault", [Fault.DENIED, Fault.THROTTLED, Fault.RESET, Fault.HTML])
def test_a_look_before_the_cancel_that_fails_delays_nothing(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock, fault: Fault
) -> None:
    launch = launched(aws, tmp_path)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    rig.ask(run, RequestKind.ABORT)
    aws.faults.add(LOOK, fault, times=None)
    rig.tick(run)
    assert launch.fleet.state != "active"


def test_take_over_at_registration_and_the_other_one_steps_back(
    aws: SimulatedAws, rig: Rig, make_rig: MakeRig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path, jobs=90)
    first = rig.until_state(rig.register(launch).run, State.RUNNING)
    other = make_rig()
    second = other.register(launch, take_over=True).run
    other.tick(second)
    assert (mark(launch) or "").startswith(other.store.identity())
    assert other.run(second).problem("driven-elsewhere") is None
    clock.advance(700)
    assert rig.tick(first).run.problem("driven-elsewhere") is not None
    before = len(aws.requests.names())
    for_hours(rig, first, 0.3)
    assert changes_made(aws, before) == []
    done = other.until_state(second, State.EXPORTED)
    assert done.outcome is Outcome.COMPLETED
    assert launch.all_jobs_done()


def test_taking_over_back_again_works(
    aws: SimulatedAws, rig: Rig, make_rig: MakeRig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path, **LONG_WORK)
    first = rig.until_state(rig.register(launch).run, State.RUNNING)
    other = make_rig()
    second = other.register(launch, take_over=True).run
    other.tick(second)
    clock.advance(700)
    assert rig.tick(first).run.problem("driven-elsewhere") is not None
    rig.ask(first, RequestKind.TAKE_OVER)
    taken = rig.tick(first).run
    assert taken.problem("driven-elsewhere") is None
    assert taken.taking_over is None
    assert rig.events(first, "take-over")
    assert (mark(launch) or "").startswith(rig.store.identity())
    clock.advance(700)
    assert other.tick(second).run.problem("driven-elsewhere") is not None


@pytest.mark.parametrize("fault", [Fault.DENIED, Fault.THROTTLED])
def test_a_mark_that_cannot_be_written_is_a_mild_problem_and_no_more(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock, fault: Fault
) -> None:
    launch = launched(aws, tmp_path, jobs=12)
    run = rig.register(launch).run
    aws.faults.add(TAG, fault, times=None)
    now = rig.until_state(run, State.RUNNING)
    problem = now.problem("unclaimed")
    assert problem is not None
    assert not problem.needs_person
    assert ("Grant ec2:CreateTags" in problem.text) == (fault is Fault.DENIED)
    done = rig.until_state(run, State.EXPORTED)
    assert done.outcome is Outcome.COMPLETED
    assert not done.problems


def test_the_problem_ends_when_the_mark_can_be_written(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path, **LONG_WORK)
    aws.faults.add(TAG, Fault.DENIED, times=None)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    assert run.problem("unclaimed") is not None
    aws.faults.clear()
    assert for_hours(rig, run, 0.3).problem("unclaimed") is None


def test_taking_over_without_the_right_to_mark_drives_all_the_same(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path, jobs=12)
    put_mark(launch, clock, hours=48)
    aws.faults.add(TAG, Fault.DENIED, times=None)
    run = rig.register(launch, take_over=True).run
    done = rig.until_state(run, State.EXPORTED)
    assert done.outcome is Outcome.COMPLETED
    own, _ = rig.split(launch)
    assert leftovers(own) == {}


def test_releasing_takes_our_mark_away_and_another_computer_can_register(
    aws: SimulatedAws, rig: Rig, make_rig: MakeRig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path, **LONG_WORK)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    assert mark(launch)
    rig.ask(run, RequestKind.RELEASE)
    assert rig.tick(run).run.outcome is Outcome.RELEASED
    assert mark(launch) is None
    assert {tag["Key"] for tag in launch.fleet.tags} == {"Name"}
    assert make_rig().register(launch).new


def test_releasing_leaves_a_mark_that_is_not_ours(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path, **LONG_WORK)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    put_mark(launch, clock, hours=3)
    rig.ask(run, RequestKind.RELEASE)
    rig.tick(run)
    assert (mark(launch) or "").startswith("another ")


@pytest.mark.parametrize("fault", [Fault.DENIED, Fault.EXPIRED, Fault.RESET])
def test_a_release_goes_through_where_the_mark_cannot_be_taken_away(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, fault: Fault
) -> None:
    launch = launched(aws, tmp_path, **LONG_WORK)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    rig.ask(run, RequestKind.RELEASE)
    aws.faults.add(UNTAG, fault, times=None)
    released = rig.tick(run).run
    assert (released.state, released.outcome) == (State.EXPORTED, Outcome.RELEASED)
    assert not released.problems


def test_a_full_disk_does_not_end_what_another_computer_drives(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path, **LONG_WORK)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    put_mark(launch, clock, hours=3)
    rig.ask(run, RequestKind.ABORT)
    stuck = rig.tick(run).run
    assert (stuck.state, stuck.first_cancel_at) == (State.TEARDOWN, None)
    clock.advance(60)
    rig.engine.stop_without_memory(stuck)
    assert launch.fleet.state == "active"
    clock.advance(3 * 3600)
    rig.engine.stop_without_memory(stuck)
    assert launch.fleet.state != "active"


def test_auto_monitors_alarms_are_named_at_registration_with_what_they_would_do(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path, auto_monitor=True)
    registered = rig.register(launch)
    (remark,) = registered.remarks
    for word in (*queue_alarm_names("Exp1"), "single zero", "--take-over"):
        assert word in remark
    now = rig.tick(registered.run).run
    problem = now.problem("auto-monitor-armed")
    assert problem is not None
    assert problem.text == remark
    told = [e for e in rig.events(now, "problem") if e.data["problem"] == "auto-monitor-armed"]
    assert len(told) == 1
    assert armed(aws) == sorted(queue_alarm_names("Exp1"))


def test_without_auto_monitor_nothing_is_said(aws: SimulatedAws, rig: Rig, tmp_path: Path) -> None:
    launch_run(aws, "Exp10", jobs=3, machines=1, directory=tmp_path, auto_monitor=True)
    registered = rig.register(launched(aws, tmp_path))
    assert registered.remarks == ()
    assert rig.tick(registered.run).run.problem("auto-monitor-armed") is None


@pytest.mark.parametrize("fault", [Fault.DENIED, Fault.THROTTLED, Fault.HTML, Fault.EMPTY_BODY])
def test_alarms_that_cannot_be_looked_at_do_not_hinder_registering(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, fault: Fault
) -> None:
    launch = launched(aws, tmp_path, auto_monitor=True)
    aws.faults.add("cloudwatch:DescribeAlarms", fault, times=None)
    assert rig.register(launch).new


def test_take_over_disarms_exactly_the_two(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path, **LONG_WORK, auto_monitor=True)
    launch_run(aws, "Exp10", jobs=3, machines=1, directory=tmp_path, auto_monitor=True)
    run = rig.until(rig.register(launch).run, lambda now: bool(now.active_machines))
    clock.advance(300)
    rig.ask(run, RequestKind.TAKE_OVER)
    now = rig.tick(run).run
    assert now.problem("auto-monitor-armed") is None
    assert not now.disarming
    assert armed(aws) == []
    assert rig.events(run, "auto-monitor")[0].data["alarms"] == sorted(queue_alarm_names("Exp1"))
    found = aws.client("cloudwatch").describe_alarms(MaxRecords=100)["MetricAlarms"]
    disarmed = {alarm["AlarmName"] for alarm in found if not alarm["ActionsEnabled"]}
    assert disarmed == set(queue_alarm_names("Exp1"))
    assert len(found) > 4


def test_taking_over_at_registration_disarms_in_the_first_tick(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path, auto_monitor=True)
    registered = rig.register(launch, take_over=True)
    assert registered.remarks == ()
    rig.tick(registered.run)
    assert armed(aws) == []


def test_alarms_that_may_not_be_disarmed_are_tried_again_and_told(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path, **LONG_WORK, auto_monitor=True)
    aws.faults.add("cloudwatch:DisableAlarmActions", Fault.DENIED, times=None)
    run = rig.until_state(rig.register(launch, take_over=True).run, State.RUNNING)
    problem = run.problem("auto-monitor-armed")
    assert problem is not None
    assert "cloudwatch:DisableAlarmActions" in problem.text
    assert armed(aws)
    aws.faults.clear()
    now = for_hours(rig, run, 0.3)
    assert now.problem("auto-monitor-armed") is None
    assert armed(aws) == []


def test_the_problem_ends_when_a_person_disarms_them(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path, **LONG_WORK, auto_monitor=True)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    assert run.problem("auto-monitor-armed") is not None
    aws.client("cloudwatch").disable_alarm_actions(AlarmNames=queue_alarm_names("Exp1"))
    assert for_hours(rig, run, 0.3).problem("auto-monitor-armed") is None
    assert not rig.events(run, "auto-monitor")


def test_who_steps_back_disarms_nothing(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launched(aws, tmp_path, **LONG_WORK, auto_monitor=True)
    aws.faults.add("cloudwatch:DisableAlarmActions", Fault.DENIED, times=None)
    run = rig.until_state(rig.register(launch, take_over=True).run, State.RUNNING)
    aws.faults.clear()
    put_mark(launch, clock, hours=3)
    before: Any = len(aws.requests.names())
    for_hours(rig, run, 0.5)
    assert changes_made(aws, before) == []
    assert armed(aws)
