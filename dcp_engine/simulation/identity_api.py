"""STS: whose credentials they are."""

from collections.abc import Mapping
from typing import Any

from dcp_engine.simulation.call import Call, Handler


def get_caller_identity(call: Call) -> dict[str, Any]:
    """The simulated account, unless the access key was said to belong to another."""
    account = call.world.accounts.get(call.access_key, call.world.account)
    arn = call.world.access.arn.replace(call.world.account, account)
    return {"Account": account, "Arn": arn, "UserId": "AIDASIMULATED"}


OPERATIONS: Mapping[str, Handler] = {"sts:GetCallerIdentity": get_caller_identity}
