"""Spot fleets behave as EC2 documents them, where moto does not."""

from datetime import timedelta
from typing import Any

import pytest

from dcp_engine.simulation.launch import request_fleet
from dcp_engine.simulation.machines import Cause
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock

from .conftest import Client
from .helpers import refusal, until

pytestmark = pytest.mark.usefixtures("fleets_end")

UNKNOWN = "sfr-00000000-0000-4000-8000-000000000000"


def described(client: Client, fleet_id: str) -> dict[str, Any]:
    answer = client("ec2").describe_spot_fleet_requests(SpotFleetRequestIds=[fleet_id])
    return dict(answer["SpotFleetRequestConfigs"][0])


def state(client: Client, fleet_id: str) -> str:
    return str(described(client, fleet_id)["SpotFleetRequestState"])


def instances(client: Client, fleet_id: str) -> list[str]:
    pages = client("ec2").get_paginator("describe_spot_fleet_instances")
    return [
        instance["InstanceId"]
        for page in pages.paginate(SpotFleetRequestId=fleet_id)
        for instance in page["ActiveInstances"]
    ]


@pytest.fixture
def filled(aws: SimulatedAws, clock: VirtualClock, client: Client) -> str:
    """A fleet that has its three machines."""
    fleet_id = request_fleet(aws, "Filled", 3)
    until(clock, lambda: len(instances(client, fleet_id)) == 3)
    return fleet_id


def test_a_new_fleet_waits_for_capacity(
    aws: SimulatedAws, clock: VirtualClock, client: Client
) -> None:
    fleet_id = request_fleet(aws, "New", 2)
    new = described(client, fleet_id)
    assert new["SpotFleetRequestState"] == "submitted"
    assert new["ActivityStatus"] == "pending_fulfillment"
    assert new["CreateTime"] == clock.now().replace(microsecond=0)
    assert new["SpotFleetRequestConfig"]["Type"] == "maintain"
    assert new["SpotFleetRequestConfig"]["FulfilledCapacity"] == 0.0
    assert new["Tags"] == [{"Key": "Name", "Value": "NewSpotFleet"}]
    clock.advance(5)
    assert state(client, fleet_id) == "active"
    until(clock, lambda: described(client, fleet_id)["ActivityStatus"] == "fulfilled")
    assert described(client, fleet_id)["SpotFleetRequestConfig"]["FulfilledCapacity"] == 2.0


def test_weights_count_in_units(aws: SimulatedAws, clock: VirtualClock, client: Client) -> None:
    fleet_id = request_fleet(aws, "Heavy", 8, (4.0,))
    until(clock, lambda: described(client, fleet_id)["ActivityStatus"] == "fulfilled")
    assert len(instances(client, fleet_id)) == 2
    specs = described(client, fleet_id)["SpotFleetRequestConfig"]["LaunchSpecifications"]
    assert [spec["WeightedCapacity"] for spec in specs] == [4.0]


def test_unknown_and_malformed_ids_are_errors(client: Client) -> None:
    ec2 = client("ec2")
    for call in (
        lambda: ec2.describe_spot_fleet_requests(SpotFleetRequestIds=[UNKNOWN]),
        lambda: ec2.describe_spot_fleet_instances(SpotFleetRequestId=UNKNOWN),
        lambda: ec2.modify_spot_fleet_request(SpotFleetRequestId=UNKNOWN, TargetCapacity=1),
        lambda: ec2.describe_spot_fleet_request_history(
            SpotFleetRequestId=UNKNOWN, StartTime="2030-01-01"
        ),
    ):
        assert refusal(call) == ("InvalidSpotFleetRequestId.NotFound", 400)
    assert refusal(lambda: ec2.describe_spot_fleet_instances(SpotFleetRequestId="sfr-1"))[0] == (
        "InvalidSpotFleetRequestId.Malformed"
    )


def test_another_region_does_not_know_the_fleet(aws: SimulatedAws, filled: str) -> None:
    elsewhere = aws.client("ec2", "eu-west-1")
    code, _ = refusal(lambda: elsewhere.describe_spot_fleet_requests(SpotFleetRequestIds=[filled]))
    assert code == "InvalidSpotFleetRequestId.NotFound"


def test_lists_are_paged(client: Client, filled: str) -> None:
    ec2 = client("ec2")
    first = ec2.describe_spot_fleet_instances(SpotFleetRequestId=filled, MaxResults=2)
    rest = ec2.describe_spot_fleet_instances(
        SpotFleetRequestId=filled, MaxResults=2, NextToken=first["NextToken"]
    )
    assert [len(first["ActiveInstances"]), len(rest["ActiveInstances"])] == [2, 1]
    assert "NextToken" not in rest
    assert {i["InstanceHealth"] for i in first["ActiveInstances"]} == {"healthy"}
    request = {"SpotFleetRequestId": filled, "MaxResults": 1001}
    assert refusal(lambda: ec2.describe_spot_fleet_instances(**request))[0] == (
        "InvalidParameterValue"
    )


def test_machines_are_spot_instances_with_the_fleets_tag(client: Client, filled: str) -> None:
    named = [{"Name": "tag:aws:ec2spot:fleet-request-id", "Values": [filled]}]
    answer = client("ec2").describe_instances(Filters=named)
    found = [i for r in answer["Reservations"] for i in r["Instances"]]
    assert {i["InstanceId"] for i in found} == set(instances(client, filled))
    assert {i["InstanceLifecycle"] for i in found} == {"spot"}
    assert all(i["SpotInstanceRequestId"].startswith("sir-") for i in found)


def test_a_lost_machine_is_replaced(client: Client, clock: VirtualClock, filled: str) -> None:
    before = instances(client, filled)
    client("ec2").terminate_instances(InstanceIds=before[:1])
    assert instances(client, filled) == before[1:]
    until(clock, lambda: len(instances(client, filled)) == 3)
    assert before[0] not in instances(client, filled)


def test_lowering_without_termination_ends_nothing_and_replaces_nothing(
    client: Client, clock: VirtualClock, filled: str
) -> None:
    before = instances(client, filled)
    ec2 = client("ec2")
    ec2.modify_spot_fleet_request(
        SpotFleetRequestId=filled, TargetCapacity=1, ExcessCapacityTerminationPolicy="noTermination"
    )
    assert state(client, filled) == "modifying"
    clock.advance(600)
    assert state(client, filled) == "active"
    assert instances(client, filled) == before
    ec2.terminate_instances(InstanceIds=before[:2])
    clock.advance(600)
    assert instances(client, filled) == before[2:]


@pytest.mark.parametrize("given", [{}, {"ExcessCapacityTerminationPolicy": "default"}])
def test_lowering_by_default_terminates(
    client: Client, clock: VirtualClock, filled: str, given: dict[str, str]
) -> None:
    client("ec2").modify_spot_fleet_request(SpotFleetRequestId=filled, TargetCapacity=1, **given)
    clock.advance(600)
    assert len(instances(client, filled)) == 1


def test_only_an_active_fleet_can_be_modified(client: Client, filled: str) -> None:
    ec2 = client("ec2")

    def lower() -> Any:
        return ec2.modify_spot_fleet_request(
            SpotFleetRequestId=filled,
            TargetCapacity=2,
            ExcessCapacityTerminationPolicy="noTermination",
        )

    lower()
    assert refusal(lower)[0] == "FleetNotInModifiableState"
    ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[filled], TerminateInstances=False)
    assert refusal(lower)[0] == "FleetNotInModifiableState"


def test_cancelling_with_termination_takes_its_time(
    client: Client, clock: VirtualClock, filled: str
) -> None:
    ids = instances(client, filled)
    ec2 = client("ec2")
    answer = ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[filled], TerminateInstances=True)
    assert answer["SuccessfulFleetRequests"] == [
        {
            "SpotFleetRequestId": filled,
            "PreviousSpotFleetRequestState": "active",
            "CurrentSpotFleetRequestState": "cancelled_terminating",
        }
    ]
    assert described(client, filled)["ActivityStatus"] == "pending_termination"

    def states() -> set[str]:
        found = ec2.describe_instances(InstanceIds=ids)["Reservations"]
        return {i["State"]["Name"] for r in found for i in r["Instances"]}

    clock.advance(10)
    assert states() == {"shutting-down"}
    assert state(client, filled) == "cancelled_terminating"
    clock.advance(60)
    assert states() == {"terminated"}
    assert state(client, filled) == "cancelled"
    clock.advance(3700)
    assert refusal(lambda: ec2.describe_instances(InstanceIds=ids))[0] == (
        "InvalidInstanceID.NotFound"
    )
    clock.advance(48 * 3600)
    assert refusal(lambda: state(client, filled))[0] == "InvalidSpotFleetRequestId.NotFound"


def test_cancelling_without_termination_leaves_the_machines(
    client: Client, clock: VirtualClock, filled: str
) -> None:
    ids = instances(client, filled)
    ec2 = client("ec2")
    answer = ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[filled], TerminateInstances=False)
    told = answer["SuccessfulFleetRequests"][0]["CurrentSpotFleetRequestState"]
    assert told == "cancelled_running"
    clock.advance(3600)
    assert state(client, filled) == "cancelled_running"
    assert instances(client, filled) == ids
    again = ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[filled], TerminateInstances=True)
    assert again["SuccessfulFleetRequests"] == []
    assert again["UnsuccessfulFleetRequests"][0]["Error"]["Code"] == (
        "fleetRequestNotInCancellableState"
    )
    assert instances(client, filled) == ids
    ec2.terminate_instances(InstanceIds=ids)
    clock.advance(120)
    assert state(client, filled) == "cancelled"


def test_cancelling_tells_each_id_apart(aws: SimulatedAws, client: Client) -> None:
    good = request_fleet(aws, "Good", 1)
    answer = client("ec2").cancel_spot_fleet_requests(
        SpotFleetRequestIds=[UNKNOWN, "nonsense", good], TerminateInstances=True
    )
    assert [each["SpotFleetRequestId"] for each in answer["SuccessfulFleetRequests"]] == [good]
    codes = {
        each["SpotFleetRequestId"]: each["Error"]["Code"]
        for each in answer["UnsuccessfulFleetRequests"]
    }
    assert codes == {UNKNOWN: "fleetRequestIdDoesNotExist", "nonsense": "fleetRequestIdMalformed"}
    assert state(client, good) == "cancelled"


def test_no_more_than_100_can_be_cancelled_at_once(aws: SimulatedAws, client: Client) -> None:
    good = request_fleet(aws, "Many", 1)
    ids = [good, *[UNKNOWN] * 100]
    call = {"SpotFleetRequestIds": ids, "TerminateInstances": True}
    assert refusal(lambda: client("ec2").cancel_spot_fleet_requests(**call))[1] == 400
    assert state(client, good) in ("submitted", "active")


def test_dry_runs_change_nothing(client: Client, filled: str) -> None:
    ec2 = client("ec2")
    call = {"SpotFleetRequestIds": [filled], "TerminateInstances": True, "DryRun": True}
    assert refusal(lambda: ec2.cancel_spot_fleet_requests(**call)) == ("DryRunOperation", 412)
    ids = instances(client, filled)
    assert refusal(lambda: ec2.terminate_instances(InstanceIds=ids, DryRun=True))[0] == (
        "DryRunOperation"
    )
    assert state(client, filled) == "active"
    assert instances(client, filled) == ids


def test_capacity_may_never_come(aws: SimulatedAws, clock: VirtualClock, client: Client) -> None:
    fleet_id = request_fleet(aws, "Scarce", 3)
    aws.world.fleets[fleet_id].capacity_limit = 1
    clock.advance(24 * 3600)
    assert len(instances(client, fleet_id)) == 1
    assert described(client, fleet_id)["ActivityStatus"] == "pending_fulfillment"
    aws.world.fleets[fleet_id].capacity_limit = None
    clock.advance(600)
    assert len(instances(client, fleet_id)) == 3


def test_history_is_late_filtered_and_paged(
    aws: SimulatedAws, clock: VirtualClock, client: Client
) -> None:
    start = clock.now()
    fleet_id = request_fleet(aws, "Bad", 1)
    aws.world.fleets[fleet_id].launch_error = ("spotInstanceCountLimitExceeded", "Max 0")
    ec2 = client("ec2")

    def history(**given: Any) -> list[dict[str, Any]]:
        answer = ec2.describe_spot_fleet_request_history(
            SpotFleetRequestId=fleet_id, StartTime=start, **given
        )
        return list(answer["HistoryRecords"])

    clock.advance(10)
    assert history() == []
    clock.advance(180)
    changes = history(EventType="fleetRequestChange")
    told = [record["EventInformation"]["EventSubType"] for record in changes]
    assert told == ["submitted", "active"]
    errors = history(EventType="error")
    assert len(errors) >= 2
    assert errors[0]["EventInformation"] == {
        "EventSubType": "spotInstanceCountLimitExceeded",
        "EventDescription": "Max 0",
    }
    first = ec2.describe_spot_fleet_request_history(
        SpotFleetRequestId=fleet_id, StartTime=start, MaxResults=1
    )
    assert first["HistoryRecords"] == changes[:1]
    assert history(NextToken=first["NextToken"]) == history()[1:] != []
    assert described(client, fleet_id)["ActivityStatus"] == "error"
    clock.advance(49 * 3600)
    assert history(EventType="fleetRequestChange") == []


def test_an_expired_fleet_ends_its_machines(
    aws: SimulatedAws, clock: VirtualClock, client: Client
) -> None:
    end = clock.now() + timedelta(hours=6)
    config = {
        "IamFleetRole": "arn:aws:iam::123456789012:role/fleet",
        "TargetCapacity": 1,
        "ValidUntil": end,
        "TerminateInstancesWithExpiration": True,
        "LaunchSpecifications": [{"ImageId": "ami-1", "InstanceType": "m5.large"}],
    }
    fleet_id = client("ec2").request_spot_fleet(SpotFleetRequestConfig=config)["SpotFleetRequestId"]
    until(clock, lambda: len(instances(client, fleet_id)) == 1)
    told = described(client, fleet_id)["SpotFleetRequestConfig"]["ValidUntil"]
    assert told == end.replace(microsecond=0)
    machine = aws.world.machines.of_fleet(fleet_id)[0]
    clock.advance(5 * 3600)
    assert machine.ended_by is None
    clock.advance(3600)
    assert machine.ended_by is Cause.FLEET_EXPIRED
