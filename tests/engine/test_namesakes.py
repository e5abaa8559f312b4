"""A later run of the same name keeps what only a name tells apart."""

from pathlib import Path

from dcp_engine.model import Ended, RequestKind, State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import Launch, launch_run, queue_alarm_names
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.snapshot import belonging_to, snapshot
from tests.engine.rig import Rig


def test_a_teardown_that_was_held_up_leaves_a_later_runs_things_of_the_same_names(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    old = launch_run(aws, "Exp1", jobs=4, machines=1, directory=tmp_path / "old", auto_monitor=True)
    run = rig.until_state(rig.register(old).run, State.RUNNING)
    for changes in ("cloudwatch:Delete*", "s3:DeleteObject"):
        aws.faults.add(changes, Fault.DENIED, times=None)
    held_up = {"alarms", "dashboard", "monitor-file", "report", "last-look"}
    rig.until(run, lambda now: {s.name for s in now.steps if not s.ended} == held_up, every=None)
    new = launch_run(
        aws, "Exp1", jobs=40, machines=2, directory=tmp_path / "new", auto_monitor=True
    )
    rig.clock.advance(600)
    before = belonging_to(snapshot(aws), new)[0]
    aws.faults.clear()
    done = rig.until_state(run, State.EXPORTED)

    after = belonging_to(snapshot(aws), new)[0]
    for kind in ("alarms", "dashboards", "objects", "fleets", "services", "clusters"):
        assert before[kind].keys() <= after[kind].keys(), kind
    assert set(queue_alarm_names("Exp1")) <= set(after["alarms"])
    assert "Exp1" in after["dashboards"]
    ends = {step.name: (step.ended, step.reason or "") for step in done.steps}
    for name in ("dashboard", "monitor-file"):
        assert ends[name][0] is Ended.KEPT
        assert "a later run of this name" in ends[name][1]
    assert "a later run of this name" in ends["alarms"][1]
    # The old run's own, told apart by its machines, are gone.
    assert not {f"Exp1_{instance}" for instance in old.instance_ids} & set(after["alarms"])


def test_a_later_run_that_shares_the_kept_queue_keeps_its_things(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    old = launch_run(aws, "Exp1", jobs=9, machines=1, directory=tmp_path / "old", auto_monitor=True)
    run = rig.until_state(rig.register(old).run, State.RUNNING)
    for changes in ("cloudwatch:Delete*", "s3:DeleteObject"):
        aws.faults.add(changes, Fault.DENIED, times=None)
    rig.ask(run, RequestKind.ABORT, keep_queue=True)
    held_up = {"alarms", "dashboard", "monitor-file", "report", "last-look"}
    rig.until(run, lambda now: {s.name for s in now.steps if not s.ended} == held_up, every=None)
    new = launch_run(
        aws, "Exp1", jobs=40, machines=2, directory=tmp_path / "new", auto_monitor=True
    )
    assert new.queue_url == old.queue_url
    rig.clock.advance(600)
    before = belonging_to(snapshot(aws), new)[0]
    aws.faults.clear()
    rig.until_state(run, State.EXPORTED)

    after = belonging_to(snapshot(aws), new)[0]
    for kind in ("alarms", "dashboards", "objects", "queues", "fleets", "services", "clusters"):
        assert before[kind].keys() <= after[kind].keys(), kind
    assert set(queue_alarm_names("Exp1")) <= set(after["alarms"])
    assert "Exp1" in after["dashboards"]


def test_a_later_run_that_was_set_up_over_queue_and_service_of_the_old_one_keeps_both(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    old = launch_run(aws, "Exp1", jobs=4, machines=1, directory=tmp_path / "old")
    run = rig.until_state(rig.register(old).run, State.RUNNING)
    for changes in ("ecs:UpdateService", "ecs:DeleteService", "sqs:DeleteQueue"):
        aws.faults.add(changes, Fault.DENIED, times=None)
    rig.until(run, lambda now: now.ended("fleets"), every=None)
    aws.faults.clear()
    new = launch_run(aws, "Exp1", jobs=0, machines=2, directory=tmp_path / "new")
    assert new.queue_url == old.queue_url
    done = rig.until_state(run, State.EXPORTED)

    ends = {step.name: step.ended for step in done.steps}
    assert (ends["service"], ends["queue"]) == (Ended.KEPT, Ended.KEPT)
    after = belonging_to(snapshot(aws), new)[0]
    assert after["queues"].keys() >= {"Exp1Queue"}
    (service,) = after["services"].values()
    assert (service["status"], service["desired"]) == ("ACTIVE", 2)
    assert (
        service["task_definition"]
        in aws.client("ecs").list_task_definitions(familyPrefix="Exp1Task", status="ACTIVE")[
            "taskDefinitionArns"
        ]
    )


def test_a_later_run_that_came_while_nobody_looked_is_not_taken_for_the_runs_own(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    old = launch_run(aws, "Exp1", jobs=40, machines=1, directory=tmp_path / "old")
    run = rig.until_state(rig.register(old).run, State.RUNNING)
    _tear_down_by_hand(aws, old)
    rig.clock.advance(14 * 86400)
    new = launch_run(aws, "Exp1", jobs=400, machines=2, directory=tmp_path / "new")
    rig.clock.advance(600)
    before = belonging_to(snapshot(aws), new)[0]
    rig.until_state(run, State.EXPORTED)

    after = belonging_to(snapshot(aws), new)[0]
    for kind in ("dashboards", "queues", "fleets", "clusters"):
        assert before[kind].keys() <= after[kind].keys(), kind
    assert after["services"] == before["services"]
    assert after["task_definitions"] == before["task_definitions"]
    assert aws.world.fleets[new.fleet_id].state == "active"
    assert not new.killed_while_working


def _tear_down_by_hand(aws: SimulatedAws, launch: Launch) -> None:
    """What somebody does who cleans up in the console."""
    ec2, ecs, sqs = aws.client("ec2"), aws.client("ecs"), aws.client("sqs")
    ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=launch.fleet_ids, TerminateInstances=True)
    ecs.update_service(cluster=launch.cluster, service=launch.service, desiredCount=0)
    ecs.delete_service(cluster=launch.cluster, service=launch.service)
    revisions = ecs.list_task_definitions(familyPrefix=launch.task_family, status="ACTIVE")
    for arn in revisions["taskDefinitionArns"]:
        ecs.deregister_task_definition(taskDefinition=arn)
    sqs.delete_queue(QueueUrl=launch.queue_url)
