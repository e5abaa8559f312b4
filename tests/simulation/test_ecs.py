"""ECS services, clusters and container instances end as documented."""

from pathlib import Path
from typing import Any

import pytest

from dcp_engine.simulation.launch import Launch, launch_run, register_task
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock

from .conftest import Client
from .helpers import refusal, until

pytestmark = pytest.mark.usefixtures("fleets_end")


@pytest.fixture
def launch(
    aws: SimulatedAws, clock: VirtualClock, tmp_path: Path, request: pytest.FixtureRequest
) -> Launch:
    """A run with a cluster of its own and two machines at work."""
    name = f"E{abs(hash(request.node.name)) % 10**8}"
    launched = launch_run(aws, name, jobs=60, machines=2, directory=tmp_path, cluster=name)
    until(
        clock,
        lambda: (
            sum(1 for m in aws.world.machines.all() if m.job and m.fleet_id == launched.fleet_id)
            == 2
        ),
    )
    return launched


def service(client: Client, launch: Launch) -> dict[str, Any]:
    answer = client("ecs").describe_services(cluster=launch.cluster, services=[launch.service])
    return dict(answer["services"][0])


def cluster(client: Client, launch: Launch) -> dict[str, Any]:
    return dict(client("ecs").describe_clusters(clusters=[launch.cluster])["clusters"][0])


def test_counts_are_of_real_tasks(client: Client, launch: Launch) -> None:
    told = service(client, launch)
    assert (told["desiredCount"], told["runningCount"], told["pendingCount"]) == (2, 2, 0)
    told = cluster(client, launch)
    assert told["activeServicesCount"] == 1
    assert told["registeredContainerInstancesCount"] == 2
    assert told["runningTasksCount"] == 2


def test_a_service_is_deleted_from_zero_and_drains(
    client: Client, clock: VirtualClock, launch: Launch
) -> None:
    ecs = client("ecs")
    named = {"cluster": launch.cluster, "service": launch.service}
    assert refusal(lambda: ecs.delete_service(**named))[0] == "InvalidParameterException"
    ecs.update_service(**named, desiredCount=0)
    assert ecs.delete_service(**named)["service"]["status"] == "DRAINING"
    assert service(client, launch)["status"] == "DRAINING"
    assert ecs.list_services(cluster=launch.cluster)["serviceArns"] == []
    clock.advance(60)
    assert service(client, launch)["status"] == "INACTIVE"
    for call in (
        lambda: ecs.update_service(**named, desiredCount=1),
        lambda: ecs.delete_service(**named),
    ):
        assert refusal(call)[0] == "ServiceNotActiveException"


def test_scaling_a_service_down_takes_the_work_from_its_machines(
    aws: SimulatedAws, client: Client, clock: VirtualClock, launch: Launch
) -> None:
    client("ecs").update_service(cluster=launch.cluster, service=launch.service, desiredCount=0)
    assert len(launch.killed_while_working) == 2
    done = sum(launch.stats.jobs_done.values())
    clock.advance(1800)
    assert sum(launch.stats.jobs_done.values()) == done
    assert service(client, launch)["runningCount"] == 0


def test_unknown_services_and_clusters(client: Client, launch: Launch) -> None:
    ecs = client("ecs")
    answer = ecs.describe_services(cluster=launch.cluster, services=["never-there"])
    assert answer["services"] == []
    assert answer["failures"][0]["reason"] == "MISSING"
    named = {"cluster": launch.cluster, "service": "never-there"}
    assert refusal(lambda: ecs.delete_service(**named))[0] == "ServiceNotFoundException"
    assert refusal(lambda: ecs.list_services(cluster="never-there"))[0] == (
        "ClusterNotFoundException"
    )


def test_a_cluster_is_deleted_only_when_nothing_is_in_it(
    client: Client, clock: VirtualClock, launch: Launch
) -> None:
    ecs, ec2 = client("ecs"), client("ec2")

    def delete() -> Any:
        return ecs.delete_cluster(cluster=launch.cluster)

    assert refusal(delete)[0] == "ClusterContainsServicesException"
    ecs.delete_service(cluster=launch.cluster, service=launch.service, force=True)
    assert refusal(delete)[0] == "ClusterContainsContainerInstancesException"
    ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=launch.fleet_ids, TerminateInstances=True)
    clock.advance(3600)
    arns = ecs.list_container_instances(cluster=launch.cluster)["containerInstanceArns"]
    told = ecs.describe_container_instances(cluster=launch.cluster, containerInstances=arns)
    assert [each["agentConnected"] for each in told["containerInstances"]] == [False, False]
    assert refusal(delete)[0] == "ClusterContainsContainerInstancesException"
    for arn in arns:
        ecs.deregister_container_instance(cluster=launch.cluster, containerInstance=arn)
    assert delete()["cluster"]["status"] == "INACTIVE"
    assert refusal(delete)[0] == "ClusterNotFoundException"
    assert cluster(client, launch)["status"] == "INACTIVE"
    listed = ecs.list_clusters()["clusterArns"]
    assert not any(arn.endswith(f"/{launch.cluster}") for arn in listed)


def test_deregistering_a_busy_machine_needs_force(client: Client, launch: Launch) -> None:
    ecs = client("ecs")
    arn = ecs.list_container_instances(cluster=launch.cluster)["containerInstanceArns"][0]
    named = {"cluster": launch.cluster, "containerInstance": arn}
    assert refusal(lambda: ecs.deregister_container_instance(**named))[0] == (
        "InvalidParameterException"
    )
    ecs.deregister_container_instance(**named, force=True)
    assert cluster(client, launch)["registeredContainerInstancesCount"] == 1
    assert service(client, launch)["runningCount"] == 1


def test_a_service_tells_when_it_was_made(client: Client, clock: VirtualClock) -> None:
    ecs = client("ecs")
    ecs.create_cluster(clusterName="dated")
    made = clock.now()
    ecs.create_service(cluster="dated", serviceName="dated", desiredCount=0)
    clock.advance(100)
    answer = ecs.describe_services(cluster="dated", services=["dated"])
    assert answer["services"][0]["createdAt"] == made


def test_task_definitions_come_100_at_a_time(aws: SimulatedAws, client: Client) -> None:
    for _ in range(105):
        register_task(aws, "ManyTask")
    ecs = client("ecs")
    first = ecs.list_task_definitions(familyPrefix="ManyTask")
    rest = ecs.list_task_definitions(familyPrefix="ManyTask", nextToken=first["nextToken"])
    assert [len(first["taskDefinitionArns"]), len(rest["taskDefinitionArns"])] == [100, 5]
    assert "nextToken" not in rest
    assert refusal(lambda: ecs.list_task_definitions(maxResults=101))[0] == (
        "InvalidParameterException"
    )
