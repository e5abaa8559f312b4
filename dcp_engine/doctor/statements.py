"""Whether a bucket's policy lets a service in: IAM's evaluation logic, for one request.

An explicit deny goes before any allow, and what nothing allows is denied (IAM User Guide, "Policy
evaluation logic" and "IAM JSON policy elements reference"). What cannot be judged from here, such
as a condition on where the request comes from, is unsure, and so is what hangs on it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from dcp_engine.doctor.conditions import Context, any_like, condition, like, listed
from dcp_engine.doctor.holds import Holds, holds


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a service asks of the bucket; `principals` are the names that may be meant by it."""

    principals: tuple[str, ...]
    action: str
    resource: str
    context: Context


def allowed(policy: Any, request: Request) -> Holds:
    """Whether the policy allows it. Raises ValueError where the document is no policy."""
    statements = _mapping(policy).get("Statement", [])
    verdicts = {"Allow": Holds.NO, "Deny": Holds.NO}
    for statement in statements if isinstance(statements, list) else [statements]:
        effect = _mapping(statement).get("Effect")
        if effect not in verdicts:
            raise ValueError(f"a statement's Effect is {effect!r}")
        verdicts[effect] = max(verdicts[effect], _applies(statement, request))
    return min(verdicts["Allow"], ~verdicts["Deny"])


def _applies(statement: Mapping[str, Any], request: Request) -> Holds:
    return min(
        _either(statement, "Principal", lambda value: _principal(value, request)),
        _either(statement, "Action", lambda value: any_like(value, request.action, _like_action)),
        _either(statement, "Resource", lambda value: any_like(value, request.resource)),
        *(
            condition(operator, key, wanted, request.context)
            for operator, keys in _mapping(statement.get("Condition", {})).items()
            for key, wanted in _mapping(keys).items()
        ),
    )


def _either(statement: Mapping[str, Any], name: str, judge: Callable[[Any], Holds]) -> Holds:
    """The element, or its opposite: `Action` or `NotAction`."""
    if name in statement:
        return judge(statement[name])
    if f"Not{name}" in statement:
        return ~judge(statement[f"Not{name}"])
    raise ValueError(f"a statement has no {name}")


def _principal(value: Any, request: Request) -> Holds:
    """Everybody may be written in two ways (IAM User Guide, "AWS JSON policy elements: Principal").

    A service goes by its exact name; the other kinds of principals are people and roles.
    """
    if isinstance(value, str):
        return holds(value == "*")
    named = _mapping(value)
    services = {name.lower() for name in listed(named.get("Service", []))}
    everybody = "*" in listed(named.get("AWS", [])) or "*" in services
    return holds(everybody or not services.isdisjoint(request.principals))


def _like_action(pattern: str, action: str) -> bool:
    """Actions are compared without regard to case (IAM JSON policy elements: Action)."""
    return like(pattern.lower(), action.lower())


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{value!r} is no JSON object")  # noqa: TRY004 - the document's fault
    return value
