"""Which run is meant, and what is whose, when names recur."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import launch_run, request_fleet
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.snapshot import belonging_to, snapshot
from dcp_engine.status import Status
from tests.e2e.scene import NAME, NOBODY_COMES, SHORT_JOBS, MakeScene
from tests.e2e.ticking import has_problem, machines_seen, problem, ticks_until
from tests.e2e.waiting import until
from tests.engine.rig import leftovers

ELSEWHERE = "us-west-2"


def only_the_logs_are_left(status: Status) -> bool:
    left = {step.name for step in status.steps if not step.ended}
    return bool(status.steps) and left == {"logs", "report", "last-look"}


def test_a_new_run_of_the_same_name_is_untouched_by_the_old_ones_teardown(
    stage: MakeScene, tmp_path: Path
) -> None:
    scene = stage(jobs=4, auto_monitor=False, hold_a_job=True, neighbours=False)
    scene.computer.run("register", scene.file).fine()
    ticks_until(scene, machines_seen)
    scene.give_the_job_back()
    refused = scene.aws.faults.add("logs:*", Fault.DENIED, times=None)
    ticks_until(scene, only_the_logs_are_left)
    ticks_until(scene, lambda _: refused.hits > 0)
    new = launch_run(
        scene.aws,
        NAME,
        jobs=300,
        machines=2,
        directory=tmp_path / "new",
        cluster=scene.launch.cluster,
        scenario=SHORT_JOBS,
    )
    until(lambda: len(new.live_instance_ids) == 2, "the new machines do not come")
    # While the old one is being taken down the new one's file is refused, and nothing adopted.
    register = scene.computer.run("register", new.monitor_file)
    assert register.code == 4
    assert "still being torn down" in register.err
    assert new.fleet_id in register.err

    scene.aws.faults.clear()
    (old,) = scene.computer.every_run()
    scene.computer.run("resume", old["run_id"]).fine()
    assert new.fleet.state == "active"
    assert len(new.live_instance_ids) == 2
    own, _ = belonging_to(snapshot(scene.aws), new)
    assert new.queue_name in own["queues"]
    assert own["services"][f"{new.cluster}/{new.service}"]["status"] == "ACTIVE"
    assert own["clusters"][new.cluster]["status"] == "ACTIVE"
    assert {f"{NAME}_{instance}" for instance in new.live_instance_ids} <= set(own["alarms"])
    assert not set(scene.launch.live_instance_ids)

    scene.computer.run("register", new.monitor_file).fine()
    assert len({run["run_id"] for run in scene.computer.every_run()}) == 2
    # The name means the live one now.
    status = scene.computer.status(NAME)
    assert (status["state"], status["fleets"][0]["id"]) == ("PENDING", new.fleet_id)


def test_a_file_that_became_another_runs_adopts_nothing(stage: MakeScene, tmp_path: Path) -> None:
    scene = stage(scenario=NOBODY_COMES, neighbours=False)
    stranger = launch_run(
        scene.aws,
        "Other",
        jobs=2,
        machines=1,
        directory=tmp_path / "other",
        scenario=NOBODY_COMES,
    )
    scene.computer.run("register", scene.file).fine()
    scene.computer.run("tick", NAME)
    scene.file.write_bytes(stranger.monitor_file.read_bytes())
    ticks_until(scene, has_problem("monitor-file"))
    assert stranger.fleet_id in problem(scene, "monitor-file")
    assert [fleet["id"] for fleet in scene.computer.status(NAME)["fleets"]] == [
        scene.launch.fleet_id
    ]
    scene.computer.run("abort", NAME, "--yes")
    scene.computer.run("resume", NAME)
    assert scene.computer.status(NAME)["state"] == "EXPORTED"
    own, others = scene.held_by_aws()
    assert leftovers(own) == {}
    assert others["fleets"][stranger.fleet_id]["state"] == "active"
    assert others["queues"][stranger.queue_name]["visible"] == 2


@contextmanager
def in_region(aws: SimulatedAws, region: str) -> Iterator[None]:
    """Whatever is launched or looked at in the block is in that region."""
    home, aws.region = aws.region, region
    try:
        yield
    finally:
        aws.region = home


def test_the_same_name_in_two_regions_needs_the_id(stage: MakeScene, tmp_path: Path) -> None:
    scene = stage(scenario=NOBODY_COMES, neighbours=False)
    queue = scene.launch.queue_name
    with in_region(scene.aws, ELSEWHERE):
        fleet_id = request_fleet(scene.aws, NAME, 1)
        scene.aws.light_client("sqs").create_queue(QueueName=queue)
    file = tmp_path / "elsewhere.json"
    file.write_text(
        json.dumps({**json.loads(scene.file.read_text()), "MONITOR_FLEET_ID": fleet_id})
    )
    wrong = scene.computer.run("register", file)
    assert wrong.code == 4
    assert "--region" in wrong.err

    scene.computer.run("register", scene.file).fine()
    scene.computer.run("register", file, "--region", ELSEWHERE).fine()
    runs = {run["region"]: run["run_id"] for run in scene.computer.every_run()}
    assert runs.keys() == {scene.aws.region, ELSEWHERE}
    asked = scene.computer.run("abort", NAME, "--yes")
    assert asked.code == 2
    for run_id in runs.values():
        assert run_id in asked.text
    assert not scene.was_done("ec2:CancelSpotFleetRequests")

    scene.computer.run("abort", runs[scene.aws.region], "--yes")
    scene.computer.run("resume", runs[scene.aws.region]).fine()
    scene.resources_are_gone()
    with in_region(scene.aws, ELSEWHERE):
        there = snapshot(scene.aws)
    assert there["fleets"][fleet_id] == {"state": "active", "target": 1}
    assert queue in there["queues"]
