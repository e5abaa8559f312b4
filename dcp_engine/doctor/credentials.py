"""Whose the credentials are, which region is meant, and whether the clocks agree."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import humanize
from msgspec.structs import replace

from dcp_engine.access import Caller
from dcp_engine.aws_names import region_trouble
from dcp_engine.doctor.finding import Finding, advice, fine, sentence, unknown, untold, wrong
from dcp_engine.errors import AwsError, Credentials, Denied
from dcp_engine.model import Run

# IAM User Guide, "Elements of an AWS API request signature": as a rule a request must reach AWS
# within five minutes of the time that it says.
_REFUSED = timedelta(minutes=5)
_NOTICEABLE = timedelta(minutes=1)

NAME = "credentials"


def credentials(caller: Caller | AwsError, run: Run | None) -> Finding:
    """Whether AWS accepts them, and whether they are those of the run's account."""
    if isinstance(caller, AwsError):
        unjudged = " Where it is not known otherwise, the queue, the bucket's policy and the "
        unjudged += "permissions are not looked at."
        if isinstance(caller, Denied):
            text = f"AWS does not tell whose account this is: {sentence(caller)}{unjudged}"
            return unknown(NAME, text, "Nothing, if the other lines are fine.", lasting=True)
        seen = untold(NAME, "The account", caller)
        return replace(seen, text=f"{seen.text}{unjudged}")
    if run is not None and run.account and caller.account != run.account:
        return wrong(
            NAME,
            f"These credentials open account {caller.account}, and {run.names.app_name} is in "
            f"account {run.account}. Nothing of it can be seen or ended with them.",
            "Give the profile of that account with --profile or AWS_PROFILE.",
        )
    who = f"AWS accepts them: account {caller.account}, as {caller.arn or 'somebody'}."
    if caller.arn.endswith(":root"):
        return advice(
            NAME,
            f"{who} The root user may do everything, and nothing can narrow that.",
            'Use a role or a user for runs (IAM User Guide, "Root user best practices").',
        )
    return fine(NAME, who)


def refused(error: Credentials, login: str, unasked: Sequence[str]) -> Finding:
    """Nothing can be asked of AWS: one finding, whatever else was to be looked at."""
    rest = f" Not looked at because of that: {', '.join(unasked)}." if unasked else ""
    return wrong(NAME, f"{error.message.rstrip('.')}.{rest}", f"Type: {login}")


def region(name: str | None, ignored: str | None) -> Finding:
    """Whether a region is set; `ignored` is one in a variable that AWS's library does not read."""
    hint = (
        f" The variable AWS_REGION says {ignored}, but AWS's library for Python reads "
        "AWS_DEFAULT_REGION."
        if ignored and ignored != name
        else ""
    )
    how = "Give --region, set AWS_DEFAULT_REGION, or choose a profile that has one."
    if name is None:
        return wrong(
            "region",
            f"No AWS region is set, and a monitor file does not say it.{hint} So nothing was asked "
            "of AWS.",
            how,
        )
    if trouble := region_trouble(name):
        return wrong("region", f"{trouble}{hint}", how)
    return advice("region", f"{name}.{hint}", how) if hint else fine("region", f"{name}.")


def clock(caller: Caller | AwsError, now: datetime) -> Finding | None:
    """Whether this computer's clock agrees with AWS's, as of one answer or refusal.

    None where there was neither.
    """
    theirs = _told(caller) if isinstance(caller, AwsError) else caller.said_at
    if theirs is None and isinstance(caller, AwsError):
        return None
    if theirs is None:
        return unknown(
            "clock",
            "This computer's clock could not be compared with AWS's: the answer bears no date.",
            lasting=True,
        )
    ahead = now - theirs
    # A Date header has no fractions of seconds, and an answer is under way for a moment.
    off = f"{humanize.naturaldelta(abs(ahead))} {'ahead of' if ahead > timedelta(0) else 'behind'}"
    set_it = "Let the computer set its clock by the internet, or set it by hand."
    if abs(ahead) >= _REFUSED:
        return wrong(
            "clock",
            f"This computer's clock is {off} AWS's, and AWS refuses requests whose time is off by "
            "more than five minutes, whatever the credentials.",
            set_it,
        )
    if abs(ahead) >= _NOTICEABLE:
        return advice(
            "clock", f"This computer's clock is {off} AWS's. AWS still accepts that.", set_it
        )
    return fine("clock", "This computer's clock agrees with AWS's.")


def _told(error: AwsError) -> datetime | None:
    try:
        moment = parsedate_to_datetime(error.told["date"])
    except (KeyError, TypeError, ValueError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
