"""EC2 instances: the fleets' machines shut down before they are terminated."""

import re
from collections.abc import Callable, Container, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from dcp_engine.simulation.call import Call, Handler, page_of
from dcp_engine.simulation.machines import Cause
from dcp_engine.simulation.service_error import AwsError

_INSTANCE_ID = re.compile(r"i-[0-9a-f]{8,17}")
_PLAIN: Mapping[str, Callable[[Any], str]] = {
    "instance-id": lambda instance: str(instance.id),
    "instance-state-name": lambda instance: str(instance.state),
    "instance-type": lambda instance: str(instance.instance_type),
    "availability-zone": lambda instance: str(instance.placement.zone),
}
"""Filters that are looked at here; others are moto's."""


def _check(ids: list[str]) -> None:
    for instance_id in ids:
        if not _INSTANCE_ID.fullmatch(instance_id):
            raise AwsError("InvalidInstanceID.Malformed", f'Invalid id: "{instance_id}"')


def describe_instances(call: Call) -> dict[str, Any]:
    """Each instance in a reservation of its own, up to 1000 a page; unknown ids are an error.

    moto describes ten times as much of each, and takes as much longer.
    """
    ids = list(call.params.get("InstanceIds", []))
    _check(ids)
    if ids and "MaxResults" in call.params:
        raise AwsError("InvalidParameterCombination", "Give InstanceIds or MaxResults, not both.")
    filters = list(call.params.get("Filters", []))
    check_filters(filters)
    if any(not _known(str(each["Name"])) for each in filters):
        return call.moto()
    backend = call.backend()
    found = {
        instance.id: (reservation.id, instance)
        for reservation in backend.reservations.values()
        for instance in reservation.instances
    }
    _require(ids, found)
    wanted = [
        described
        for reservation_id, instance in (found[i] for i in (ids or found))
        if all(_matches(instance, backend.tags.get(instance.id, {}), each) for each in filters)
        for described in [_described(call, reservation_id, instance)]
    ]
    page, token = page_of(
        wanted,
        call.params.get("NextToken"),
        min(int(call.params.get("MaxResults", 1000)), 1000),
        bad_token=AwsError("InvalidNextToken", "The token is not one that was given out."),
    )
    return {"Reservations": page} if token is None else {"Reservations": page, "NextToken": token}


def check_filters(filters: Sequence[Mapping[str, Any]]) -> None:
    """Amazon EC2 API reference, Filter: 200 values at most."""
    if sum(len(each.get("Values", [])) for each in filters) > 200:
        raise AwsError("FilterLimitExceeded", "The maximum number of filter values is 200.")


def _known(name: str) -> bool:
    return name in _PLAIN or name.startswith("tag:")


def _matches(instance: Any, tags: Mapping[str, str], each: Mapping[str, Any]) -> bool:
    name = str(each["Name"])
    value = (
        tags.get(name.removeprefix("tag:")) if name.startswith("tag:") else _PLAIN[name](instance)
    )
    return value is not None and any(fnmatchcase(value, pattern) for pattern in each["Values"])


def _described(call: Call, reservation_id: str, instance: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "InstanceId": instance.id,
        "ImageId": instance.image_id,
        "InstanceType": instance.instance_type,
        "LaunchTime": instance.launch_time,
        "State": {"Name": instance.state, "Code": instance.state_code},
        "StateTransitionReason": instance.state_transition_reason,
        "Placement": {"AvailabilityZone": instance.placement.zone, "Tenancy": "default"},
        "Monitoring": {"State": "disabled"},
        "PrivateIpAddress": instance.private_ip,
        "BlockDeviceMappings": [
            {
                "DeviceName": device,
                "Ebs": {
                    "VolumeId": block.volume_id,
                    "Status": "attached",
                    "AttachTime": block.attach_time,
                    "DeleteOnTermination": block.delete_on_termination,
                },
            }
            for device, block in instance.get_block_device_mapping
        ],
        "Tags": [
            {"Key": key, "Value": value}
            for key, value in call.backend().tags.get(instance.id, {}).items()
        ],
    }
    if instance.lifecycle == "spot":
        told["InstanceLifecycle"] = "spot"
        told["SpotInstanceRequestId"] = instance.spot_instance_request_id
    if instance.state_reason.code:
        reason = instance.state_reason
        told["StateReason"] = {"Code": reason.code, "Message": reason.message}
    return {"ReservationId": reservation_id, "OwnerId": call.world.account, "Instances": [told]}


def _require(ids: Sequence[str], known: Container[str]) -> None:
    unknown = [instance_id for instance_id in ids if instance_id not in known]
    if unknown:
        subject = "The instance ID" if len(unknown) == 1 else "The instance IDs"
        verb = "does" if len(unknown) == 1 else "do"
        raise AwsError(
            "InvalidInstanceID.NotFound", f"{subject} '{', '.join(unknown)}' {verb} not exist"
        )


def terminate_instances(call: Call) -> dict[str, Any]:
    """All or none: one unknown id fails the call (EC2 API reference, TerminateInstances)."""
    ids = list(call.params.get("InstanceIds", []))
    _check(ids)
    backend = call.backend()
    _require(ids, {each.id for one in backend.reservations.values() for each in one.instances})
    changes: list[dict[str, Any]] = []
    for instance_id in dict.fromkeys(ids):
        machine = call.world.machines.find(instance_id)
        if machine is None:
            changes += call.moto(InstanceIds=[instance_id])["TerminatingInstances"]
            continue
        instance = backend.get_instance(instance_id)
        before = {"Name": instance.state, "Code": instance.state_code}
        call.world.machines.end(machine, Cause.API_CALL)
        after = {"Name": "shutting-down", "Code": 32}
        if before["Name"] == "terminated":
            after = before
        changes.append({"InstanceId": instance_id, "PreviousState": before, "CurrentState": after})
    return {"TerminatingInstances": changes}


OPERATIONS: Mapping[str, Handler] = {
    "ec2:DescribeInstances": describe_instances,
    "ec2:TerminateInstances": terminate_instances,
}
