"""Faults on demand: what AWS, or the way to it, may do to a call."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from fnmatch import fnmatchcase
from types import EllipsisType
from typing import Any

from dcp_engine.simulation.service_error import AwsError
from dcp_engine.simulation.wire import AwsRequest


class Fault(Enum):
    """Kinds of fault. Those that refuse take no effect in AWS; the others say whether they do."""

    THROTTLED = "throttled"
    """Each service's own spelling and HTTP status."""
    INTERNAL = "internal error"
    """HTTP 500 (every service's "Common errors": InternalFailure)."""
    UNAVAILABLE = "unavailable"
    """HTTP 503 ("Common errors": ServiceUnavailable)."""
    DENIED = "denied"
    """Each service's own spelling of lacking permission."""
    EXPIRED = "expired credentials"
    """Each service's own spelling."""
    ERROR = "another error"
    """The `code`, `status` and `message` given."""
    RESET = "connection reset"
    """Before the action took place. For refused connections see `SimulatedAws.unreachable`."""
    REPLY_LOST = "reply lost"
    """The action takes effect, then the connection is reset."""
    EMPTY_BODY = "empty body"
    """HTTP 200 without content; the action takes effect."""
    TRUNCATED = "truncated body"
    """HTTP 200 with the first half of the content; the action takes effect."""
    HTML = "HTML body"
    """HTTP 200 with a web page, as of a captive portal; the action takes no effect."""
    HANG = "hangs"
    """No answer until the rule is released, or for the seconds that it `takes`; then a reset.

    The action takes no effect.
    """
    TRICKLES = "trickles"
    """The answer comes a byte at a time until the rule is released; the action takes effect."""
    MISSING_KEY = "missing key"
    """A good answer that lacks the member named `key`, at any depth; the action takes effect."""
    ITEM_FAILED = "an item failed"
    """HTTP 200, and every item asked about is among the failures, for the reason `code`.

    For the operations in `item_failures`, where the sources stand, and without effect there;
    others are left alone.
    """
    STALE = "stale"
    """A read is answered as it was the last time before, whatever has changed since.

    Amazon EC2 Developer Guide, "Eventual consistency in the Amazon EC2 API"; ECS and CloudWatch
    say the same of their describe operations.
    """
    ZERO_COUNTS = "counts of zero"
    """GetQueueAttributes counts no message at all (Amazon SQS API Reference: "approximate")."""
    SHORT_PAGES = "short pages"
    """A list begins with an empty page and a token; the rest follows on that token.

    Amazon EC2 API Reference, "Pagination", and each List or Describe operation: only a missing
    token says that a list has ended, not a page that is short or empty.
    """


CUTS = frozenset({Fault.RESET, Fault.REPLY_LOST, Fault.HANG, Fault.TRICKLES})
"""Those that need a real connection, to break it or to keep it waiting."""
REFUSALS = frozenset(
    {
        Fault.THROTTLED,
        Fault.INTERNAL,
        Fault.UNAVAILABLE,
        Fault.DENIED,
        Fault.EXPIRED,
        Fault.ERROR,
    }
)
AFTERWARDS = frozenset(
    {
        Fault.REPLY_LOST,
        Fault.EMPTY_BODY,
        Fault.TRUNCATED,
        Fault.TRICKLES,
        Fault.ITEM_FAILED,
        Fault.MISSING_KEY,
        Fault.STALE,
        Fault.ZERO_COUNTS,
        Fault.SHORT_PAGES,
    }
)

_THROTTLED: Mapping[str, tuple[str, int]] = {
    "ec2": ("RequestLimitExceeded", 503),
    "s3": ("SlowDown", 503),
    "cloudwatch": ("Throttling", 400),
    "sts": ("Throttling", 400),
    "iam": ("Throttling", 400),
}
_DENIED: Mapping[str, tuple[str, int]] = {
    "ec2": ("UnauthorizedOperation", 403),
    "s3": ("AccessDenied", 403),
    "cloudwatch": ("AccessDenied", 403),
    "sqs": ("AccessDenied", 403),
    "sts": ("AccessDenied", 403),
    "iam": ("AccessDenied", 403),
}
_EXPIRED: Mapping[str, tuple[str, int]] = {
    "ec2": ("RequestExpired", 400),
    "s3": ("ExpiredToken", 400),
    "cloudwatch": ("ExpiredToken", 403),
    "sqs": ("ExpiredToken", 403),
    "sts": ("ExpiredToken", 403),
    "iam": ("ExpiredToken", 403),
}
_UNAVAILABLE: Mapping[str, str] = {"ec2": "Unavailable", "logs": "ServiceUnavailableException"}
_INTERNAL: Mapping[str, str] = {"ec2": "InternalError", "s3": "InternalError"}


@dataclass
class FaultRule:
    """One standing order."""

    pattern: str
    fault: Fault
    times: int | None
    after: int
    match: Callable[[Mapping[str, Any]], bool] | None
    key: str | None
    code: str
    status: int
    message: str
    takes: float | None
    until: datetime | None
    for_: timedelta | None
    hits: int = 0
    """How many calls it has struck."""
    _released: threading.Event = field(default_factory=threading.Event)

    def release(self) -> None:
        """Let hanging calls go on to their reset."""
        self._released.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Hang until released, `seconds` at most; whether it is."""
        return self._released.wait(seconds)

    def applies(self, name: str, params: Mapping[str, Any], now: datetime) -> bool:
        """Whether it is this call's turn, counting the ones that pass first."""
        if not fnmatchcase(name, self.pattern) or (self.until is not None and now >= self.until):
            return False
        if self.match is not None and not self.match(params):
            return False
        if self.times is not None and self.hits >= self.times:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.until is None and self.for_ is not None:
            self.until = now + self.for_
        self.hits += 1
        return True

    def refusal(self, service: str) -> AwsError:
        """The error that a refusing fault answers with, in the service's spelling."""
        message = f"{self.message} (simulated)"
        if self.fault is Fault.THROTTLED:
            code, status = _THROTTLED.get(service, ("ThrottlingException", 400))
        elif self.fault is Fault.DENIED:
            code, status = _DENIED.get(service, ("AccessDeniedException", 400))
        elif self.fault is Fault.EXPIRED:
            code, status = _EXPIRED.get(service, ("ExpiredTokenException", 400))
        elif self.fault is Fault.UNAVAILABLE:
            code, status = _UNAVAILABLE.get(service, "ServiceUnavailable"), 503
        elif self.fault is Fault.INTERNAL:
            code, status = _INTERNAL.get(service, "InternalFailure"), 500
        else:
            code, status = self.code, self.status
        return AwsError(code, message, status)


class Faults:
    """The standing orders; safe to change while the server works."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[FaultRule] = []

    def add(
        self,
        operation: str,
        fault: Fault,
        *,
        times: int | EllipsisType | None = ...,
        after: int = 0,
        until: datetime | None = None,
        for_: timedelta | None = None,
        match: Callable[[Mapping[str, Any]], bool] | None = None,
        key: str | None = None,
        code: str = "InternalFailure",
        status: int = 400,
        message: str = "The request failed",
        takes: float | None = None,
    ) -> FaultRule:
        """Strike calls whose `service:Operation` matches the shell pattern, such as `ec2:*`.

        The first `after` of them pass, then `times` are struck (None: all), until the world's
        moment `until`, or `for_` so long from the first one struck. `times` is 1 where neither is
        given, otherwise all. `match` looks at the parameters; calls it turns down don't count.

        `key` is for MISSING_KEY, `code` and `status` for ERROR, `code` alone for ITEM_FAILED.
        `takes` is how many seconds of the world's clock HANG and REPLY_LOST last before the reset,
        the caller's patience; on a virtual clock they pass at once. The oldest rule that applies
        strikes. ValueError for MISSING_KEY without a key.
        """
        if fault is Fault.MISSING_KEY and key is None:
            raise ValueError("Fault.MISSING_KEY needs to be told which key is to be missing.")
        if isinstance(times, EllipsisType):
            times = 1 if until is None and for_ is None else None
        rule = FaultRule(
            operation, fault, times, after, match, key, code, status, message, takes, until, for_
        )
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self) -> None:
        """Drop all orders and let go of what hangs."""
        with self._lock:
            rules, self._rules = self._rules, []
        for rule in rules:
            rule.release()

    def may_cut(self) -> bool:
        """Whether there is an order left that breaks a connection."""
        with self._lock:
            return any(
                rule.fault in CUTS and (rule.times is None or rule.hits < rule.times)
                for rule in self._rules
            )

    def strike(self, request: AwsRequest, now: datetime) -> FaultRule | None:
        """The rule that strikes this call, if one does; counts it."""
        with self._lock:
            return next(
                (r for r in self._rules if r.applies(request.name, request.params, now)), None
            )
