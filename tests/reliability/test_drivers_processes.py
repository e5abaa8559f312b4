"""The installed command beside itself: who of the processes changes anything in AWS."""

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.surroundings import no_own_aws
from dcp_engine.simulation.timings import Timings
from tests.e2e.scene import NAME, NOBODY_COMES, Scene
from tests.e2e.ticking import has_problem
from tests.e2e.waiting import until
from tests.reliability.store_witness import Witness

ONE, OTHER = "key-of-the-one", "key-of-the-other"
SHORT_LEASE = {
    "DCP_ENGINE_REQUEST_TIMEOUT": "1s",
    "DCP_ENGINE_TICK_DEADLINE": "2s",
    "DCP_ENGINE_LEASE_TTL": "4s",
}


@pytest.fixture
def aws() -> Iterator[SimulatedAws]:
    """An AWS on the computer's clock."""
    timings = replace(Timings.fast(), export_delay=0.2)
    with no_own_aws(), SimulatedAws(seed=1, timings=timings) as running:
        yield running


@pytest.fixture
def witness(aws: SimulatedAws) -> Witness:
    return Witness(aws)


@pytest.mark.matrix("call", ["ec2:CancelSpotFleetRequests", "sqs:GetQueueAttributes"], sample=1)
def test_a_driver_that_was_frozen_in_a_call_steps_back_when_it_is_woken(
    aws: SimulatedAws, witness: Witness, tmp_path: Path, call: str
) -> None:
    """The call is on the wire when the freeze comes, and never answered."""
    scene = Scene(aws, tmp_path, jobs=2, neighbours=False, hold_a_job=True)
    with scene.computer.start("monitor", scene.file, AWS_ACCESS_KEY_ID=ONE, **SHORT_LEASE) as one:
        one.until_says("RUNNING")
        with scene.computer.start("resume", NAME, AWS_ACCESS_KEY_ID=OTHER, **SHORT_LEASE) as other:
            other.until_says(rf"driven by dcp-engine monitor \(process {one.pid} on ")
            hang = aws.faults.add(call, Fault.HANG)
            scene.give_the_job_back()
            scene.until_hit(hang)
            one.send(signal.SIGSTOP)
            other.until_ended().fine()
        assert call in witness.calls(OTHER)
        made = witness.calls(ONE)
        one.send(signal.SIGCONT)
        followed = one.until_ended().fine()
    assert f"{NAME} has ended: completed" in followed.out
    assert witness.calls(ONE) == made
    aws.faults.clear()
    scene.is_done()


def test_only_the_driver_changes_anything_whatever_others_ask_for(
    aws: SimulatedAws, witness: Witness, tmp_path: Path
) -> None:
    scene = Scene(aws, tmp_path, jobs=40, neighbours=False)
    aws.faults.add("sqs:DeleteQueue", Fault.DENIED, times=None)
    scene.until_machines_are_up(2)
    with scene.computer.start("monitor", scene.file, AWS_ACCESS_KEY_ID=ONE) as monitor:
        monitor.until_says("RUNNING")
        others = {"AWS_ACCESS_KEY_ID": OTHER}
        assert scene.computer.run("tick", "--all", **others).fine().text == ""
        assert witness.calls(OTHER) == []
        asked = scene.computer.run("abort", NAME, "--yes", **others).fine()
        assert f"(process {monitor.pid} on " in asked.out
        until(lambda: queue_fails(scene), "the queue's step does not fail")
        scene.computer.run("waive", NAME, "queue", "--yes", **others).fine()
        monitor.until_ended().fine()
    assert witness.changers() == {ONE}
    status = scene.computer.status(NAME)
    assert (status["state"], status["outcome"]) == ("EXPORTED", "aborted")
    assert len(aws.requests.matching("logs:CreateExportTask")) == 2
    assert {s["name"] for s in status["steps"] if s["ended"] != "done"} == {"queue"}


def queue_fails(scene: Scene) -> bool:
    stored = scene.computer.stored(NAME)
    return stored is not None and has_problem("step-queue")(stored)


def test_release_is_obeyed_by_the_driver_and_leaves_everything(
    aws: SimulatedAws, witness: Witness, tmp_path: Path
) -> None:
    scene = Scene(aws, tmp_path, jobs=2, neighbours=False, scenario=NOBODY_COMES)
    with scene.computer.start("monitor", scene.file, AWS_ACCESS_KEY_ID=ONE) as monitor:
        monitor.until_says("RUNNING")
        scene.computer.run("release", NAME, "--yes", AWS_ACCESS_KEY_ID=OTHER).fine()
        monitor.until_ended().fine()
    assert witness.changers() == {ONE}
    assert set(witness.changes(ONE)) <= {"ec2:CreateTags", "ec2:DeleteTags"}
    assert not scene.launch.fleet.state.startswith("cancelled")
    assert scene.computer.status(NAME)["outcome"] == "released"
