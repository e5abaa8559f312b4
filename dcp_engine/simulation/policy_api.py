"""IAM's policy simulator.

Source: IAM API reference, SimulatePrincipalPolicy (a user, group or role, no session of one; 100
results a page where nothing else is said; `allowed`, `explicitDeny` or `implicitDeny`).
"""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from dcp_engine.simulation.call import Call, Handler, page_of
from dcp_engine.simulation.service_error import AwsError

_ENTITY = re.compile(r"arn:[\w-]+:iam::\d{12}:(?:user|group|role)/[\w+=,.@/-]+")
_ACTION = re.compile(r"[a-z0-9-]+:[A-Za-z0-9]+")


def simulate_principal_policy(call: Call) -> dict[str, Any]:
    """Everything is allowed but what the world's `denied_actions` say."""
    params = call.params
    source = str(params["PolicySourceArn"])
    if not _ENTITY.fullmatch(source):
        raise AwsError("InvalidInput", f"Invalid Entity Arn: {source}")
    if source.split(":")[4] != call.world.account:
        raise AwsError("NoSuchEntity", f"{source} cannot be found.", 404)
    actions = list(dict.fromkeys(params["ActionNames"]))
    for action in actions:
        if not _ACTION.fullmatch(action):
            raise AwsError("InvalidInput", f"Invalid action name: {action}")
    size = int(params.get("MaxItems", 100))
    if not 1 <= size <= 1000:
        raise AwsError("ValidationError", "MaxItems must be between 1 and 1000.")
    resources = list(params.get("ResourceArns", []))
    page, marker = page_of(
        [_evaluated(call, action, resources) for action in actions],
        params.get("Marker"),
        size,
        bad_token=AwsError("InvalidInput", "The marker is not one that was given out."),
    )
    answer: dict[str, Any] = {"EvaluationResults": page, "IsTruncated": marker is not None}
    if marker is not None:
        answer["Marker"] = marker
    return answer


def _evaluated(call: Call, action: str, resources: list[str]) -> dict[str, Any]:
    decision = _decision(call, action)
    return {
        "EvalActionName": action,
        "EvalResourceName": resources[0] if len(resources) == 1 else "*",
        "EvalDecision": decision,
        "MatchedStatements": [],
        "MissingContextValues": [],
        "ResourceSpecificResults": [
            {
                "EvalResourceName": resource,
                "EvalResourceDecision": decision,
                "MatchedStatements": [],
                "MissingContextValues": [],
            }
            for resource in resources
        ],
    }


def _decision(call: Call, action: str) -> str:
    """IAM compares the names of actions without regard to case."""
    for pattern, decision in call.world.denied_actions.items():
        if fnmatchcase(action.lower(), pattern.lower()):
            return decision
    return "allowed"


OPERATIONS: Mapping[str, Handler] = {"iam:SimulatePrincipalPolicy": simulate_principal_policy}
