"""What an examination finds: one line for each thing that was looked at."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

import msgspec

from dcp_engine.errors import (
    EXIT_FINE,
    EXIT_NEEDS_PERSON,
    EXIT_TIME_MAY_MEND,
    AwsError,
    Busy,
    Denied,
    OutOfTime,
    Transient,
)


class Verdict(StrEnum):
    """How it is with one thing."""

    FINE = "fine"
    ADVICE = "advice"
    """It works as it is; a person may want to decide otherwise."""
    WRONG = "wrong"
    """A person must do something."""
    UNKNOWN = "unknown"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """How it is with one thing, in words, and what to do about it.

    `copy` is text to be copied as it is, such as a policy or a command. `lasting` is an unknown
    that looking again will not make known, as where a permission to look is missing that no run
    needs.
    """

    name: str
    verdict: Verdict
    text: str
    what_to_do: str | None = None
    copy: str | None = None
    lasting: bool = False

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


def fine(name: str, text: str) -> Finding:
    """It is as it has to be."""
    return Finding(name=name, verdict=Verdict.FINE, text=text)


def advice(
    name: str, text: str, what_to_do: str | None = None, *, copy: str | None = None
) -> Finding:
    """It works, and a person may want to know."""
    return Finding(name=name, verdict=Verdict.ADVICE, text=text, what_to_do=what_to_do, copy=copy)


def wrong(name: str, text: str, what_to_do: str, *, copy: str | None = None) -> Finding:
    """A person must do something."""
    return Finding(name=name, verdict=Verdict.WRONG, text=text, what_to_do=what_to_do, copy=copy)


def unknown(
    name: str,
    text: str,
    what_to_do: str | None = None,
    *,
    copy: str | None = None,
    lasting: bool = False,
) -> Finding:
    """It could not be found out."""
    return Finding(
        name=name,
        verdict=Verdict.UNKNOWN,
        text=text,
        what_to_do=what_to_do,
        copy=copy,
        lasting=lasting,
    )


def untold(name: str, what: str, error: AwsError) -> Finding:
    """AWS did not tell about something that runs need to be told: `what` is its name."""
    text = f"{what} could not be looked at: {sentence(error)}"
    if isinstance(error, Transient | Busy):
        return unknown(name, text, "Look again in a few minutes.")
    if isinstance(error, Denied):
        return wrong(name, text, GRANT)
    return wrong(name, text, "See to what AWS says; nothing can be done without that.")


GRANT: Final = (
    "Have whoever looks after the AWS account attach the policy that `dcp-engine iam-policy` "
    "prints to your user, role or permission set."
)


def sentence(error: AwsError) -> str:
    """What AWS said, or why it could not be heard, as one sentence."""
    if isinstance(error, OutOfTime):
        return "No answer came in time."
    message = error.message.strip().rstrip(".")
    return f"{message[:1].upper()}{message[1:]} ({error.operation}, {error.code})."


def exit_code(findings: Iterable[Finding]) -> int:
    """4 when a person must do something, 3 when something may be known later, else 0."""
    verdicts = {(one.verdict, one.lasting) for one in findings}
    if any(verdict is Verdict.WRONG for verdict, _ in verdicts):
        return EXIT_NEEDS_PERSON
    return EXIT_TIME_MAY_MEND if (Verdict.UNKNOWN, False) in verdicts else EXIT_FINE
