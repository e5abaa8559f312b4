"""EC2 instances end step by step, and unknown ids are errors."""

from dcp_engine.simulation.launch import request_fleet
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock

from .conftest import Client
from .helpers import refusal, until

UNKNOWN = "i-00000000000000000"


def test_unknown_ids_fail_the_whole_call(
    aws: SimulatedAws, clock: VirtualClock, client: Client
) -> None:
    fleet_id = request_fleet(aws, "Some", 1)
    until(clock, lambda: len(aws.world.machines.of_fleet(fleet_id)) == 1)
    known = aws.world.machines.of_fleet(fleet_id)[0].instance_id
    ec2 = client("ec2")
    for call in (
        lambda: ec2.describe_instances(InstanceIds=[known, UNKNOWN]),
        lambda: ec2.terminate_instances(InstanceIds=[known, UNKNOWN]),
    ):
        assert refusal(call) == ("InvalidInstanceID.NotFound", 400)
    assert refusal(lambda: ec2.describe_instances(InstanceIds=["i-nonsense"]))[0] == (
        "InvalidInstanceID.Malformed"
    )
    assert len(aws.world.machines.of_fleet(fleet_id)) == 1


def test_terminating_passes_through_shutting_down(
    aws: SimulatedAws, clock: VirtualClock, client: Client
) -> None:
    fleet_id = request_fleet(aws, "Ending", 1)
    until(clock, lambda: len(aws.world.machines.of_fleet(fleet_id)) == 1)
    clock.advance(30)
    instance_id = aws.world.machines.of_fleet(fleet_id)[0].instance_id
    ec2 = client("ec2")

    def told() -> str:
        answer = ec2.describe_instances(InstanceIds=[instance_id])
        return str(answer["Reservations"][0]["Instances"][0]["State"]["Name"])

    assert told() == "running"
    change = ec2.terminate_instances(InstanceIds=[instance_id])["TerminatingInstances"][0]
    assert change["PreviousState"]["Name"] == "running"
    assert change["CurrentState"]["Name"] == "shutting-down"
    assert told() == "shutting-down"
    clock.advance(60)
    assert told() == "terminated"
    again = ec2.terminate_instances(InstanceIds=[instance_id])["TerminatingInstances"][0]
    assert again["CurrentState"]["Name"] == "terminated"


def test_instances_of_no_fleet_are_motos(client: Client) -> None:
    ec2 = client("ec2")
    run = ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1)
    instance_id = run["Instances"][0]["InstanceId"]
    ec2.terminate_instances(InstanceIds=[instance_id])
    answer = ec2.describe_instances(InstanceIds=[instance_id])
    assert answer["Reservations"][0]["Instances"][0]["State"]["Name"] == "terminated"
