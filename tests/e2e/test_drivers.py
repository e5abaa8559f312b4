"""Who drives: a second monitor, cron beside a monitor, cron alone."""

import re

from tests.e2e.scene import NAME, MakeScene, Scene


def held_by(pid: int) -> str:
    return rf"The run is driven by dcp-engine monitor \(process {pid} on "


def test_a_second_monitor_says_who_holds_the_run_and_follows(stage: MakeScene) -> None:
    scene = stage(hold_a_job=True)
    with scene.computer.start("monitor", scene.file) as first:
        first.until_says("RUNNING")
        with scene.computer.start("monitor", scene.file) as second:
            second.until_says(held_by(first.pid))
            # cron in between finds everything in order.
            assert scene.computer.run("tick", "--all").fine().text == ""
            assert f"process {first.pid} " in scene.computer.status(NAME)["driver"]
            scene.give_the_job_back()
            first.until_ended().fine()
            followed = second.until_ended().fine()
    assert "DRAINING → TEARDOWN" in followed.out
    assert f"{NAME} has ended: completed" in followed.out
    assert len(re.findall("The run is driven by", followed.text)) == 1
    scene.is_done()
    assert len(scene.aws.requests.matching("ec2:CancelSpotFleetRequests")) == 1
    assert len(scene.computer.every_run()) == 1


def test_a_second_monitor_takes_over_when_the_first_is_killed(stage: MakeScene) -> None:
    scene = stage(hold_a_job=True)
    with scene.computer.start("monitor", scene.file) as first:
        first.until_says("RUNNING")
        with scene.computer.start("resume", NAME) as second:
            second.until_says(held_by(first.pid))
            first.die()
            scene.give_the_job_back()
            second.until_ended().fine()
    scene.is_done()


def state_of(scene: Scene) -> str:
    stored = scene.computer.stored(NAME)
    assert stored is not None
    return stored.state


def tick(scene: Scene) -> str:
    """One line of cron; what it would mail."""
    return scene.computer.run("tick", "--all").fine().text


def test_cron_alone_sees_a_run_to_its_end(stage: MakeScene) -> None:
    scene = stage(hold_a_job=True)
    registered = scene.computer.run("register", scene.file).fine()
    assert re.search(rf"^  \*/5 \* \* \* \* .* tick {NAME} ", registered.out, re.MULTILINE)
    mails = []
    while state_of(scene) != "DRAINING":
        mails.append(tick(scene))
    assert tick(scene) == ""
    scene.give_the_job_back()
    while state_of(scene) != "EXPORTED":
        mails.append(tick(scene))
        assert len(mails) < 100
    scene.is_done()
    told = "".join(mails)
    for state in ("RUNNING", "DRAINING", "TEARDOWN", "EXPORTED"):
        assert f"  {NAME}  {state}: " in told

    asked = len(scene.aws.requests)
    assert tick(scene) == ""
    assert len(scene.aws.requests) == asked
