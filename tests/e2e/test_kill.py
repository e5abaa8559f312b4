"""`kill -9` of a driver, and another process that goes on."""

from collections.abc import Mapping
from typing import Any

from dcp_engine.simulation.faults import Fault
from tests.e2e.scene import NAME, MakeScene, Scene

CANCEL = "ec2:CancelSpotFleetRequests"


def go_on(scene: Scene) -> None:
    """Resume, which takes the run at once although the dead process's lease lasts for an hour."""
    assert scene.computer.status(NAME)["driver"] is None
    resumed = scene.computer.run("resume", NAME).fine()
    assert f"Going on with {NAME}" in resumed.out
    assert "The run is driven by" not in resumed.text
    scene.is_done()
    assert len(scene.aws.requests.matching("logs:CreateExportTask")) == 2


def test_while_jobs_wait_and_again_while_the_last_one_is_in_flight(stage: MakeScene) -> None:
    scene = stage(jobs=12, hold_a_job=True)
    with scene.computer.start("monitor", scene.file) as monitor:
        # On a busy computer the next look may be the one that finds no more of them waiting.
        monitor.until_says("PENDING → RUNNING")
        monitor.die()
    with scene.computer.start("resume", NAME) as resumed:
        scene.computer.until_state(NAME, "DRAINING")
        resumed.die()
    assert not scene.was_done(CANCEL)
    scene.give_the_job_back()
    go_on(scene)


def test_in_the_first_cancel_heard_by_aws_or_not(stage: MakeScene) -> None:
    scene = stage()
    scene.aws.faults.add(CANCEL, Fault.HANG, times=None)
    with scene.computer.start("monitor", scene.file) as monitor:
        scene.until_begun(CANCEL, 1)
        monitor.die()
    scene.aws.faults.clear()
    assert scene.launch.fleet.state == "active"

    # It takes effect and nobody hears so; whoever asks again does not come to an end.
    scene.aws.faults.add(CANCEL, Fault.REPLY_LOST)
    scene.aws.faults.add(CANCEL, Fault.HANG, times=None)
    with scene.computer.start("resume", NAME) as resumed:
        scene.until_begun(CANCEL, 3)
        resumed.die()
    scene.aws.faults.clear()
    assert scene.launch.fleet.state != "active"
    go_on(scene)


def test_right_after_the_first_cancel_and_again_while_the_logs_are_exported(
    stage: MakeScene,
) -> None:
    """The export that the dead process began is adopted; a second one would cost and clutter."""
    scene = stage()

    def cancelled(params: Mapping[str, Any]) -> bool:
        return scene.was_done(CANCEL)

    silence = scene.aws.faults.add("*", Fault.HANG, times=None, match=cancelled)
    with scene.computer.start("monitor", scene.file) as monitor:
        scene.until_hit(silence)
        monitor.die()
    assert scene.computer.status(NAME)["state"] == "TEARDOWN"
    scene.aws.faults.clear()

    scene.aws.faults.add("logs:CreateExportTask", Fault.REPLY_LOST)
    scene.aws.faults.add("logs:DescribeExportTasks", Fault.HANG, times=None)
    with scene.computer.start("resume", NAME) as resumed:
        scene.until_begun("logs:CreateExportTask", 1)
        scene.until_begun("logs:DescribeExportTasks", 1)
        resumed.die()
    scene.aws.faults.clear()
    go_on(scene)
