"""What the work does meanwhile: it runs out, comes back, or was never there."""

import pytest

from dcp_engine.simulation.runs import Scenario
from tests.e2e.scene import NAME, NOBODY_COMES, SHORT_JOBS, MakeScene
from tests.e2e.waiting import until


def test_the_fleet_shrinks_as_jobs_run_out_and_no_machine_is_ended_by_that(
    stage: MakeScene,
) -> None:
    scene = stage(jobs=12, machines=4, hold_a_job=True)
    scene.until_machines_are_up(4)
    with scene.computer.start("monitor", scene.file, DCP_ENGINE_DOWNSCALE_INTERVAL="1s") as monitor:
        until(lambda: scene.launch.fleet.target == 1, monitor.said)
        scene.give_the_job_back()
        monitor.until_ended().fine()

    scene.is_done()
    asked = [r.params for r in scene.aws.requests.matching("ec2:ModifySpotFleetRequest")]
    targets = [4, *(params["TargetCapacity"] for params in asked)]
    assert targets == sorted(targets, reverse=True)
    assert targets[-1] == 1
    assert {params["ExcessCapacityTerminationPolicy"] for params in asked} == {"noTermination"}


def test_jobs_that_are_added_while_the_last_ones_are_in_flight_are_done_too(
    stage: MakeScene,
) -> None:
    scene = stage(jobs=3, hold_a_job=True)
    with scene.computer.start("monitor", scene.file) as monitor:
        scene.computer.until_state(NAME, "DRAINING")
        scene.launch.send_jobs(12)
        monitor.until_says("DRAINING → RUNNING")
        scene.give_the_job_back()
        monitor.until_ended().fine()

    scene.is_done()
    moves = scene.computer.moves(NAME)
    assert moves[:5] == ["PENDING", "RUNNING", "DRAINING", "RUNNING", "DRAINING"]
    assert moves[-2:] == ["TEARDOWN", "EXPORTED"]


@pytest.mark.parametrize("scenario", [SHORT_JOBS, NOBODY_COMES], ids=["machines", "no machines"])
def test_a_queue_that_is_empty_already_at_registration(
    stage: MakeScene, scenario: Scenario
) -> None:
    jobs = 0 if scenario is NOBODY_COMES else 2
    scene = stage(jobs=jobs, scenario=scenario)
    until(scene.launch.all_jobs_done, "the jobs are not done")
    scene.computer.run("monitor", scene.file, DCP_ENGINE_FIRST_JOB_GRACE="1s").fine()
    scene.is_done()
    assert scene.computer.moves(NAME) == ["PENDING", "RUNNING", "DRAINING", "TEARDOWN", "EXPORTED"]


def test_one_reading_of_zero_among_jobs_ends_nothing(stage: MakeScene) -> None:
    scene = stage(scenario=NOBODY_COMES)
    with scene.computer.start("monitor", scene.file) as monitor:
        scene.computer.until_state(NAME, "RUNNING")
        scene.aws.world.queues.bend_counts(
            scene.launch.queue_name, visible=0, in_flight=0, delayed=0
        )
        monitor.until_says("RUNNING → DRAINING")
        monitor.until_says("DRAINING → RUNNING")
        assert not scene.was_done("ec2:CancelSpotFleetRequests")
        scene.let_machines_come()
        monitor.until_ended().fine()
    scene.is_done()


def test_jobs_that_nobody_worked_on_are_never_called_completed(stage: MakeScene) -> None:
    scene = stage(scenario=NOBODY_COMES)
    with scene.computer.start("monitor", scene.file) as monitor:
        monitor.until_says("6 waiting, 0 in flight, 0 delayed; 0 machines up")
        scene.aws.light_client("sqs").purge_queue(QueueUrl=scene.launch.queue_url)
        ended = monitor.until_ended().fine()
    scene.resources_are_gone()
    assert scene.computer.status(NAME)["outcome"] == "jobs expired"
    assert f"{NAME} has ended: jobs expired" in ended.out
