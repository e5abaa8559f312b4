"""`dcp-engine abort`: it says what will be lost, asks, and then everything goes."""

from collections.abc import Iterator
from contextlib import contextmanager

from dcp_engine.simulation.faults import Fault
from tests.e2e.scene import NAME, NOBODY_COMES, MakeScene, Scene

ASKED = r"Abort the run\? \[y/N\]: "


@contextmanager
def aborted(scene: Scene) -> Iterator[None]:
    """Whatever is done in the block ends the run as aborted, with its logs brought home."""
    yield
    own = scene.resources_are_gone()
    assert len(own["exports"]) == 2
    status = scene.computer.status(NAME)
    assert (status["state"], status["outcome"]) == ("EXPORTED", "aborted")
    assert status["problems"] == []
    assert {step["ended"] for step in status["steps"]} == {"done"}


def test_without_a_driver(stage: MakeScene) -> None:
    scene = stage(jobs=6, scenario=NOBODY_COMES)
    scene.computer.run("register", scene.file).fine()
    with aborted(scene):
        said = scene.computer.run("abort", NAME, "--yes").fine()
        assert "6 jobs waiting or in flight will be lost" in said.out
        assert f"dcp-engine resume {NAME}" in said.out
        assert scene.was_done("ec2:CancelSpotFleetRequests")
        scene.computer.run("resume", NAME).fine()
    again = scene.computer.run("abort", NAME, "--yes").fine()
    assert "has already ended" in again.out


def test_a_monitor_in_another_terminal_obeys(stage: MakeScene) -> None:
    scene = stage(jobs=60)
    scene.until_machines_are_up(2)
    with scene.computer.start("monitor", scene.file) as monitor, aborted(scene):
        monitor.until_says("RUNNING")
        said = scene.computer.run("abort", NAME, "--yes").fine()
        assert f"(process {monitor.pid} on " in said.out
        ended = monitor.until_ended().fine()
    assert f"{NAME} has ended: aborted" in ended.out
    assert not scene.launch.all_jobs_done()


def test_nobody_there_to_be_asked(stage: MakeScene) -> None:
    scene = stage(scenario=NOBODY_COMES, neighbours=False)
    scene.computer.run("register", scene.file).fine()
    before = scene.computer.run("status", NAME).fine().out
    scene.aws.requests.clear()
    refused = scene.computer.run("abort", NAME)
    assert refused.code == 2
    assert "jobs waiting or in flight will be lost" in refused.out
    assert "--yes" in refused.err
    assert set(scene.aws.requests.names()) <= {
        "sts:GetCallerIdentity",
        "sqs:GetQueueUrl",
        "sqs:GetQueueAttributes",
    }
    assert "ABORT" not in scene.computer.run("status", NAME).fine().out
    assert scene.computer.status(NAME)["state"] == "PENDING", before


def test_it_asks_and_takes_no_for_an_answer(stage: MakeScene) -> None:
    scene = stage(jobs=3, scenario=NOBODY_COMES)
    scene.computer.run("register", scene.file).fine()
    with scene.computer.in_a_terminal("abort", NAME) as terminal:
        terminal.until_shows(ASKED)
        assert "3 jobs waiting or in flight will be lost" in terminal.screen
        terminal.type("n\n")
        assert terminal.until_ended() == 0
    assert "Nothing was changed" in terminal.screen
    assert scene.computer.status(NAME)["abort_requested"] is False

    scene.aws.faults.add("sqs:GetQueueAttributes", Fault.DENIED)
    with aborted(scene):
        with scene.computer.in_a_terminal("abort", NAME) as terminal:
            terminal.until_shows(ASKED)
            assert "could not be counted" in terminal.screen
            terminal.type("y\n")
            terminal.until_ended()
        assert scene.was_done("ec2:CancelSpotFleetRequests")
        scene.computer.run("resume", NAME).fine()
