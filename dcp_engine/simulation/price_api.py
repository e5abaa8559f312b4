"""DescribeSpotPriceHistory.

Source: EC2 API reference, DescribeSpotPriceHistory (90 days; with a start time also the price that
was in force then; an empty token, or none, where there are no more) and its examples, which show
the newest entry first.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from dcp_engine.simulation.call import Call, Handler, page_of
from dcp_engine.simulation.service_error import AwsError

_TYPE = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")
_PRODUCTS = ("Linux/UNIX", "Linux/UNIX (Amazon VPC)")
_REMEMBERED = timedelta(days=90)


def describe_spot_price_history(call: Call) -> dict[str, Any]:
    """Linux in three zones; other systems have no price here."""
    params, now = call.params, call.world.timeline.now()
    types = list(params.get("InstanceTypes", []))
    unknown = [each for each in types if not _TYPE.fullmatch(each)]
    if unknown:
        raise AwsError("InvalidParameterValue", f"The instance type '{unknown[0]}' does not exist.")
    size = int(params.get("MaxResults", 1000))
    if not 1 <= size <= 1000:
        raise AwsError("InvalidParameterValue", "MaxResults must be between 1 and 1000.")
    products = params.get("ProductDescriptions") or _PRODUCTS[:1]
    start = max(call.moment("StartTime", now), now - _REMEMBERED)
    end = min(call.moment("EndTime", now), now)
    zones = [params["AvailabilityZone"]] if "AvailabilityZone" in params else _zones(call)
    history = [
        {
            "AvailabilityZone": zone,
            "InstanceType": type_,
            "ProductDescription": product,
            "SpotPrice": f"{change.dollars:.6f}",
            "Timestamp": change.at,
        }
        for product in products
        if product in _PRODUCTS
        for type_ in types
        for zone in zones
        for change in call.world.prices.changes(type_, zone, start, end)
    ]
    history.sort(key=lambda entry: entry["Timestamp"], reverse=True)
    page, token = page_of(
        history,
        params.get("NextToken"),
        size,
        bad_token=AwsError("InvalidNextToken", "The token is not one that was given out."),
    )
    return {"SpotPriceHistory": page, "NextToken": token or ""}


def _zones(call: Call) -> list[str]:
    return call.world.machines.zones(call.region)


OPERATIONS: Mapping[str, Handler] = {
    "ec2:DescribeSpotPriceHistory": describe_spot_price_history,
}
