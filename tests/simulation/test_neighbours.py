"""Snapshots show what AWS holds, and neighbours hold still."""

from pathlib import Path

import pytest

from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.neighbours import Neighbours, launch_neighbours
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.snapshot import belonging_to, snapshot
from dcp_engine.simulation.virtual_clock import VirtualClock

from .conftest import Client
from .helpers import until

KINDS = {
    "alarms",
    "clusters",
    "container_instances",
    "dashboards",
    "exports",
    "fleets",
    "instances",
    "log_groups",
    "objects",
    "queues",
    "services",
    "task_definitions",
    "volumes",
}


@pytest.fixture(scope="module")
def launch(
    aws: SimulatedAws, clock: VirtualClock, tmp_path_factory: pytest.TempPathFactory
) -> Launch:
    return launch_run(
        aws,
        "Exp1",
        jobs=8,
        machines=2,
        directory=tmp_path_factory.mktemp("files"),
        cluster="Exp1",
        auto_monitor=True,
    )


@pytest.fixture(scope="module")
def neighbours(
    aws: SimulatedAws, clock: VirtualClock, launch: Launch, tmp_path_factory: pytest.TempPathFactory
) -> Neighbours:
    there = launch_neighbours(aws, "Exp1", tmp_path_factory.mktemp("others"))
    clock.advance(600)
    return there


def test_neighbours_do_nothing_by_themselves(
    aws: SimulatedAws, clock: VirtualClock, launch: Launch, neighbours: Neighbours
) -> None:
    _, before = belonging_to(snapshot(aws), launch)
    until(clock, launch.all_jobs_done)
    clock.advance(3600)
    _, after = belonging_to(snapshot(aws), launch)
    assert after == before


def test_there_are_neighbours_of_every_kind(
    aws: SimulatedAws, launch: Launch, neighbours: Neighbours
) -> None:
    taken = snapshot(aws)
    own, others = belonging_to(taken, launch)
    assert set(taken) == set(own) == set(others) == KINDS
    for kind in KINDS - {"exports", "container_instances"}:
        assert others[kind], kind
        assert own[kind], kind
    assert "Exp1Queue2" in others["queues"]
    assert "Exp1Task_v2:1" in others["task_definitions"]
    assert "my_Exp1_dash" in others["dashboards"]
    assert set(neighbours.fleet_ids) == set(others["fleets"])
    assert set(own["queues"]) == {"Exp1Queue"}
    assert set(own["fleets"]) == set(launch.fleet_ids)


def test_a_snapshot_sees_every_change(
    aws: SimulatedAws, client: Client, launch: Launch, neighbours: Neighbours
) -> None:
    before = snapshot(aws)
    requests = len(aws.requests)
    client("sqs").send_message(
        QueueUrl=launch.queue_url.replace("Exp1Queue", "Exp1Queue2"), MessageBody="{}"
    )
    client("cloudwatch").delete_dashboards(DashboardNames=["my_Exp1_dash"])
    client("s3").put_object(Bucket=launch.bucket, Key="new", Body=b"")
    client("ecs").update_service(cluster="default", service="Exp1Service2", desiredCount=3)
    after = snapshot(aws)
    assert len(aws.requests) == requests + 4
    changed = {
        (kind, name)
        for kind in KINDS
        for name in {*before[kind], *after[kind]}
        if before[kind].get(name) != after[kind].get(name)
    }
    assert changed == {
        ("queues", "Exp1Queue2"),
        ("dashboards", "my_Exp1_dash"),
        ("objects", f"{launch.bucket}/new"),
        ("services", "default/Exp1Service2"),
    }


def test_monitor_files_are_written_beside_the_runs(neighbours: Neighbours, tmp_path: Path) -> None:
    assert all(path.exists() for path in neighbours.monitor_files)
    assert {path.name for path in neighbours.monitor_files} == {
        f"{name}SpotFleetRequestId.json" for name in neighbours.app_names
    }
