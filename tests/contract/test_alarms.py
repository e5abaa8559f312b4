"""Alarms and the dashboard (Amazon CloudWatch API Reference: the operations that are named)."""

import json

from dcp_engine.aws import operations as op
from tests.contract.calls import calls
from tests.contract.scene import Scene


def _machine(number: int) -> str:
    return f"i-{number:017x}"


def _left(scene: Scene) -> set[str]:
    """The names of all alarms that begin like the run's."""
    cloudwatch, names = scene.client("cloudwatch"), set()
    token: dict[str, str] = {}
    while True:
        page = cloudwatch.describe_alarms(AlarmNamePrefix=scene.names.app_name, **token)
        names |= {alarm["AlarmName"] for alarm in page["MetricAlarms"]}
        if not page.get("NextToken"):
            return names
        token = {"NextToken": page["NextToken"]}


@calls(op.DESCRIBE_ALARMS)
def test_there_are_none_of_a_run_without_machines(scene: Scene) -> None:
    neighbour = f"{scene.names.app_name}0_{_machine(1)}"
    scene.make_alarm(neighbour, InstanceId=_machine(1))
    assert scene.aws.alarms.of_machines() == ()
    assert scene.aws.alarms.queue_alarms() == ()


@calls(op.DESCRIBE_ALARMS)
def test_the_worker_s_own_is_known_and_what_differs_is_told(scene: Scene) -> None:
    own, altered = _machine(1), _machine(2)
    scene.make_alarm(scene.names.alarm(own), InstanceId=own)
    scene.make_alarm(scene.names.alarm(altered), InstanceId=altered)
    scene.client("cloudwatch").disable_alarm_actions(AlarmNames=[scene.names.alarm(altered)])
    # Named like one of the run's, and watching another machine: the worker did not place it.
    scene.make_alarm(scene.names.alarm(_machine(3)), InstanceId=_machine(4))
    for similar in (f"{own}-extra", "summary", _machine(5).upper()):
        scene.make_alarm(f"{scene.names.app_name}_{similar}", InstanceId=own)
    found = {alarm.instance_id: alarm.altered for alarm in scene.aws.alarms.of_machines()}
    assert found == {own: None, altered: "its actions are switched off"}


@calls(op.DESCRIBE_ALARMS, op.DELETE_ALARMS)
def test_more_than_a_hundred_are_listed_and_deleted(scene: Scene) -> None:
    machines = [_machine(number) for number in range(103)]
    for machine in machines:
        scene.make_alarm(scene.names.alarm(machine), InstanceId=machine)
    neighbour = f"{scene.names.app_name}0_{machines[0]}"
    scene.make_alarm(neighbour, InstanceId=machines[0])
    found = scene.aws.alarms.of_machines()
    assert {alarm.instance_id for alarm in found} == set(machines)
    unknown = scene.names.alarm(_machine(999))
    scene.aws.alarms.delete([unknown, *(alarm.name for alarm in found)])
    assert _left(scene) == {neighbour}
    scene.aws.alarms.delete([alarm.name for alarm in found])
    assert _left(scene) == {neighbour}


@calls(op.DESCRIBE_ALARMS, op.DISABLE_ALARM_ACTIONS, op.DELETE_ALARMS)
def test_the_two_of_auto_monitor(scene: Scene) -> None:
    first, second = scene.names.queue_alarms
    scene.make_alarm(first, QueueName=scene.names.queue)
    scene.make_alarm(f"{first}0", QueueName=scene.names.queue)
    (found,) = scene.aws.alarms.queue_alarms()
    assert (found.name, found.armed) == (first, True)
    scene.aws.alarms.disarm([first])
    (found,) = scene.aws.alarms.queue_alarms()
    assert (found.name, found.armed) == (first, False)
    scene.aws.alarms.delete([first, second])
    assert scene.aws.alarms.queue_alarms() == ()


@calls(op.DELETE_DASHBOARDS)
def test_the_dashboard_of_exactly_that_name(scene: Scene) -> None:
    cloudwatch, name = scene.client("cloudwatch"), scene.names.dashboard
    for each in (name, f"{name}0", f"my_{name}"):
        cloudwatch.put_dashboard(DashboardName=each, DashboardBody=json.dumps({"widgets": []}))
    assert scene.aws.alarms.delete_dashboard() is True
    assert scene.aws.alarms.delete_dashboard() is False
    entries = cloudwatch.list_dashboards()["DashboardEntries"]
    left = {entry["DashboardName"] for entry in entries}
    assert {f"{name}0", f"my_{name}"} <= left
    assert name not in left


@calls(op.PUT_ALARM, op.DESCRIBE_ALARMS)
def test_what_is_placed_is_as_the_worker_s_own(scene: Scene) -> None:
    scene.watching()
    own, lacking, altered = _machine(11), _machine(12), _machine(13)
    scene.machines = (own, lacking, altered)
    scene.make_alarm(scene.names.alarm(altered), InstanceId=_machine(14))
    scene.make_alarm(f"{scene.names.app_name}0_{own}", InstanceId=own)
    scene.aws.alarms.place(own)
    many = [*scene.machines, *map(_machine, range(1000, 1120))]
    found = {each.instance_id: each.altered for each in scene.aws.alarms.of_these(many)}
    assert found == {own: None, altered: f"it watches {_machine(14)}"}
    scene.aws.alarms.place(own)
    assert _left(scene) == {
        scene.names.alarm(own),
        scene.names.alarm(altered),
        f"{scene.names.app_name}0_{own}",
    }
