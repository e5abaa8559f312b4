"""EC2's spot fleet operations.

Sources: EC2 API reference of each operation, and its table of error codes
(`InvalidSpotFleetRequestId.NotFound`, `InvalidSpotFleetRequestId.Malformed`,
`FleetNotInModifiableState`).
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from dcp_engine.simulation.call import Call, Handler, page_of
from dcp_engine.simulation.fleets import Fleet
from dcp_engine.simulation.machines import Cause
from dcp_engine.simulation.service_error import AwsError

_FLEET_ID = re.compile(r"sfr-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BAD_TOKEN = AwsError("InvalidNextToken", "The token is not one that was given out.")


def _fleet(call: Call, fleet_id: str) -> Fleet:
    if not _FLEET_ID.fullmatch(fleet_id):
        raise AwsError(
            "InvalidSpotFleetRequestId.Malformed", f"The fleet id '{fleet_id}' is malformed."
        )
    fleet = call.world.fleets.find(fleet_id)
    if fleet is None or fleet.region != call.region:
        raise AwsError(
            "InvalidSpotFleetRequestId.NotFound",
            f"The spot fleet request '{fleet_id}' does not exist.",
        )
    return fleet


def _page_size(call: Call, default: int = 1000) -> int:
    size = int(call.params.get("MaxResults", default))
    if not 1 <= size <= 1000:
        raise AwsError("InvalidParameterValue", "MaxResults must be between 1 and 1000.")
    return size


def _aware(moment: datetime) -> datetime:
    """moto's parser gives naive moments in UTC."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def request_spot_fleet(call: Call) -> dict[str, Any]:
    """Submit a request; machines come later, or never."""
    config = dict(call.params["SpotFleetRequestConfig"])
    for name in ("ValidFrom", "ValidUntil"):
        if name in config:
            config[name] = _aware(config[name])
    specs = list(config.get("LaunchSpecifications", []))
    for template in config.get("LaunchTemplateConfigs", []):
        specs.extend(template.get("Overrides") or [{}])
    if not specs or "TargetCapacity" not in config:
        raise AwsError(
            "InvalidSpotFleetRequestConfig",
            "A request needs a TargetCapacity and at least one launch specification.",
        )
    tags = [
        tag
        for each in config.get("TagSpecifications", [])
        if each.get("ResourceType") == "spot-fleet-request"
        for tag in each.get("Tags", [])
    ]
    fleet = call.world.fleets.request(call.region, config, specs, tags)
    return {"SpotFleetRequestId": fleet.fleet_id}


def _activity(call: Call, fleet: Fleet) -> str:
    if fleet.state == "cancelled_terminating":
        return "pending_termination"
    if fleet.launch_error is not None:
        return "error"
    fulfilled = call.world.fleets.fulfilled(fleet)
    return "fulfilled" if fulfilled >= fleet.target else "pending_fulfillment"


def _described(call: Call, fleet: Fleet) -> dict[str, Any]:
    config = {
        "AllocationStrategy": "lowestPrice",
        "Type": "maintain",
        "ReplaceUnhealthyInstances": False,
        "TerminateInstancesWithExpiration": False,
        **fleet.config,
        "TargetCapacity": fleet.target,
        "FulfilledCapacity": call.world.fleets.fulfilled(fleet),
        "OnDemandFulfilledCapacity": 0.0,
        "ExcessCapacityTerminationPolicy": fleet.excess_policy,
    }
    return {
        "ActivityStatus": _activity(call, fleet),
        "CreateTime": fleet.created,
        "SpotFleetRequestConfig": config,
        "SpotFleetRequestId": fleet.fleet_id,
        "SpotFleetRequestState": fleet.state,
        "Tags": fleet.tags,
    }


def describe_spot_fleet_requests(call: Call) -> dict[str, Any]:
    """Those named, or all of the region."""
    ids = call.params.get("SpotFleetRequestIds")
    if ids:
        fleets = [_fleet(call, fleet_id) for fleet_id in ids]
    else:
        fleets = [fleet for fleet in call.world.fleets.all() if fleet.region == call.region]
    page, token = page_of(
        fleets, call.params.get("NextToken"), _page_size(call), bad_token=_BAD_TOKEN
    )
    return {
        "SpotFleetRequestConfigs": [_described(call, fleet) for fleet in page],
        "NextToken": token,
    }


def describe_spot_fleet_instances(call: Call) -> dict[str, Any]:
    """The machines that count for the fleet."""
    fleet = _fleet(call, call.params["SpotFleetRequestId"])
    page, token = page_of(
        call.world.machines.of_fleet(fleet.fleet_id),
        call.params.get("NextToken"),
        _page_size(call),
        bad_token=_BAD_TOKEN,
    )
    return {
        "SpotFleetRequestId": fleet.fleet_id,
        "ActiveInstances": [
            {
                "InstanceId": machine.instance_id,
                "InstanceType": machine.instance_type,
                "SpotInstanceRequestId": machine.spot_request_id,
                "InstanceHealth": "healthy",
            }
            for machine in page
        ],
        "NextToken": token,
    }


def describe_spot_fleet_request_history(call: Call) -> dict[str, Any]:
    """Events since StartTime; up to 30 seconds late and kept for 48 hours (API reference)."""
    fleet = _fleet(call, call.params["SpotFleetRequestId"])
    if "StartTime" not in call.params:
        raise AwsError("MissingParameter", "The request must contain the parameter StartTime.")
    start = _aware(call.params["StartTime"])
    now = call.world.timeline.now()
    seen_until = now - timedelta(seconds=call.world.timings.history_lag)
    kept_from = now - timedelta(hours=48)
    wanted = call.params.get("EventType")
    events = [
        event
        for event in fleet.history
        if max(start, kept_from) <= event.at <= seen_until
        and (wanted is None or event.event_type == wanted)
    ]
    page, token = page_of(
        events, call.params.get("NextToken"), _page_size(call), bad_token=_BAD_TOKEN
    )
    return {
        "SpotFleetRequestId": fleet.fleet_id,
        "StartTime": start,
        "LastEvaluatedTime": seen_until,
        "HistoryRecords": [
            {
                "Timestamp": event.at,
                "EventType": event.event_type,
                "EventInformation": {
                    "EventSubType": event.sub_type,
                    "EventDescription": event.description,
                    "InstanceId": event.instance_id,
                },
            }
            for event in page
        ],
        "NextToken": token,
    }


def modify_spot_fleet_request(call: Call) -> dict[str, Any]:
    """Only type `maintain`, only while `active`."""
    fleet = _fleet(call, call.params["SpotFleetRequestId"])
    target = int(call.params.get("TargetCapacity", fleet.target))
    policy = call.params.get("ExcessCapacityTerminationPolicy", "default")
    if target < 0:
        raise AwsError("InvalidParameterValue", "TargetCapacity must be 0 or more.")
    if policy not in ("default", "noTermination"):
        raise AwsError(
            "InvalidParameterValue", f"'{policy}' is no ExcessCapacityTerminationPolicy."
        )
    if fleet.state != "active" or not fleet.maintains:
        raise AwsError(
            "FleetNotInModifiableState",
            f"The spot fleet request is {fleet.state}; it must be active, and of type maintain.",
        )
    call.world.fleets.modify(fleet, target, policy)
    return {"Return": True}


def cancel_spot_fleet_requests(call: Call) -> dict[str, Any]:
    """Up to 100 ids; what can't be cancelled is told per id, not as an error."""
    ids = list(call.params.get("SpotFleetRequestIds", []))
    if "TerminateInstances" not in call.params or not ids:
        raise AwsError(
            "MissingParameter", "SpotFleetRequestIds and TerminateInstances are required."
        )
    if len(ids) > 100:
        raise AwsError(
            "InvalidParameterValue", "No more than 100 fleets can be cancelled at a time."
        )
    successful: list[dict[str, Any]] = []
    unsuccessful: list[dict[str, Any]] = []
    for fleet_id in ids:
        fleet = call.world.fleets.find(fleet_id)
        if not _FLEET_ID.fullmatch(fleet_id):
            unsuccessful.append(_refused(fleet_id, "fleetRequestIdMalformed"))
        elif fleet is None or fleet.region != call.region:
            unsuccessful.append(_refused(fleet_id, "fleetRequestIdDoesNotExist"))
        elif fleet.state.startswith("cancelled"):
            unsuccessful.append(_refused(fleet_id, "fleetRequestNotInCancellableState"))
        else:
            before = fleet.state
            terminate = bool(call.params["TerminateInstances"])
            call.world.fleets.cancel(fleet, terminate=terminate, cause=Cause.FLEET_CANCELLED)
            successful.append(
                {
                    "SpotFleetRequestId": fleet_id,
                    "PreviousSpotFleetRequestState": before,
                    "CurrentSpotFleetRequestState": (
                        "cancelled_terminating" if terminate else "cancelled_running"
                    ),
                }
            )
    return {"SuccessfulFleetRequests": successful, "UnsuccessfulFleetRequests": unsuccessful}


def _refused(fleet_id: str, code: str) -> dict[str, Any]:
    message = f"The fleet request {fleet_id} could not be cancelled: {code}."
    return {"SpotFleetRequestId": fleet_id, "Error": {"Code": code, "Message": message}}


OPERATIONS: Mapping[str, Handler] = {
    "ec2:RequestSpotFleet": request_spot_fleet,
    "ec2:DescribeSpotFleetRequests": describe_spot_fleet_requests,
    "ec2:DescribeSpotFleetInstances": describe_spot_fleet_instances,
    "ec2:DescribeSpotFleetRequestHistory": describe_spot_fleet_request_history,
    "ec2:ModifySpotFleetRequest": modify_spot_fleet_request,
    "ec2:CancelSpotFleetRequests": cancel_spot_fleet_requests,
}
