"""How runs end when capacity, jobs, queue or fleet are not what they were."""

import json
import re
from datetime import datetime, timedelta

from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import launch_run
from dcp_engine.simulation.runs import Scenario
from tests.e2e.scene import NAME, NOBODY_COMES, SHORT_JOBS, MakeScene
from tests.e2e.ticking import has_problem, kinds, machines_seen, problem, step, ticks_until
from tests.e2e.waiting import until
from tests.engine.rig import leftovers


def test_jobs_that_failed_for_good_are_counted_after_the_machines_had_their_grace(
    stage: MakeScene,
) -> None:
    # A job that comes back after its only attempt is moved to the dead letters.
    scene = stage(jobs=4, max_receive_count=1, hold_a_job=True)
    with scene.computer.start("monitor", scene.file) as monitor:
        scene.computer.until_state(NAME, "DRAINING")
        scene.give_the_job_back()
        monitor.until_says("orphan-grace")
        assert not scene.was_done("ec2:CancelSpotFleetRequests")
        ended = monitor.until_ended().fine()
    assert f"{NAME} has ended: completed with 1 dead letter" in ended.out

    own, others = scene.held_by_aws()
    assert leftovers(own) == {}
    left = {**others["queues"], scene.launch.dead_letter_queue: None}
    assert left == {**scene.before["queues"], scene.launch.dead_letter_queue: None}
    assert others["queues"][scene.launch.dead_letter_queue]["visible"] == 1
    assert {**others, "queues": {}} == {**scene.before, "queues": {}}
    status = scene.computer.status(NAME)
    assert (status["outcome"], status["dead_letters"]) == ("completed with dead letters", 1)
    at = {
        event["kind"]: datetime.fromisoformat(event["at"]) for event in scene.computer.history(NAME)
    }
    assert at["stopping"] - at["orphan-grace"] >= timedelta(seconds=2)


def test_a_queue_that_vanishes_ends_the_run_after_the_machines_grace(stage: MakeScene) -> None:
    scene = stage(jobs=200)
    with scene.computer.start("monitor", scene.file) as monitor:
        monitor.until_says(r"[12] machines? up")
        scene.aws.light_client("sqs").delete_queue(QueueUrl=scene.launch.queue_url)
        monitor.until_says("orphan-grace")
        assert not scene.was_done("ec2:CancelSpotFleetRequests")
        ended = monitor.until_ended().fine()
    assert f"{NAME} has ended: queue vanished" in ended.out
    scene.resources_are_gone()
    status = scene.computer.status(NAME)
    assert (status["outcome"], status["problems"]) == ("queue vanished", [])
    assert "queue-missing" in {
        event["data"].get("problem") for event in scene.computer.history(NAME)
    }


def test_a_fleet_that_was_cancelled_and_left_running_works_the_queue_off(
    stage: MakeScene,
) -> None:
    scene = stage(jobs=30)
    scene.until_machines_are_up(2)
    often = {"DCP_ENGINE_DOWNSCALE_INTERVAL": "500ms"}
    with scene.computer.start("monitor", scene.file, **often) as monitor:
        monitor.until_says("2 machines up")
        scene.aws.light_client("ec2").cancel_spot_fleet_requests(
            SpotFleetRequestIds=[scene.launch.fleet_id], TerminateInstances=False
        )
        monitor.until_says(f"Somebody cancelled {scene.launch.fleet_id} and left")
        monitor.until_ended().fine()
    assert scene.launch.live_instance_ids == []
    scene.is_done()


def test_no_capacity_a_broken_file_a_new_fleet_and_a_file_that_is_gone(stage: MakeScene) -> None:
    """A fleet near its end date that ends without having brought a machine, and what follows."""
    scene = stage(scenario=NOBODY_COMES)
    launch = scene.launch
    launch.fleet.config["ValidUntil"] = scene.aws.clock.now() + timedelta(hours=5)
    scene.computer.run("register", scene.file).fine()
    ticks_until(scene, has_problem("fleet-ends"))
    assert launch.fleet_id in problem(scene, "fleet-ends")

    scene.aws.light_client("ec2").cancel_spot_fleet_requests(
        SpotFleetRequestIds=[launch.fleet_id], TerminateInstances=True
    )
    ticks_until(scene, has_problem("no-capacity"))
    assert "6 jobs are left" in problem(scene, "no-capacity")
    assert scene.computer.run("tick", NAME).code == 4
    (first,) = launch.fleet_ids

    launch.monitor_file.write_text("{")
    ticks_until(scene, has_problem("monitor-file"))
    assert [fleet["id"] for fleet in scene.computer.status(NAME)["fleets"]] == [first]

    launch.plan.scenario = SHORT_JOBS
    second = launch.start_another_fleet(2)
    said = ticks_until(scene, lambda status: second in {fleet.id for fleet in status.fleets})
    assert f"fleet-added: Fleet {second} belongs to this run too from now on." in said
    ticks_until(scene, machines_seen)
    launch.monitor_file.unlink()
    scene.computer.run("resume", NAME).fine()
    scene.is_done()


def test_jobs_found_before_the_first_cancel_send_the_run_back(stage: MakeScene) -> None:
    scene = stage(jobs=4, hold_a_job=True, neighbours=False)
    scene.computer.run("register", scene.file).fine()
    three_zeros = {"DCP_ENGINE_EMPTY_READINGS": "3", "DCP_ENGINE_EMPTY_WINDOW": "0s"}
    ticks_until(scene, lambda status: status.state == "DRAINING", **three_zeros)
    scene.aws.world.queues.bend_counts(
        scene.launch.queue_name, times=3, visible=0, in_flight=0, delayed=0
    )
    # What counts once more before it cancels sees the fourth count, which is true.
    said = ticks_until(scene, lambda _: "TEARDOWN" in scene.computer.moves(NAME), **three_zeros)
    assert "1 job was found before any machine was stopped" in said
    assert not scene.was_done("ec2:CancelSpotFleetRequests")
    assert scene.launch.fleet.state == "active"
    scene.give_the_job_back()
    scene.computer.run("resume", NAME).fine()
    scene.is_done()


def test_late_jobs_keep_their_queue_and_a_shared_cluster_stays(stage: MakeScene) -> None:
    scene = stage(jobs=4, hold_a_job=True, neighbours=False)
    other = launch_run(
        scene.aws,
        "Other",
        jobs=0,
        machines=1,
        directory=scene.computer.directory / "other",
        cluster=scene.launch.cluster,
        scenario=Scenario(capacity_limit=0),
    )
    scene.computer.run("register", scene.file).fine()
    ticks_until(scene, machines_seen)
    scene.give_the_job_back()
    scene.aws.faults.add("sqs:DeleteQueue", Fault.DENIED, times=None)
    ticks_until(scene, has_problem("step-queue"))
    until(lambda: not scene.launch.live_instance_ids, "the machines do not end")
    scene.launch.send_jobs(2)
    scene.aws.faults.clear()
    scene.computer.run("resume", NAME).fine()

    how, why = step(scene, "queue")
    assert how == "kept"
    assert "2 jobs" in why
    how, why = step(scene, "cluster")
    assert how == "kept"
    assert "in use" in why
    own, others = scene.held_by_aws()
    assert leftovers(own).keys() == {"queues", "clusters"}
    assert own["queues"][scene.launch.queue_name]["visible"] == 2
    assert own["clusters"][scene.launch.cluster]["status"] == "ACTIVE"
    assert others["fleets"][other.fleet_id]["state"] == "active"
    assert others["services"][f"{other.cluster}/{other.service}"]["status"] == "ACTIVE"
    assert other.queue_name in others["queues"]


def test_a_refused_export_shows_what_to_add_and_a_refused_deletion_can_be_waived(
    stage: MakeScene,
) -> None:
    scene = stage(jobs=4, hold_a_job=True)
    s3 = scene.aws.light_client("s3")
    s3.delete_bucket_policy(Bucket=scene.launch.bucket)
    scene.aws.faults.add("sqs:DeleteQueue", Fault.DENIED, times=None)
    scene.computer.run("register", scene.file).fine()
    ticks_until(scene, machines_seen)
    scene.give_the_job_back()
    ticks_until(
        scene, lambda status: has_problem("step-logs")(status) and has_problem("step-queue")(status)
    )
    shown = re.search(r"\[\{.*\}\]", problem(scene, "step-logs"))
    assert shown is not None
    policy = {"Version": "2012-10-17", "Statement": json.loads(shown[0])}
    assert scene.aws.world.exports.tasks == []

    refused = scene.computer.run("waive", NAME, "nonsense", "--yes")
    assert refused.code == 2
    assert "queue" in refused.err
    waived = scene.computer.run("waive", NAME, "queue", "--yes")
    # That the logs need a person is told by the exit code still.
    assert waived.code == 4, waived
    assert "Still to do: logs" in waived.out
    s3.put_bucket_policy(Bucket=scene.launch.bucket, Policy=json.dumps(policy))
    scene.computer.run("resume", NAME).fine()

    assert step(scene, "queue")[0] == "waived"
    assert step(scene, "logs")[0] == "done"
    own, others = scene.held_by_aws()
    assert leftovers(own).keys() == {"queues"}
    assert len(own["exports"]) == 2
    assert others == scene.before
    status = scene.computer.status(NAME)
    assert (status["state"], status["problems"]) == ("EXPORTED", [])
    assert "waive" in kinds(scene)
