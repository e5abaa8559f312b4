"""What AWS accepts as a name. Each function says why it would refuse one, None when it would not.

The rules are those of the service documentation, cited at each. A name that AWS would refuse can
be nobody's resource, so a run that carries one was written down wrongly.
"""

import re

from dcp_engine.text_input import quoted

LONGEST_APP_NAME = 211
"""Characters that the longest name made of an APP_NAME leaves for it.

`ApproximateNumberOfMessagesNotVisibleisZero_APP_NAME` is an alarm, and the name of an alarm has
at most 255 characters (Amazon CloudWatch API reference, PutMetricAlarm).
"""

LONGEST_LOG_GROUP = 500
"""512 characters (Amazon CloudWatch Logs API reference, CreateLogGroup) less `_perInstance`."""

LONGEST_REGION = 32
"""Characters; the longest region so far, ap-northeast-1 and its like, stays far below."""

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_BUCKET_STARTS = ("xn--", "sthree-", "amzn-s3-demo-")
_BUCKET_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def fleet_id_trouble(value: str) -> str | None:
    """A spot fleet request's id: `sfr-` and a UUID (Amazon EC2 API reference, RequestSpotFleet)."""
    if re.fullmatch(f"sfr-{_UUID}", value):
        return None
    return (
        f"{quoted(value)} is not the id of a spot fleet request. Those are `sfr-` and a UUID in "
        "small letters, like sfr-01234567-89ab-cdef-0123-456789abcdef "
        "(Amazon EC2 API reference, RequestSpotFleet). `startCluster` prints it."
    )


def app_name_trouble(value: str) -> str | None:
    """An APP_NAME, which becomes part of the names of the service, the task family and alarms.

    A service's and a family's name are letters, digits, `-` and `_`, up to 255 (Amazon ECS API
    reference, CreateService and RegisterTaskDefinition); a dashboard's likewise (Amazon CloudWatch
    API reference, PutDashboard).
    """
    if re.fullmatch(rf"(?!-)[A-Za-z0-9_-]{{1,{LONGEST_APP_NAME}}}", value):
        return None
    return (
        f"{quoted(value)} cannot be an APP_NAME. It becomes part of the names of the ECS service, "
        "the task definition, the dashboard and the alarms, so it may hold only the letters A-Z "
        f"and a-z, digits, `-` (not first) and `_`, {LONGEST_APP_NAME} at most (Amazon ECS API "
        "reference, CreateService; Amazon CloudWatch API reference, PutDashboard and "
        "PutMetricAlarm)."
    )


def region_trouble(value: str) -> str | None:
    """A region's code: where, a direction and a number (AWS Regions and Availability Zones)."""
    if len(value) <= LONGEST_REGION and re.fullmatch(r"[a-z]+(-[a-z]+)+-[0-9]{1,2}", value):
        return None
    return (
        f"{quoted(value)} is not the code of an AWS region. Those are small letters, `-` and a "
        'number, like us-east-1 (AWS Regions and Availability Zones, "AWS Regions").'
    )


def cluster_trouble(value: str) -> str | None:
    """An ECS cluster's name (Amazon ECS API reference, CreateCluster)."""
    if re.fullmatch(r"[A-Za-z0-9_-]{1,255}", value):
        return None
    return (
        f"{quoted(value)} is not a name that AWS accepts for an ECS cluster: letters A-Z and a-z, "
        "digits, `-` and `_`, 255 at most (Amazon ECS API reference, CreateCluster)."
        + (_instead("an ARN", value.rpartition("/")[2]) if value.startswith("arn:") else "")
    )


def queue_trouble(value: str) -> str | None:
    """An SQS queue's name (Amazon SQS API reference, CreateQueue)."""
    if re.fullmatch(r"[A-Za-z0-9_-]+(\.fifo)?", value) and len(value) <= 80:
        return None
    return (
        f"{quoted(value)} is not a name that AWS accepts for an SQS queue: letters A-Z and a-z, "
        "digits, `-` and `_`, 80 at most, with `.fifo` at the end of a FIFO queue's "
        "(Amazon SQS API reference, CreateQueue)."
        + (_instead("a URL", value.rpartition("/")[2]) if "://" in value else "")
    )


def bucket_trouble(value: str) -> str | None:
    """A bucket's name (Amazon S3 User Guide, "General purpose bucket naming rules")."""
    broken = _bucket_rule_broken(value)
    if broken is None:
        return None
    return (
        f"{quoted(value)} is not a name that AWS accepts for an S3 bucket: {broken} (Amazon S3 "
        'User Guide, "General purpose bucket naming rules").'
        + (_instead("a URL", value[5:].partition("/")[0]) if value.startswith("s3://") else "")
    )


def log_group_trouble(value: str) -> str | None:
    """A log group's name, and room for `_perInstance`, which the machines' own logs have."""
    source = "(Amazon CloudWatch Logs API reference, CreateLogGroup)"
    if value.startswith("aws/"):
        return f"{quoted(value)}: the name of a log group cannot start with `aws/` {source}."
    if re.fullmatch(rf"[A-Za-z0-9_\-/.#]{{1,{LONGEST_LOG_GROUP}}}", value):
        return None
    return (
        f"{quoted(value)} is not a name that AWS accepts for a log group: letters A-Z and a-z, "
        f"digits and `_`, `-`, `/`, `.`, `#`, {LONGEST_LOG_GROUP} at most, because the machines' "
        f"own logs go to the same name with `_perInstance` added, and 512 is AWS's limit {source}."
    )


def _bucket_rule_broken(value: str) -> str | None:
    if not re.fullmatch(r"[a-z0-9.-]{3,63}", value):
        return "3 to 63 of the letters a-z (small ones only), digits, `.` and `-`"
    if not (value[0].isalnum() and value[-1].isalnum()):
        return "the first and the last character must be a letter or a digit"
    if ".." in value:
        return "two dots cannot stand side by side"
    if re.fullmatch(r"\d+\.\d+\.\d+\.\d+", value):
        return "it cannot look like an IP address"
    if value.startswith(_BUCKET_STARTS) or value.endswith(_BUCKET_ENDS):
        return (
            f"AWS keeps names that start with {', '.join(_BUCKET_STARTS)} "
            f"or end with {', '.join(_BUCKET_ENDS)} for itself"
        )
    return None


def _instead(what: str, name: str) -> str:
    """The hint that a longer form was given, with the name that is probably meant."""
    return f" This looks like {what}; write only the name, probably {quoted(name)}."
