"""Answers with HTTP status 200 that tell, item by item, what could not be done."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Answer = Callable[[Mapping[str, Any], str], dict[str, Any]]


def cancellations(params: Mapping[str, Any], code: str) -> dict[str, Any]:
    """No fleet is cancelled (Amazon EC2 API Reference, CancelSpotFleetRequestsError).

    Its codes: fleetRequestIdDoesNotExist, fleetRequestIdMalformed,
    fleetRequestNotInCancellableState, unexpectedError.
    """
    refused = [
        {"SpotFleetRequestId": fleet_id, "Error": {"Code": code, "Message": f"{code} (simulated)"}}
        for fleet_id in params.get("SpotFleetRequestIds", [])
    ]
    return {"SuccessfulFleetRequests": [], "UnsuccessfulFleetRequests": refused}


def _described(found: str, asked: str) -> Answer:
    """Nothing is told of what was asked for (Amazon ECS API Reference, Failure).

    A reason is any text; "API failure reasons" in the Amazon ECS Developer Guide has MISSING for
    what does not exist.
    """

    def answer(params: Mapping[str, Any], code: str) -> dict[str, Any]:
        names: Sequence[str] = params.get(asked, ())
        return {found: [], "failures": [{"arn": name, "reason": code} for name in names]}

    return answer


ITEM_FAILURES: Mapping[str, Answer] = {
    "ec2:CancelSpotFleetRequests": cancellations,
    "ecs:DescribeServices": _described("services", "services"),
    "ecs:DescribeClusters": _described("clusters", "clusters"),
    "ecs:DescribeContainerInstances": _described("containerInstances", "containerInstances"),
}
"""Operations that can answer so, and how."""
