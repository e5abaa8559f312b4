"""One taxonomy of what can go wrong, each with words for the person reading and an exit code.

Exit codes: 2 usage or bad input, 3 a problem that time may mend, 4 needs a person.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

EXIT_FINE = 0
EXIT_BAD_INPUT = 2
EXIT_TIME_MAY_MEND = 3
EXIT_NEEDS_PERSON = 4


class EngineError(Exception):
    """Anything a user, AWS or the disk can cause. `str()` is what the person is shown."""

    exit_code = EXIT_NEEDS_PERSON


class BadInput(EngineError):
    """Something the person gave is wrong; `complaints` lists everything that is, at once."""

    exit_code = EXIT_BAD_INPUT

    def __init__(self, what: str, complaints: Sequence[str] = ()) -> None:
        self.what = what
        self.complaints = tuple(complaints)
        super().__init__("\n".join([what, *(f"  - {line}" for line in self.complaints)]))


class NoSuchRun(BadInput):
    """No run of that name or id is in the store."""


class Ambiguous(BadInput):
    """More than one live run answers to the name."""


class Refused(EngineError):
    """A thing that would be possible but is not safe; the text says why and what to do."""


class AwsError(EngineError):
    """AWS said no, or could not be heard. `operation` is like `sqs:GetQueueAttributes`.

    `told` is what a refusal's HTTP headers tell all the same: `date`, `x-amz-bucket-region`.
    """

    exit_code = EXIT_TIME_MAY_MEND
    told: Mapping[str, str] = {}

    def __init__(self, operation: str, code: str, message: str) -> None:
        self.operation = operation
        self.code = code
        self.message = message
        super().__init__(f"{operation}: {message} ({code})" if message else f"{operation}: {code}")


class Transient(AwsError):
    """Throttled, a server error, a broken or silent connection: the answer is not known."""


class Throttled(Transient):
    """The service is asked too often by this account, and says so."""


class HeldBack(Throttled):
    """Not asked now: the service has just said, to whomever, that it is asked too often."""


class Unreachable(Transient):
    """No connection came about at all: the network, a proxy or a name server."""


class Unreadable(Transient):
    """An answer came but a required part of it is missing: not known, never 'none'."""


class Busy(AwsError):
    """A limit that somebody else's work fills at present, such as the one export slot."""


class Missing(AwsError):
    """AWS says the thing does not exist. Whether that means 'gone' is for the caller to judge."""


class Denied(AwsError):
    """The credentials are valid and do not allow this operation."""

    exit_code = EXIT_NEEDS_PERSON


class Credentials(AwsError):
    """No credentials, or expired ones: nothing can be asked of AWS until somebody logs in."""

    exit_code = EXIT_NEEDS_PERSON


class Invalid(AwsError):
    """AWS will never accept this request as it stands."""

    exit_code = EXIT_NEEDS_PERSON


class NotOurs(EngineError):
    """A changing call named something that was not recorded as the run's own; it was not made."""


class PluginFailed(EngineError):
    """A plugin did not do what it was asked for."""


class Later(EngineError):
    """What a plugin raises that knows when it may be asked again: `after` that time, and why.

    From `notify` and `ticked` it is kept to, from a second to an hour. Elsewhere it is a failure as
    any other.
    """

    def __init__(self, after: timedelta, reason: str) -> None:
        super().__init__(reason)
        self.after = after


class Hangs(EngineError):
    """A plugin was asked for something and did not come back in time; `over` tells when it has.

    With `still` it was not asked at all, since it has not come back from an earlier call yet.
    """

    def __init__(self, text: str, over: Callable[[], bool], *, still: bool = False) -> None:
        super().__init__(text)
        self.over = over
        self.still = still


# What time alone does not mend, of the failures that a duty or a step may meet.
NEEDS_PERSON = (Denied, Invalid, NotOurs)


class OutOfTime(Transient):
    """The tick's deadline, or the lease, left no room for the call; it was not made."""


class StoreError(EngineError):
    """The database."""


class StoreUnwritable(StoreError):
    """It can be read and not written: disk full, read-only, or locked by another program."""

    exit_code = EXIT_TIME_MAY_MEND


class StoreBroken(StoreError):
    """It cannot be trusted to remember: damaged, not ours, newer, or on a network drive."""


class FileUnwritable(EngineError):
    """A file for a person could not be written, for want of room."""

    exit_code = EXIT_TIME_MAY_MEND


class LeaseLost(EngineError):
    """Another driver took the run over; this one must not change anything any more."""

    exit_code = EXIT_FINE


class LeaseHeld(EngineError):
    """Another driver holds the run."""

    exit_code = EXIT_FINE
