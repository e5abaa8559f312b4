"""Whose the credentials are, and what their policy allows, as IAM judges it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any


@dataclass
class Access:
    """Whose the credentials are, and what they may do as IAM's simulator sees it.

    Nothing is kept from calling anything by this; see `Faults` for that.
    """

    account: str
    caller: str = "user/simulated"
    """The last part of the caller's ARN; a session of a role is `assumed-role/NAME/SESSION`."""
    path: str = "/"
    """The path of the role that was assumed."""
    policy: Mapping[str, Any] | None = None
    """The one policy of that user or role; None allows everything."""
    not_by_organisation: set[str] = field(default_factory=set)
    """Actions that no service control policy allows."""

    @property
    def arn(self) -> str:
        """The ARN of the caller."""
        service = "iam" if self.caller.startswith("user/") or self.caller == "root" else "sts"
        return f"arn:aws:{service}::{self.account}:{self.caller}"

    @property
    def entity(self) -> str | None:
        """The ARN of the user or role whose policies hold; None where the caller is neither."""
        kind, _, name = self.caller.partition("/")
        if kind == "user":
            return self.arn
        if kind != "assumed-role":
            return None
        return f"arn:aws:iam::{self.account}:role{self.path}{name.partition('/')[0]}"

    def decide(self, action: str, resource: str, context: Mapping[str, list[str]]) -> str:
        """`allowed`, `implicitDeny` or `explicitDeny`."""
        if self.policy is None:
            return "allowed" if action not in self.not_by_organisation else "implicitDeny"
        effects = {
            statement["Effect"]
            for statement in self.policy["Statement"]
            if any(fnmatchcase(action, one) for one in _listed(statement["Action"]))
            and any(fnmatchcase(resource, one) for one in _listed(statement["Resource"]))
            and _holds(statement.get("Condition", {}), context)
        }
        if "Deny" in effects:
            return "explicitDeny"
        fine = "Allow" in effects and action not in self.not_by_organisation
        return "allowed" if fine else "implicitDeny"


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _holds(conditions: Mapping[str, Any], context: Mapping[str, list[str]]) -> bool:
    return all(
        _condition(operator, context.get(key, []), _listed(wanted))
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _condition(operator: str, values: list[str], wanted: list[str]) -> bool:
    match operator:
        case "StringEquals" | "StringLike":
            return any(_like_any(value, wanted) for value in values)
        case "ForAllValues:StringEquals" | "ForAllValues:StringLike":
            return all(_like_any(value, wanted) for value in values)
        case "Null":
            return (not values) is ("true" in wanted)
        case _:
            raise NotImplementedError(operator)


def _like_any(value: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in patterns)
