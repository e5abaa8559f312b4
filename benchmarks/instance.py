"""An instance as EC2 describes a running spot instance of a VPC, with all that it says of one.

By the example of DescribeInstances in the Amazon EC2 API Reference, and its data types `Instance`,
`InstanceNetworkInterface` and those within.
"""

from datetime import datetime
from typing import Any


def instance(instance_id: str, fleet_id: str, name: str, launched: datetime) -> dict[str, Any]:
    """One machine of a fleet; `name` is its tag. All say the same but for what their ids are in."""
    tail = instance_id.removeprefix("i-")
    ip = "10.0.123.123"
    groups = [{"GroupId": f"sg-{tail}", "GroupName": "default"}]
    return {
        "InstanceId": instance_id,
        "ImageId": "ami-0123456789abcdef0",
        "State": {"Code": 16, "Name": "running"},
        "PrivateDnsName": f"ip-{ip.replace('.', '-')}.ec2.internal",
        "PublicDnsName": "ec2-3-80-1-1.compute-1.amazonaws.com",
        "StateTransitionReason": "",
        "KeyName": "imaging",
        "AmiLaunchIndex": 0,
        "ProductCodes": [],
        "InstanceType": "m5.xlarge",
        "LaunchTime": launched,
        "Placement": {"AvailabilityZone": "us-east-1a", "GroupName": "", "Tenancy": "default"},
        "Monitoring": {"State": "disabled"},
        "SubnetId": "subnet-0123456789abcdef0",
        "VpcId": "vpc-0123456789abcdef0",
        "PrivateIpAddress": ip,
        "PublicIpAddress": "3.80.1.1",
        "SourceDestCheck": True,
        "SecurityGroups": groups,
        "Architecture": "x86_64",
        "RootDeviceType": "ebs",
        "RootDeviceName": "/dev/xvda",
        "BlockDeviceMappings": [
            {
                "DeviceName": device,
                "Ebs": {
                    "VolumeId": f"vol-{n}{tail[1:]}",
                    "Status": "attached",
                    "AttachTime": launched,
                    "DeleteOnTermination": True,
                },
            }
            for n, device in enumerate(("/dev/xvda", "/dev/xvdcz"))
        ],
        "VirtualizationType": "hvm",
        "ClientToken": f"{fleet_id}-{tail}",
        "Tags": [
            {"Key": "aws:ec2spot:fleet-request-id", "Value": fleet_id},
            {"Key": "Name", "Value": name},
        ],
        "Hypervisor": "xen",
        "InstanceLifecycle": "spot",
        "SpotInstanceRequestId": "sir-0123abcd",
        "NetworkInterfaces": [_interface(tail, ip, groups, launched)],
        "IamInstanceProfile": {
            "Arn": "arn:aws:iam::123456789012:instance-profile/ecsInstanceRole",
            "Id": "AIPA0123456789ABCDEFG",
        },
        "EbsOptimized": False,
        "EnaSupport": True,
        "CpuOptions": {"CoreCount": 2, "ThreadsPerCore": 2},
        "CapacityReservationSpecification": {"CapacityReservationPreference": "open"},
        "HibernationOptions": {"Configured": False},
        "MetadataOptions": {
            "State": "applied",
            "HttpTokens": "optional",
            "HttpPutResponseHopLimit": 1,
            "HttpEndpoint": "enabled",
            "HttpProtocolIpv6": "disabled",
            "InstanceMetadataTags": "disabled",
        },
        "EnclaveOptions": {"Enabled": False},
        "PlatformDetails": "Linux/UNIX",
        "UsageOperation": "RunInstances",
        "UsageOperationUpdateTime": launched,
        "PrivateDnsNameOptions": {
            "HostnameType": "ip-name",
            "EnableResourceNameDnsARecord": False,
            "EnableResourceNameDnsAAAARecord": False,
        },
        "MaintenanceOptions": {"AutoRecovery": "default"},
        "CurrentInstanceBootMode": "legacy-bios",
    }


def _interface(
    tail: str, ip: str, groups: list[dict[str, str]], attached: datetime
) -> dict[str, Any]:
    public = {
        "IpOwnerId": "amazon",
        "PublicDnsName": "ec2-3-80-1-1.compute-1.amazonaws.com",
        "PublicIp": "3.80.1.1",
    }
    return {
        "Association": public,
        "Attachment": {
            "AttachTime": attached,
            "AttachmentId": f"eni-attach-{tail}",
            "DeleteOnTermination": True,
            "DeviceIndex": 0,
            "Status": "attached",
            "NetworkCardIndex": 0,
        },
        "Description": "",
        "Groups": groups,
        "Ipv6Addresses": [],
        "MacAddress": "0a:00:00:00:00:01",
        "NetworkInterfaceId": f"eni-{tail}",
        "OwnerId": "123456789012",
        "PrivateDnsName": f"ip-{ip.replace('.', '-')}.ec2.internal",
        "PrivateIpAddress": ip,
        "PrivateIpAddresses": [
            {"Association": public, "Primary": True, "PrivateIpAddress": ip},
        ],
        "SourceDestCheck": True,
        "Status": "in-use",
        "SubnetId": "subnet-0123456789abcdef0",
        "VpcId": "vpc-0123456789abcdef0",
        "InterfaceType": "interface",
    }
