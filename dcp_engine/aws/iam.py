"""What the caller may do, as IAM's own policy simulator judges it."""

from typing import Any

import msgspec

from dcp_engine.access import Refusal, Wanted
from dcp_engine.aws import operations as op
from dcp_engine.aws.answer import Answer
from dcp_engine.aws.edge import Edge
from dcp_engine.aws.taxonomy import unreadable

_ALLOWED = "allowed"


class _Role(msgspec.Struct, frozen=True):
    arn: str = msgspec.field(name="Arn")


class _RoleAnswer(msgspec.Struct, frozen=True):
    role: _Role = msgspec.field(name="Role")


class _Organisation(msgspec.Struct, frozen=True):
    allowed: bool = msgspec.field(name="AllowedByOrganizations", default=True)


class _Boundary(msgspec.Struct, frozen=True):
    allowed: bool = msgspec.field(name="AllowedByPermissionsBoundary", default=True)


class _OfResource(msgspec.Struct, frozen=True):
    """ResourceSpecificResult."""

    resource: str = msgspec.field(name="EvalResourceName")
    decision: str = msgspec.field(name="EvalResourceDecision")
    boundary: _Boundary = msgspec.field(
        name="PermissionsBoundaryDecisionDetail", default=_Boundary()
    )


class _Result(msgspec.Struct, frozen=True):
    """EvaluationResult. Its resource is a template; `single` tells each resource's own decision."""

    action: str = msgspec.field(name="EvalActionName")
    decision: str = msgspec.field(name="EvalDecision")
    organisation: _Organisation = msgspec.field(
        name="OrganizationsDecisionDetail", default=_Organisation()
    )
    boundary: _Boundary = msgspec.field(
        name="PermissionsBoundaryDecisionDetail", default=_Boundary()
    )
    single: tuple[_OfResource, ...] = msgspec.field(name="ResourceSpecificResults", default=())

    def refusals(self) -> list[Refusal]:
        each = self.single or (
            _OfResource(resource="*", decision=self.decision, boundary=self.boundary),
        )
        return [
            Refusal(
                action=self.action,
                resource=one.resource,
                explicit=one.decision == "explicitDeny",
                above=not (self.organisation.allowed and one.boundary.allowed),
            )
            for one in each
            if one.decision != _ALLOWED
        ]


class _Results(msgspec.Struct, frozen=True):
    results: tuple[_Result, ...] = msgspec.field(name="EvaluationResults")


class IamRights:
    """The part of `Access` that AWS Identity and Access Management answers."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    def role_arn(self, name: str) -> str:
        """The ARN of a role, with its path. Raises Missing, Denied.

        The ARN of a session of the role does not tell the path (IAM User Guide, "IAM identifiers").
        """
        return self._edge.read(
            op.GET_ROLE, lambda answer: answer.take(_RoleAnswer).role.arn, RoleName=name
        )

    def refused(self, principal: str, wanted: Wanted) -> tuple[Refusal, ...]:
        """What the policies of a user or role do not allow of what is wanted.

        Taken together with what the organisation allows, without policies of the resources
        themselves (IAM API Reference, SimulatePrincipalPolicy).
        """
        asked = {action.lower() for action in wanted.actions}

        def results(answer: Answer) -> tuple[_Result, ...]:
            return answer.take(_Results).results

        params: dict[str, Any] = {
            "PolicySourceArn": principal,
            "ActionNames": list(wanted.actions),
        }
        if wanted.context:
            params["ContextEntries"] = [_context(*item) for item in wanted.context.items()]
        if wanted.resources != ("*",):
            params["ResourceArns"] = list(wanted.resources)
        found = [
            result
            for page in self._edge.pages(op.SIMULATE_POLICY, results, **params)
            for result in page
        ]
        untold = asked - {result.action.lower() for result in found}
        if untold:
            # An action that is not judged is not an allowed one.
            raise unreadable(op.SIMULATE_POLICY, f"it does not judge {', '.join(sorted(untold))}")
        return tuple(refusal for result in found for refusal in result.refusals())


def _context(key: str, values: tuple[str, ...]) -> dict[str, Any]:
    """ContextEntry; of the keys in use only `aws:TagKeys` has several values at once."""
    several = key == "aws:TagKeys"
    return {
        "ContextKeyName": key,
        "ContextKeyType": "stringList" if several else "string",
        "ContextKeyValues": list(values if several else values[:1]),
    }
