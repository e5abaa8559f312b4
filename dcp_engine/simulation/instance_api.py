"""EC2 instances: the fleets' machines shut down before they are terminated."""

import re
from collections.abc import Mapping
from typing import Any

from dcp_engine.simulation.call import Call, Handler
from dcp_engine.simulation.machines import Cause
from dcp_engine.simulation.service_error import AwsError

_INSTANCE_ID = re.compile(r"i-[0-9a-f]{8,17}")


def _check(ids: list[str]) -> None:
    for instance_id in ids:
        if not _INSTANCE_ID.fullmatch(instance_id):
            raise AwsError("InvalidInstanceID.Malformed", f'Invalid id: "{instance_id}"')


def describe_instances(call: Call) -> dict[str, Any]:
    """As moto does, but a malformed id is told from an unknown one."""
    _check(list(call.params.get("InstanceIds", [])))
    return call.moto()


def terminate_instances(call: Call) -> dict[str, Any]:
    """All or none: one unknown id fails the call (EC2 API reference, TerminateInstances)."""
    ids = list(call.params.get("InstanceIds", []))
    _check(ids)
    backend = call.backend()
    unknown = [i for i in ids if backend.get_instance_by_id(i) is None]
    if unknown:
        subject = "The instance ID" if len(unknown) == 1 else "The instance IDs"
        verb = "does" if len(unknown) == 1 else "do"
        raise AwsError(
            "InvalidInstanceID.NotFound", f"{subject} '{', '.join(unknown)}' {verb} not exist"
        )
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
