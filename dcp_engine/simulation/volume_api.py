"""EBS volumes, a page at a time.

Source: EC2 API reference, DescribeVolumes (5 to 500 a page; no token means that there are no more)
and "Filter" (200 values at most).
"""

from collections.abc import Mapping
from typing import Any

from dcp_engine.simulation.call import Call, Handler, page_of
from dcp_engine.simulation.instance_api import check_filters
from dcp_engine.simulation.service_error import AwsError

_ATTACHED = "attachment.instance-id"


def describe_volumes(call: Call) -> dict[str, Any]:
    """Those that moto has: a machine's own are there until it is terminated."""
    filters = list(call.params.get("Filters", []))
    check_filters(filters)
    size = call.params.get("MaxResults")
    if size is not None and int(size) < 5:
        raise AwsError("InvalidParameterValue", "Value for parameter maxResults is too small.")
    if call.params.get("VolumeIds") or [each["Name"] for each in filters] != [_ATTACHED]:
        volumes = call.moto(MaxResults=None, NextToken=None)["Volumes"]
    else:
        volumes = [
            _described(call, volume)
            for volume in call.backend().volumes.values()
            if volume.attachment and volume.attachment.instance_id in filters[0]["Values"]
        ]
    page, token = page_of(
        volumes,
        call.params.get("NextToken"),
        len(volumes) if size is None else min(int(size), 500),
        bad_token=AwsError("InvalidNextToken", "The token is not one that was given out."),
    )
    return {"Volumes": page} if token is None else {"Volumes": page, "NextToken": token}


def _described(call: Call, volume: Any) -> dict[str, Any]:
    attachment, tags = volume.attachment, call.backend().tags.get(volume.id, {})
    return {
        "VolumeId": volume.id,
        "Size": volume.size,
        "VolumeType": volume.volume_type,
        "AvailabilityZone": volume.zone.name,
        "State": "in-use",
        "CreateTime": volume.create_time,
        "Encrypted": False,
        "Attachments": [
            {
                "VolumeId": volume.id,
                "InstanceId": attachment.instance_id,
                "Device": attachment.device,
                "State": "attached",
                "AttachTime": attachment.attach_time,
                "DeleteOnTermination": True,
            }
        ],
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }


OPERATIONS: Mapping[str, Handler] = {"ec2:DescribeVolumes": describe_volumes}
