"""IAM: who somebody is, and what their policies allow.

Source: IAM API reference, SimulatePrincipalPolicy (only users, groups and roles; every action is
judged on every resource; the result's own resource is a template) and GetRole.
"""

from collections.abc import Mapping
from typing import Any

from dcp_engine.simulation.access import Access
from dcp_engine.simulation.call import Call, Handler
from dcp_engine.simulation.service_error import AwsError


def get_role(call: Call) -> dict[str, Any]:
    """The role that the caller has assumed; there is no other."""
    access, name = call.world.access, call.params["RoleName"]
    arn = access.entity or ""
    if not arn.endswith(f"/{name}") or ":role/" not in arn:
        raise AwsError("NoSuchEntity", f"The role with name {name} cannot be found.", 404)
    role = {
        "Path": access.path,
        "RoleName": name,
        "RoleId": "AROASIMULATED",
        "Arn": arn,
        "CreateDate": call.world.clock.now(),
    }
    return {"Role": role}


def simulate_principal_policy(call: Call) -> dict[str, Any]:
    """Judges every action on every resource."""
    access, params = call.world.access, call.params
    if params["PolicySourceArn"] != access.entity:
        raise AwsError("NoSuchEntity", f"{params['PolicySourceArn']} does not exist.", 404)
    context = {
        entry["ContextKeyName"]: list(entry.get("ContextKeyValues", []))
        for entry in params.get("ContextEntries", [])
    }
    resources = list(params.get("ResourceArns") or ["*"])
    return {
        "EvaluationResults": [
            _evaluated(access, action, resources, context) for action in params["ActionNames"]
        ],
        "IsTruncated": False,
    }


def _evaluated(
    access: Access, action: str, resources: list[str], context: Mapping[str, list[str]]
) -> dict[str, Any]:
    decisions = {resource: access.decide(action, resource, context) for resource in resources}
    worst = max(decisions.values(), key=("allowed", "implicitDeny", "explicitDeny").index)
    result: dict[str, Any] = {
        "EvalActionName": action,
        "EvalResourceName": "arn:${Partition}:simulated",
        "EvalDecision": worst,
        "MatchedStatements": [],
        "MissingContextValues": [],
        "OrganizationsDecisionDetail": {
            "AllowedByOrganizations": action not in access.not_by_organisation
        },
    }
    if resources != ["*"]:
        result["ResourceSpecificResults"] = [
            {"EvalResourceName": resource, "EvalResourceDecision": decision}
            for resource, decision in decisions.items()
        ]
    return result


OPERATIONS: Mapping[str, Handler] = {
    "iam:GetRole": get_role,
    "iam:SimulatePrincipalPolicy": simulate_principal_policy,
}
