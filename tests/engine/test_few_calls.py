"""A run that nothing happens to asks AWS little, and nothing that does happen is missed by that."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from dcp_engine.census import CALL
from dcp_engine.hookspecs import Context, Duty, hookimpl
from dcp_engine.model import Run, State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.machines import Cause
from dcp_engine.simulation.runs import Scenario
from dcp_engine.simulation.server import SimulatedAws
from tests.engine.fleet_watch import LONG, VISIBLE_AGAIN, WORKS, alarms, end, idle_alarms, watched
from tests.engine.rig import Rig

MakeRig = Callable[..., Rig]
MACHINES, FLEETS = "ec2:DescribeInstances", "ec2:DescribeSpotFleetRequests"
SERVICE, REVISIONS = "ecs:DescribeServices", "ecs:ListTaskDefinitions"
ALARMS = "cloudwatch:DescribeAlarms"
WATCH = ("labels", "idle_alarms", "unjoined", "use", "prices", "troubles")


@pytest.fixture
def plain(make_rig: MakeRig) -> Rig:
    """Without what watches over the machines."""
    return make_rig(disabled=WATCH)


def launched(aws: SimulatedAws, directory: Path, machines: int = 3, **changes: object) -> Launch:
    facts: dict[str, object] = {
        "jobs": 20,
        "machines": machines,
        "directory": directory,
        "visibility_timeout": VISIBLE_AGAIN,
        "scenario": Scenario(script=(WORKS,) * machines, job_duration=LONG),
        **changes,
    }
    return launch_run(aws, "Exp1", **facts)  # type: ignore[arg-type]


def settled(rig: Rig, launch: Launch) -> Run:
    """Up and seen to be, with its alarms, and an hour old."""
    run = watched(rig, launch)
    return for_minutes(rig, run, 65)


def for_minutes(rig: Rig, run: Run, minutes: float) -> Run:
    until = rig.clock.now() + timedelta(minutes=minutes)
    return rig.until(run, lambda _: rig.clock.now() >= until, every=timedelta(minutes=5))


def asked_for_machines(aws: SimulatedAws, rig: Rig, run: Run) -> int:
    """How often in the hour that comes."""
    aws.requests.clear()
    for_minutes(rig, run, 60)
    return aws.requests.count(MACHINES)


def up(rig: Rig, run: Run) -> set[str]:
    return {m.instance_id for m in rig.store.machines(run.id) if m.ended_at is None}


def alive(aws: SimulatedAws, launch: Launch) -> set[str]:
    return set(launch.live_instance_ids)


def test_a_steady_run_has_its_machines_asked_for_within_the_hour_and_its_fleets_as_ever(
    aws: SimulatedAws, plain: Rig, tmp_path: Path
) -> None:
    run = settled(plain, launched(aws, tmp_path))
    aws.requests.clear()
    for_minutes(plain, run, 300)
    assert aws.requests.count(FLEETS) == 30
    assert 5 <= aws.requests.count(MACHINES) <= 7
    assert aws.requests.count("ec2:DescribeSpotFleetInstances") == 0


def test_with_the_watch_on_they_are_asked_for_at_every_look(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    run = settled(rig, launched(aws, tmp_path))
    assert asked_for_machines(aws, rig, run) >= 6


@pytest.mark.parametrize("goes_by_them", [True, False])
def test_a_plugin_says_whether_it_goes_by_each_machine(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path, goes_by_them: bool
) -> None:
    class Plugin:
        @hookimpl
        def duties(self) -> list[Duty]:
            def run(context: Context) -> None:
                context.roll()

            more = {} if goes_by_them else {"needs_roll": False}
            states = frozenset({State.RUNNING})
            return [
                Duty(name="mine", states=states, every=timedelta(hours=1), run=run, **more)  # type: ignore[arg-type]
            ]

    rig = make_rig(disabled=WATCH, plugins={"mine": Plugin()})
    run = settled(rig, launched(aws, tmp_path))
    assert (asked_for_machines(aws, rig, run) >= 6) == goes_by_them


def test_a_lost_machine_is_noticed_at_the_next_look_where_none_takes_its_place(
    aws: SimulatedAws, plain: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path)
    run = settled(plain, launch)
    victim = min(alive(aws, launch))
    launch.fleet.capacity_limit = 2
    end(aws, victim)
    run = for_minutes(plain, run, 12)
    assert run.active_machines == 2
    assert victim not in up(plain, run)
    assert up(plain, run) == alive(aws, launch)


def test_one_that_was_replaced_between_two_looks_is_noticed_within_the_hour_with_its_alarm(
    aws: SimulatedAws, plain: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path)
    run = settled(plain, launch)
    victim = min(alive(aws, launch))
    before = idle_alarms(aws)
    assert victim in before
    end(aws, victim, Cause.API_CALL)
    run = for_minutes(plain, run, 62)
    assert up(plain, run) == alive(aws, launch)
    ended = next(m for m in plain.store.machines(run.id) if m.instance_id == victim)
    assert ended.ended_at is not None
    assert ended.reason
    for_minutes(plain, run, 65)
    assert victim not in idle_alarms(aws)
    assert before - {victim} <= idle_alarms(aws)


def test_a_machine_of_more_than_one_unit_may_be_replaced_by_others_so_each_is_asked_for(
    aws: SimulatedAws, plain: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path, 1, weights=(1.0, 2.0))
    run = plain.until(plain.register(launch).run, lambda now: bool(now.active_machines))
    run = for_minutes(plain, run, 65)
    assert asked_for_machines(aws, plain, run) >= 6


def test_while_anything_is_wrong_each_is_asked_for(
    aws: SimulatedAws, plain: Rig, tmp_path: Path
) -> None:
    run = settled(plain, launched(aws, tmp_path))
    aws.faults.add(SERVICE, Fault.DENIED, times=None)
    run = for_minutes(plain, run, 370)
    assert run.problem("service-unreadable") is not None
    assert asked_for_machines(aws, plain, run) >= 6


def test_a_question_for_machines_that_failed_is_asked_again_at_the_next_look(
    aws: SimulatedAws, plain: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path)
    run = settled(plain, launch)
    launch.fleet.capacity_limit = 2
    victim = min(alive(aws, launch))
    end(aws, victim)
    aws.faults.add(MACHINES, Fault.DENIED, times=1)
    run = for_minutes(plain, run, 12)
    assert [event.data["problem"] for event in plain.events(run, "problem")] == [
        "machines-unreadable"
    ]
    assert victim not in up(plain, run)
    assert run.problems == ()


def test_in_the_drain_every_machine_is_asked_for_at_every_look(
    aws: SimulatedAws, plain: Rig, tmp_path: Path
) -> None:
    run = plain.register(launched(aws, tmp_path, jobs=3)).run
    run = plain.until_state(run, State.DRAINING)
    run = for_minutes(plain, run, 65)
    aws.requests.clear()
    run = for_minutes(plain, run, 60)
    assert run.state is State.DRAINING
    assert aws.requests.count(MACHINES) >= 6
    assert aws.requests.count(REVISIONS) == 1


def test_identities_are_asked_for_seldom_and_at_once_when_the_cluster_was_started_again(
    aws: SimulatedAws, plain: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path)
    run = settled(plain, launch)
    aws.requests.clear()
    run = for_minutes(plain, run, 240)
    assert (aws.requests.count(SERVICE), aws.requests.count(REVISIONS)) == (0, 0)
    arn = aws.client("ecs").register_task_definition(
        family=launch.task_family,
        containerDefinitions=[{"name": "worker", "image": "x", "memory": 100}],
    )["taskDefinition"]["taskDefinitionArn"]
    launch.start_another_fleet(1)
    run = for_minutes(plain, run, 3)
    assert len(run.fleets) == 2
    assert arn in run.identities.task_definitions


def test_identities_and_alarms_are_asked_for_every_six_hours_all_the_same(
    aws: SimulatedAws, plain: Rig, tmp_path: Path
) -> None:
    run = settled(plain, launched(aws, tmp_path))
    aws.requests.clear()
    for_minutes(plain, run, 12 * 60)
    assert aws.requests.count(REVISIONS) == 2
    assert aws.requests.count(ALARMS) == 2
    # Of those alarms' machines it is known that they are up.
    by_id = [
        request
        for request in aws.requests.matching(MACHINES)
        if request.params["Filters"][0]["Name"] == "instance-id"
    ]
    assert by_id == []


def test_alarms_are_looked_through_only_where_a_machine_has_ended(
    aws: SimulatedAws, plain: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path)
    run = settled(plain, launch)
    aws.requests.clear()
    run = for_minutes(plain, run, 240)
    assert aws.requests.count(ALARMS) == 0
    launch.fleet.capacity_limit = 2
    victim = min(alive(aws, launch))
    end(aws, victim)
    for_minutes(plain, run, 75)
    assert victim not in idle_alarms(aws)
    assert idle_alarms(aws) == alive(aws, launch)
    assert aws.requests.count(ALARMS) == 1


def test_an_alarm_whose_deletion_failed_is_not_forgotten(
    aws: SimulatedAws, plain: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path)
    run = settled(plain, launch)
    launch.fleet.capacity_limit = 2
    victim = min(alive(aws, launch))
    end(aws, victim)
    aws.faults.add("cloudwatch:DeleteAlarms", Fault.DENIED, times=None)
    run = for_minutes(plain, run, 130)
    assert run.problem("duty-alarm-cleanup") is not None
    assert victim in idle_alarms(aws)
    aws.faults.clear()
    for_minutes(plain, run, 70)
    assert victim not in idle_alarms(aws)


def test_an_altered_alarm_is_told_of_within_six_hours_and_its_mending_within_one(
    aws: SimulatedAws, plain: Rig, tmp_path: Path
) -> None:
    launch = launched(aws, tmp_path)
    run = settled(plain, launch)
    name = min(name for name in alarms(aws) if name.startswith("Exp1_i-"))
    aws.client("cloudwatch").disable_alarm_actions(AlarmNames=[name])
    run = for_minutes(plain, run, 6 * 60 + 5)
    problem = run.problem("altered-alarms")
    assert problem is not None
    assert name in problem.text
    aws.client("cloudwatch").enable_alarm_actions(AlarmNames=[name])
    assert for_minutes(plain, run, 65).problem("altered-alarms") is None


def test_a_machine_that_the_run_never_saw_is_not_taken_for_up_by_the_clean_up(
    aws: SimulatedAws, plain: Rig, tmp_path: Path
) -> None:
    """Its alarm is found by its name alone, and EC2 is asked whether the machine lives."""
    launch = launched(aws, tmp_path)
    run = settled(plain, launch)
    stray = alarms(aws)[min(name for name in alarms(aws) if name.startswith("Exp1_i-"))]
    aws.client("cloudwatch").put_metric_alarm(
        **{
            **{
                key: stray[key]
                for key in (
                    "AlarmActions",
                    "Namespace",
                    "MetricName",
                    "Statistic",
                    "Period",
                    "EvaluationPeriods",
                    "Threshold",
                    "ComparisonOperator",
                )
            },
            "AlarmName": "Exp1_i-0123456789abcdef0",
            "Dimensions": [{"Name": "InstanceId", "Value": "i-0123456789abcdef0"}],
        }
    )
    for_minutes(plain, run, 6 * 60 + 5)
    assert "i-0123456789abcdef0" not in idle_alarms(aws)
    assert idle_alarms(aws) == alive(aws, launch)


def test_a_roll_that_a_clock_set_back_leaves_in_the_future_is_called_at_once(
    aws: SimulatedAws, plain: Rig, tmp_path: Path
) -> None:
    run = settled(plain, launched(aws, tmp_path))
    record = plain.run(run).duty(CALL)
    assert record is not None
    plain.clock.set_back(3 * 3600)
    aws.requests.clear()
    for_minutes(plain, run, 4 * 60)
    assert aws.requests.count(MACHINES) >= 1
    again = plain.run(run).duty(CALL)
    assert again is not None
    assert again.last_at is not None
    assert plain.clock.now() - again.last_at <= timedelta(minutes=61)


@pytest.mark.parametrize("watching", [True, False])
def test_that_ec2_does_not_tell_of_the_machines_is_said_until_it_does(
    aws: SimulatedAws, rig: Rig, plain: Rig, tmp_path: Path, watching: bool
) -> None:
    rig = rig if watching else plain
    launch = launched(aws, tmp_path)
    run = settled(rig, launch)
    aws.faults.add(MACHINES, Fault.INTERNAL, times=None)
    run = for_minutes(rig, run, 65)
    (problem,) = [one for one in run.problems if one.name == "machines-unreadable"]
    assert "EC2 does not tell" in problem.text
    assert MACHINES in problem.text
    assert not problem.needs_person
    assert run.active_machines == 3
    aws.faults.clear()
    run = for_minutes(rig, run, 25)
    assert run.problems == ()
    assert up(rig, run) == alive(aws, launch)


def test_that_a_login_may_not_ask_for_the_machines_needs_a_person(
    aws: SimulatedAws, plain: Rig, tmp_path: Path
) -> None:
    run = settled(plain, launched(aws, tmp_path))
    aws.faults.add(MACHINES, Fault.DENIED, times=None)
    run = for_minutes(plain, run, 65)
    problem = run.problem("machines-unreadable")
    assert problem is not None
    assert problem.needs_person
