"""Tags on spot fleet requests, which moto does not have; on instances and volumes that are there.

Those on anything else are moto's, which never asks whether it is there.

Source: EC2 API reference, CreateTags (a tag of the same key is overwritten) and DeleteTags (with a
value only the tag that has it goes, without one any of that key, without tags all but AWS's own).
"""

from collections.abc import Mapping
from typing import Any

from dcp_engine.simulation.call import Call, Handler
from dcp_engine.simulation.fleets import Fleet
from dcp_engine.simulation.service_error import AwsError


def create_tags(call: Call) -> dict[str, Any]:
    """All or none: what does not exist fails the call."""
    if len(call.params.get("Resources", [])) > 1000:
        raise AwsError("InvalidParameterValue", "No more than 1000 resources can be tagged.")
    fleets, others = _tagged(call)
    tags = list(call.params.get("Tags", []))
    if any(str(tag["Key"]).startswith("aws:") for tag in tags):
        raise AwsError("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved.")
    if others:
        call.moto(Resources=others)
    new = {str(tag["Key"]): str(tag.get("Value", "")) for tag in tags}
    for fleet in fleets:
        values = {tag["Key"]: tag["Value"] for tag in fleet.tags} | new
        fleet.tags = [{"Key": key, "Value": value} for key, value in values.items()]
    return {}


def delete_tags(call: Call) -> dict[str, Any]:
    """All or none: what does not exist fails the call."""
    fleets, others = _tagged(call)
    if others:
        call.moto(Resources=others)
    wanted = call.params.get("Tags")
    for fleet in fleets:
        fleet.tags = [tag for tag in fleet.tags if not _meant(tag, wanted)]
    return {}


def _meant(tag: Mapping[str, str], wanted: list[Mapping[str, str]] | None) -> bool:
    if wanted is None:
        return not tag["Key"].startswith("aws:")
    return any(
        one["Key"] == tag["Key"] and one.get("Value", tag["Value"]) == tag["Value"]
        for one in wanted
    )


def _tagged(call: Call) -> tuple[list[Fleet], list[str]]:
    fleets, others = [], []
    backend = call.backend()
    instances = {each.id for one in backend.reservations.values() for each in one.instances}
    for resource in call.params.get("Resources", []):
        if resource.startswith("i-") and resource not in instances:
            raise AwsError(
                "InvalidInstanceID.NotFound", f"The instance ID '{resource}' does not exist"
            )
        if resource.startswith("vol-") and resource not in backend.volumes:
            raise AwsError("InvalidVolume.NotFound", f"The volume '{resource}' does not exist.")
        if not resource.startswith("sfr-"):
            others.append(resource)
            continue
        fleet = call.world.fleets.find(resource)
        if fleet is None or fleet.region != call.region:
            raise AwsError(
                "InvalidSpotFleetRequestId.NotFound",
                f"The spot fleet request '{resource}' does not exist.",
            )
        fleets.append(fleet)
    return fleets, others


OPERATIONS: Mapping[str, Handler] = {
    "ec2:CreateTags": create_tags,
    "ec2:DeleteTags": delete_tags,
}
