"""Every machine has its idle alarm, whoever placed it, and none is left behind."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from dcp_engine.defaults import Settings
from dcp_engine.model import RequestKind, State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.machines import Cause
from dcp_engine.simulation.server import SimulatedAws
from tests.engine.fleet_watch import (
    NEVER,
    WORKS,
    alarms,
    end,
    idle_alarms,
    is_over,
    placing,
    scene,
    watch,
    watched,
)
from tests.engine.rig import Killed, Rig, leftovers

PUT = "cloudwatch:PutMetricAlarm"
# The alarm of a machine that does nothing would end it meanwhile.
PATIENT = Settings(join_grace=timedelta(minutes=4))


def test_what_its_worker_did_not_place_is_placed_just_as_that_does(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    rig = make_rig(PATIENT)
    launch = scene(aws, tmp_path, NEVER, WORKS)
    neighbour = scene(aws, tmp_path, NEVER, name="Exp10")
    run = watched(rig, launch)
    never, works = launch.instance_ids
    watch(rig, run, 15)
    assert idle_alarms(aws) == {never, works}
    assert idle_alarms(aws, "Exp10") == set()
    assert neighbour.live_instance_ids
    assert len(placing(aws)) == 1
    ours, theirs = (alarms(aws)[f"Exp1_{i}"] for i in (never, works))
    same = (
        "MetricName",
        "Namespace",
        "Statistic",
        "Period",
        "EvaluationPeriods",
        "Threshold",
        "ComparisonOperator",
        "ActionsEnabled",
    )
    assert {key: ours[key] for key in same} == {key: theirs[key] for key in same}
    assert ours["Dimensions"] == [{"Name": "InstanceId", "Value": never}]
    assert ours["AlarmActions"] == [
        f"arn:aws:swf:us-east-1:{aws.account}:action/actions/AWS_EC2.InstanceId.Terminate/1.0"
    ]
    (told,) = rig.events(run, "idle-alarms")
    assert told.text == f"Placing 1 idle alarm that the workers have not placed: Exp1_{never}."


def test_turned_off_it_comes_no_more_and_turned_on_it_does(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    run = watched(rig, scene(aws, tmp_path, WORKS))
    watch(rig, run, 15)
    rig.settings = Settings(ensure_alarms=False)
    rig.restart()
    watch(rig, run, 2)
    record = rig.run(run).duty("idle-alarms")
    assert record is not None
    assert record.next_at is None
    assert record.last_at is not None
    rig.settings = Settings()
    rig.restart()
    watch(rig, run, 2)
    record = rig.run(run).duty("idle-alarms")
    assert record is not None
    assert record.next_at is not None


def test_an_altered_one_is_left_and_a_deleted_one_comes_back(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = scene(aws, tmp_path, WORKS, WORKS)
    run = watched(rig, launch)
    watch(rig, run, 25)
    altered, deleted = launch.instance_ids
    cloudwatch = aws.client("cloudwatch")
    mine = {
        key: value
        for key, value in alarms(aws)[f"Exp1_{altered}"].items()
        if not key.startswith(("State", "AlarmArn", "AlarmConfiguration"))
    }
    cloudwatch.put_metric_alarm(**{**mine, "Threshold": 5.0})
    cloudwatch.delete_alarms(AlarmNames=[f"Exp1_{deleted}"])
    now = watch(rig, run, 80, step=10)
    assert idle_alarms(aws) == {altered, deleted}
    assert alarms(aws)[f"Exp1_{altered}"]["Threshold"] == 5.0
    assert [request.params["AlarmName"] for request in placing(aws)] == [f"Exp1_{deleted}"]
    assert now.problem("altered-alarms") is not None


def test_one_that_dies_unseen_leaves_no_alarm_behind(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = scene(aws, tmp_path, NEVER, WORKS)
    run = watched(rig, launch)
    dead = launch.instance_ids[0]
    launch.fleet.capacity_limit = 1
    # It is on the roll, and ends before its turn comes.
    rig.until(run, lambda now: bool(placing(aws)) or _turn_is_next(rig, now), every=_MINUTE)
    end(aws, dead)
    watch(rig, run, 90, step=10)
    assert [request.params["AlarmName"] for request in placing(aws)] in ([f"Exp1_{dead}"], [])
    assert idle_alarms(aws) == {*launch.live_instance_ids}
    watch(rig, run, 60, step=10)
    assert idle_alarms(aws) == {*launch.live_instance_ids}
    assert len(placing(aws)) <= 1


_MINUTE = timedelta(minutes=1)


def _turn_is_next(rig: Rig, now: object) -> bool:
    return rig.clock.monotonic() >= 15 * 60


@pytest.mark.parametrize(("fault", "times"), [(Fault.THROTTLED, 30), (Fault.REPLY_LOST, 2)])
def test_a_burst_of_refusals_delays_them_and_is_no_problem(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path, fault: Fault, times: int
) -> None:
    rig = make_rig(PATIENT)
    launch = scene(aws, tmp_path, NEVER, NEVER, NEVER)
    aws.faults.add(PUT, fault, times=times)
    run = watched(rig, launch)
    now = watch(rig, run, 20, step=2)
    assert idle_alarms(aws) == {*launch.instance_ids}
    assert now.problem("duty-idle-alarms") is None
    assert not [e for e in rig.events(run, "problem") if "idle-alarms" in e.text]


def test_who_may_not_is_told_so_and_the_run_goes_on_to_its_end(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    aws.faults.add(PUT, Fault.DENIED, times=None)
    launch = scene(aws, tmp_path, NEVER, WORKS)
    run = watched(rig, launch)
    now = watch(rig, run, 60, step=10)
    problem = now.problem("duty-idle-alarms")
    assert problem is not None
    assert problem.needs_person
    assert "grant cloudwatch:PutMetricAlarm" in problem.text
    assert len(rig.events(run, "idle-alarms")) == 1
    rig.ask(run, RequestKind.ABORT)
    rig.until(run, is_over, every=5 * _MINUTE)
    own, _ = rig.split(launch)
    assert leftovers(own) == {}


def test_many_go_on_where_a_dead_process_stopped_and_an_abort_does_not_wait(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = scene(aws, tmp_path, *[NEVER] * 60)
    run = watched(rig, launch)
    rig.kill_at(f"after aws {PUT}")
    with pytest.raises(Killed):
        watch(rig, run, 40)
    assert len(placing(aws)) == 1
    rig.restart(died=True)
    began = rig.clock.monotonic()
    rig.tick(run)
    # The first of them have ended by their new alarms before all have theirs.
    assert 15 <= rig.clock.monotonic() - began <= 23
    first = len(placing(aws))
    assert 28 <= first <= 42
    placed = [request.params["AlarmName"] for request in placing(aws)]
    assert len(set(placed)) == len(placed)
    rig.ask(run, RequestKind.ABORT)
    rig.clock.advance(40)
    began = rig.clock.monotonic()
    rig.tick(run)
    assert rig.run(run).state is State.TEARDOWN
    assert launch.fleet.state != "active"
    assert len(placing(aws)) == first
    assert rig.clock.monotonic() - began < 20
    rig.until(run, is_over, every=5 * _MINUTE)
    own, _ = rig.split(launch)
    assert leftovers(own) == {}
    assert idle_alarms(aws) == set()


def test_a_machine_that_never_began_is_ended_by_its_alarm_and_replaced(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = scene(aws, tmp_path, NEVER, WORKS)
    neighbour = scene(aws, tmp_path, NEVER, name="Exp10")
    run = watched(rig, launch)
    never, works = launch.instance_ids
    now = watch(rig, run, 60)
    machine = aws.world.machines.find(never)
    assert machine is not None
    assert machine.ended_by is Cause.IDLE_ALARM
    assert works in launch.live_instance_ids
    assert len(launch.live_instance_ids) == 2
    assert neighbour.live_instance_ids == neighbour.instance_ids
    assert not launch.killed_while_working
    assert now.problem("unjoined-machines") is None
    watch(rig, run, 60, step=10)
    assert never not in idle_alarms(aws)
