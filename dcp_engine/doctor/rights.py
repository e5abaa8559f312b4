"""What the caller may do of what the run needs, as far as that can be found out."""

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from dcp_engine.access import Access, Caller, Refusal
from dcp_engine.doctor.finding import Finding, fine, sentence, unknown, untold, wrong
from dcp_engine.errors import AwsError, Credentials, Denied, Invalid, Missing
from dcp_engine.model import Run
from dcp_engine.permissions import Scope, wanted

_NAME = "permissions"
# AWS STS API Reference, GetCallerIdentity, and IAM User Guide, "IAM identifiers".
_SESSION = re.compile(r"arn:[\w-]+:sts::\d+:assumed-role/([^/]+)/.+")
_ENTITY = re.compile(r"arn:[\w-]+:iam::\d+:(?:user|role)/.+")
_ROOT = re.compile(r"arn:[\w-]+:iam::\d+:root")
_MOST = 6
# What keeps the money from stopping when it is refused is said first.
_FIRST = ("ec2:CancelSpotFleetRequests", "ec2:TerminateInstances")


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out: what is `refused` of all that the run needs, or why that is not known.

    `asked` counts the actions that were judged. `tried` is what dry runs of what stops the money
    said, None where it was not tried.
    """

    refused: tuple[Refusal, ...] = ()
    asked: int = 0
    why_not: str | None = None
    tried: Mapping[str, bool | None] = {}


def judge(
    access: Access, caller: Caller, run: Run, machines: Callable[[], Sequence[str]]
) -> Judged:
    """Have IAM judge every permission that the run needs, or try the two that matter most.

    `machines` gives some that are up in the newest fleet. Raises AwsError where AWS cannot be
    heard.
    """
    if _ROOT.fullmatch(caller.arn):
        return Judged()
    why = f"IAM judges users and roles only, and {caller.arn or 'this'} is neither"
    try:
        principal = _principal(access, caller)
        if principal is not None:
            questions = wanted(_scope(run, caller))
            refused = [one for asked in questions for one in access.refused(principal, asked)]
            asked = sum(len(question.actions) for question in questions)
            return Judged(refused=tuple(refused), asked=asked)
    except (Denied, Missing, Invalid) as error:
        why = sentence(error).rstrip(".")
    return Judged(why_not=why, tried=_tried(access, run, machines))


def permissions(seen: Judged | AwsError, given: str) -> Finding:
    """Whether everything is allowed that the run needs; `given` is what commands know it by."""
    if isinstance(seen, AwsError):
        return untold(_NAME, "What these credentials may do", seen)
    grant = (
        "Have whoever looks after the AWS account attach the policy that `dcp-engine iam-policy "
        f"{given}` prints."
    )
    if seen.refused:
        return _refused(seen.refused, grant)
    if seen.why_not is None:
        judged = f"all {seen.asked} actions" if seen.asked else "everything, as the root user"
        return fine(_NAME, f"These credentials may do {judged} that the run needs.")
    forbidden = [what for what, may in seen.tried.items() if may is False]
    if forbidden:
        return wrong(
            _NAME,
            f"EC2 says by a dry run that these credentials may not {' nor '.join(forbidden)}: the "
            "run could not be ended, and its machines would be billed on.",
            grant,
        )
    may = [what for what, allowed in seen.tried.items() if allowed]
    tried = f" EC2 says by a dry run that they may {' and '.join(may)}." if may else ""
    return unknown(
        _NAME,
        f"Whether these credentials may do all that the run needs is not known: {seen.why_not}."
        f"{tried}",
        f"{grant} With `--doctor` it also allows this examination to ask.",
        lasting=True,
    )


def _refused(refused: Sequence[Refusal], grant: str) -> Finding:
    ordered = sorted(refused, key=lambda one: (one.action not in _FIRST, one.action))
    shown = [f"{one.action} on {_short(one.resource)}" for one in ordered[:_MOST]]
    more = f", and {len(refused) - _MOST} more" if len(refused) > _MOST else ""
    text = f"These credentials may not do what the run needs: {', '.join(shown)}{more}."
    if all(one.above for one in refused):
        grant = (
            "The organisation (a service control policy) or a permissions boundary does not allow "
            "it, so a policy of your own does not help: ask whoever looks after those."
        )
    elif any(one.explicit for one in refused):
        grant = f"{grant} A policy forbids some of it outright; that has to go as well."
    return wrong(_NAME, text, grant)


def _short(resource: str) -> str:
    return resource if resource == "*" else resource.split(":", 5)[-1]


def _principal(access: Access, caller: Caller) -> str | None:
    """The user or role whose policies hold for the caller; None where it is neither."""
    session = _SESSION.fullmatch(caller.arn)
    if session is None:
        return caller.arn if _ENTITY.fullmatch(caller.arn) else None
    try:
        return access.role_arn(session[1])
    except Denied:
        # As it is where the role has no path before its name.
        part = caller.arn.split(":", 2)[1]
        return f"arn:{part}:iam::{caller.account}:role/{session[1]}"


def _scope(run: Run, caller: Caller) -> Scope:
    scope = Scope.of_run(replace(run, account=caller.account))
    known = run.identities.dead_letter_queue_arn is not None
    return scope if known else replace(scope, dead_letters=run.names.queue)


def _tried(
    access: Access, run: Run, machines: Callable[[], Sequence[str]]
) -> Mapping[str, bool | None]:
    """What EC2 says of ending the run's fleets and machines, if they were to be ended now."""
    tried: dict[str, bool | None] = {}
    newest = run.fleet_ids[-1]
    try:
        tried["cancel its fleets"] = access.may_cancel(run.fleet_ids)
        if up := machines():
            tried["end its machines"] = access.may_terminate(newest, up)
    except Credentials:
        raise
    except AwsError:
        # It is a second best; the first is already said to be unknown.
        return tried
    return tried
