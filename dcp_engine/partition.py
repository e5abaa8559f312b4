"""Which part of AWS a region belongs to, as the ARNs of its resources say it."""

# AWS Fault Isolation Boundaries, "Partitions".
_OTHERS = (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"))


def partition(region: str) -> str:
    """The second part of ARNs in that region, `aws` for most."""
    for start, name in _OTHERS:
        if region.startswith(start):
            return name
    return "aws"
