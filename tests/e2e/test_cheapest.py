"""Cheapest mode: one machine is requested from some moment on, and those that are up stay."""

import signal
from dataclasses import replace

from tests.e2e.scene import NAME, MakeScene, Scene


def targets(scene: Scene) -> list[tuple[object, object]]:
    """Every capacity that was asked for, and what was to become of machines above it."""
    return [
        (record.params["TargetCapacity"], record.params.get("ExcessCapacityTerminationPolicy"))
        for record in scene.aws.requests.matching("ec2:ModifySpotFleetRequest")
    ]


def test_one_machine_is_requested_and_those_that_are_up_stay(stage: MakeScene) -> None:
    scene = stage(jobs=9, machines=3, hold_a_job=True)
    # The jobs may be done before the command has started: no idle alarm ends a machine for that.
    timeline = scene.aws.world.timeline
    timeline.timings = replace(timeline.timings, idle_alarm_after=3600)
    scene.until_machines_are_up(3)
    with scene.computer.start("monitor", scene.file, "--cheapest") as monitor:
        monitor.until_says("Cheapest mode is engaged")
        monitor.until_says("Cheapest mode acts now: 3 of the requested 3 units")
        scene.until_asked("ec2:ModifySpotFleetRequest")
        assert scene.launch.fleet.target == 1
        assert len(scene.launch.live_instance_ids) == 3
        scene.give_the_job_back()
        monitor.until_ended().fine()

    status = scene.is_done()
    assert (status["cheapest"], status["cheapest_acted"]) == (True, True)
    assert targets(scene) == [(1, "noTermination")]
    own, _ = scene.held_by_aws()
    assert own["fleets"][scene.launch.fleet_id]["target"] == 1


def test_the_word_true_engages_it_and_the_word_false_leaves_it_until_it_has_acted(
    stage: MakeScene,
) -> None:
    scene = stage(hold_a_job=True)
    later = {"DCP_ENGINE_CHEAPEST_AFTER": "1h"}
    with scene.computer.start("monitor", scene.file, "True", **later) as monitor:
        monitor.until_says("Cheapest mode was engaged")
        assert scene.computer.status(NAME)["cheapest"] is True
        monitor.send(signal.SIGINT)
        monitor.until_ended().fine()
    with scene.computer.start("monitor", scene.file, "False") as monitor:
        monitor.until_says("Cheapest mode was disengaged")
        scene.give_the_job_back()
        monitor.until_ended().fine()
    status = scene.is_done()
    assert (status["cheapest"], status["cheapest_acted"]) == (False, False)
    assert targets(scene) == []


def test_the_word_false_engages_nothing(stage: MakeScene) -> None:
    scene = stage(neighbours=False)
    with scene.computer.start("monitor", scene.file, "False") as monitor:
        monitor.until_says("RUNNING")
        assert scene.computer.status(NAME)["cheapest"] is False
        monitor.send(signal.SIGINT)
        monitor.until_ended().fine()
    assert targets(scene) == []
