"""What needs a simulated AWS of its own: the computer's clock, seeds, other timings."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from dcp_engine.aws.session import plain_client
from dcp_engine.simulation.launch import launch_run
from dcp_engine.simulation.runs import Scenario
from dcp_engine.simulation.server import SimulatedAws, SimulationError
from dcp_engine.simulation.timings import Timings
from dcp_engine.simulation.virtual_clock import VirtualClock


def wait_for(reached: Callable[[], bool], seconds: float = 30) -> None:
    """Wait on the computer's clock until something is so, or fail."""
    never = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if reached():
            return
        never.wait(0.05)
    raise AssertionError(f"not so after {seconds} seconds")


def test_on_the_computers_clock_the_world_moves_by_itself(tmp_path: Path) -> None:
    log = tmp_path / "requests.jsonl"
    with SimulatedAws(timings=Timings.fast(), request_log=log) as aws:
        launch = launch_run(aws, "Real", jobs=2, machines=2, directory=tmp_path)
        wait_for(launch.all_jobs_done)
        client = plain_client("ec2", endpoint_url=aws.endpoint_url, region=aws.region)
        client.cancel_spot_fleet_requests(
            SpotFleetRequestIds=launch.fleet_ids, TerminateInstances=True
        )
        wait_for(lambda: launch.fleet.state == "cancelled")
        environment = aws.environment()
    assert environment["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert environment["AWS_CONFIG_FILE"] == os.devnull
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["name"] for line in lines] == ["ec2:CancelSpotFleetRequests"]
    assert lines[0]["status"] == 200


def test_the_same_seed_tells_the_same_story(tmp_path: Path) -> None:
    def story(seed: int) -> object:
        clock = VirtualClock()
        with SimulatedAws(clock=clock, seed=seed) as aws:
            scenario = Scenario(crash=0.5)
            launch = launch_run(
                aws, "Seed", jobs=20, machines=3, directory=tmp_path, scenario=scenario
            )
            clock.advance(3600)
            return launch.fleet_id, sorted(launch.stats.jobs_done), launch.stats.crashed

    assert story(7) == story(7)
    assert story(7) != story(8)


def test_with_instant_timings_all_has_settled_by_the_next_request(tmp_path: Path) -> None:
    clock = VirtualClock()
    with SimulatedAws(clock=clock, timings=Timings.instant()) as aws:
        launch = launch_run(aws, "Instant", jobs=4, machines=2, directory=tmp_path)
        ec2, sqs, ecs = (
            plain_client(name, endpoint_url=aws.endpoint_url, region=aws.region)
            for name in ("ec2", "sqs", "ecs")
        )
        found = ec2.describe_spot_fleet_instances(SpotFleetRequestId=launch.fleet_id)
        assert len(found["ActiveInstances"]) == 2
        clock.advance(2)
        assert launch.all_jobs_done()
        ec2.cancel_spot_fleet_requests(
            SpotFleetRequestIds=launch.fleet_ids, TerminateInstances=True
        )
        ecs.delete_service(cluster=launch.cluster, service=launch.service, force=True)
        sqs.delete_queue(QueueUrl=launch.queue_url)
        told = ec2.describe_spot_fleet_requests(SpotFleetRequestIds=launch.fleet_ids)
        assert told["SpotFleetRequestConfigs"][0]["SpotFleetRequestState"] == "cancelled"
        services = ecs.describe_services(cluster=launch.cluster, services=[launch.service])
        assert services["services"][0]["status"] == "INACTIVE"
        assert len(sqs.list_queues()["QueueUrls"]) == 1


def test_a_defect_of_the_simulation_does_not_pass_unseen() -> None:
    def broken() -> None:
        with SimulatedAws(clock=VirtualClock()) as aws:
            aws.world.fleets.find = None  # type: ignore[method-assign, assignment]
            ec2 = plain_client("ec2", endpoint_url=aws.endpoint_url, region=aws.region)
            with pytest.raises(ec2.exceptions.ClientError, match="The simulation crashed"):
                ec2.describe_spot_fleet_instances(
                    SpotFleetRequestId="sfr-00000000-0000-4000-8000-000000000000"
                )

    with pytest.raises(SimulationError, match="itself failed"):
        broken()
    with SimulatedAws(clock=VirtualClock()) as another:
        assert another.crashes == []


def test_a_world_that_breaks_between_requests_is_told_too() -> None:
    def break_down() -> None:
        raise ArithmeticError("the world's end")

    def broken() -> None:
        with SimulatedAws(timings=Timings.instant()) as aws:
            aws.world.timeline.schedule(0, break_down)
            wait_for(lambda: bool(aws.crashes))

    with pytest.raises(SimulationError, match="the world's end"):
        broken()


def test_stopping_twice_or_never_having_run_harms_nobody() -> None:
    with SimulatedAws(clock=VirtualClock()) as aws:
        SimulatedAws().stop()
        with pytest.raises(SimulationError, match="Another"):
            SimulatedAws().start()
        aws.stop()
        aws.stop()
        with pytest.raises(SimulationError, match="not running"):
            _ = aws.endpoint_url
