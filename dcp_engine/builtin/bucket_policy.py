"""What a bucket's policy must say before CloudWatch Logs writes an export into it."""

import json
from typing import Any

from dcp_engine.model import Run
from dcp_engine.partition import partition


def statements(run: Run) -> list[dict[str, Any]]:
    """The statements for exactly the run's bucket, region and account.

    Source: Amazon CloudWatch Logs User Guide, "Export log data to Amazon S3", "Set permissions on
    an S3 bucket".
    """
    bucket = f"arn:{partition(run.region)}:s3:::{run.names.bucket}"
    return [
        {
            "Effect": "Allow",
            "Principal": {"Service": f"logs.{run.region}.amazonaws.com"},
            "Action": action,
            "Resource": resource,
            "Condition": {"StringEquals": {"aws:SourceAccount": run.account}},
        }
        for action, resource in (("s3:GetBucketAcl", bucket), ("s3:PutObject", f"{bucket}/*"))
    ]


def advice(run: Run) -> str:
    """What to do where the export was refused because of the bucket."""
    return (
        f"The bucket {run.names.bucket} must be in {run.region}, and its policy must let "
        "CloudWatch Logs write into it. Add these statements to the policy (S3 console, the "
        f"bucket's Permissions): {json.dumps(statements(run))} The export goes on by itself "
        "afterwards; the logs are still in CloudWatch until then"
    )
