"""Leaving a run that one watches, and going on with it."""

import signal

from dcp_engine.simulation.faults import Fault
from tests.e2e.scene import NAME, MakeScene


def test_a_signal_detaches_and_the_last_line_says_how_to_go_on(stage: MakeScene) -> None:
    scene = stage(hold_a_job=True)
    # The option, not the variable: what was given on the line has to be given again.
    database = ("--db", str(scene.computer.database))
    here = {"DCP_ENGINE_DB": None}
    command: tuple[object, ...] = ("monitor", scene.file)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with scene.computer.start(*command, *database, **here) as driver:
            driver.until_says(r"\d\d:\d\d:\d\d  jobs ")
            driver.send(number)
            left = driver.until_ended().fine()
        assert left.err.splitlines()[-1].endswith(
            f"Go on with: dcp-engine resume {NAME} {' '.join(database)}"
        )
        assert scene.computer.status(NAME)["driver"] is None
        command = ("resume", NAME)
    assert not scene.was_done("ec2:CancelSpotFleetRequests")

    scene.give_the_job_back()
    scene.computer.run("resume", NAME, *database, **here).fine()
    scene.is_done()


def test_a_closed_terminal_detaches(stage: MakeScene) -> None:
    scene = stage(hold_a_job=True)
    with scene.computer.in_a_terminal("monitor", scene.file) as terminal:
        terminal.until_shows("RUNNING")
        terminal.close()
        assert terminal.until_ended() == 0
    assert scene.computer.status(NAME)["driver"] is None
    assert not scene.was_done("ec2:CancelSpotFleetRequests")

    scene.give_the_job_back()
    scene.computer.run("resume", NAME).fine()
    scene.is_done()


def test_a_second_ctrl_c_does_not_wait_for_aws(stage: MakeScene) -> None:
    scene = stage(hold_a_job=True)
    with scene.computer.start("monitor", scene.file, DCP_ENGINE_REQUEST_TIMEOUT="110s") as monitor:
        monitor.until_says("RUNNING")
        scene.until_hit(scene.aws.faults.add("*", Fault.HANG, times=None))
        monitor.send(signal.SIGINT)
        monitor.until_says("Ctrl-C once more leaves at once")
        monitor.send(signal.SIGINT)
        left = monitor.until_ended()
    assert left.code == 130
    assert left.err.splitlines()[-1].endswith(f"Go on with: dcp-engine resume {NAME}")

    scene.aws.faults.clear()
    scene.give_the_job_back()
    scene.computer.run("resume", NAME).fine()
    scene.is_done()
