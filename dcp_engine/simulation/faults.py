"""Faults on demand: what AWS, or the way to it, may do to a call."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any

from dcp_engine.simulation.service_error import AwsError
from dcp_engine.simulation.wire import AwsRequest


class Fault(Enum):
    """Kinds of fault. Those that refuse take no effect in AWS; the others say whether they do."""

    THROTTLED = "throttled"
    """Each service's own spelling and HTTP status."""
    INTERNAL = "internal error"
    """HTTP 500."""
    UNAVAILABLE = "unavailable"
    """HTTP 503."""
    DENIED = "denied"
    """Each service's own spelling of lacking permission."""
    EXPIRED = "expired credentials"
    """Each service's own spelling."""
    ERROR = "another error"
    """The `code`, `status` and `message` given."""
    RESET = "connection reset"
    """Before the action took place."""
    REPLY_LOST = "reply lost"
    """The action takes effect, then the connection is reset."""
    EMPTY_BODY = "empty body"
    """HTTP 200 without content; the action takes effect."""
    TRUNCATED = "truncated body"
    """HTTP 200 with the first half of the content; the action takes effect."""
    HTML = "HTML body"
    """HTTP 200 with a web page, as of a captive portal; the action takes no effect."""
    HANG = "hangs"
    """No answer until the rule is released; then a reset. The action takes no effect."""
    MISSING_KEY = "missing key"
    """A good answer that lacks the member named `key`, at any depth; the action takes effect."""


CUTS = frozenset({Fault.RESET, Fault.REPLY_LOST, Fault.HANG})
"""Those after which there is no reply but a broken connection."""
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
AFTERWARDS = frozenset({Fault.REPLY_LOST, Fault.EMPTY_BODY, Fault.TRUNCATED, Fault.MISSING_KEY})

_THROTTLED: Mapping[str, tuple[str, int]] = {
    "ec2": ("RequestLimitExceeded", 503),
    "s3": ("SlowDown", 503),
    "cloudwatch": ("Throttling", 400),
    "sts": ("Throttling", 400),
}
_DENIED: Mapping[str, tuple[str, int]] = {
    "ec2": ("UnauthorizedOperation", 403),
    "s3": ("AccessDenied", 403),
    "cloudwatch": ("AccessDenied", 403),
    "sqs": ("AccessDenied", 403),
    "sts": ("AccessDenied", 403),
}
_EXPIRED: Mapping[str, tuple[str, int]] = {
    "ec2": ("RequestExpired", 400),
    "s3": ("ExpiredToken", 400),
    "cloudwatch": ("ExpiredToken", 403),
    "sqs": ("ExpiredToken", 403),
    "sts": ("ExpiredToken", 403),
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
    hits: int = 0
    """How many calls it has struck."""
    _released: threading.Event = field(default_factory=threading.Event)

    def release(self) -> None:
        """Let hanging calls go on to their reset."""
        self._released.set()

    def wait(self) -> None:
        """Hang until released."""
        self._released.wait()

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
        times: int | None = 1,
        after: int = 0,
        match: Callable[[Mapping[str, Any]], bool] | None = None,
        key: str | None = None,
        code: str = "InternalFailure",
        status: int = 400,
        message: str = "The request failed",
    ) -> FaultRule:
        """Strike calls whose `service:Operation` matches the shell pattern, such as `ec2:*`.

        The first `after` of them pass, then `times` are struck (None: all). `match` looks at the
        parameters; calls it turns down don't count. `key` is for MISSING_KEY, `code` and `status`
        for ERROR. The oldest rule that applies strikes. ValueError for MISSING_KEY without a key.
        """
        if fault is Fault.MISSING_KEY and key is None:
            raise ValueError("Fault.MISSING_KEY needs to be told which key is to be missing.")
        rule = FaultRule(operation, fault, times, after, match, key, code, status, message)
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

    def strike(self, request: AwsRequest) -> FaultRule | None:
        """The rule that strikes this call, if one does; counts it."""
        name = f"{request.service}:{request.operation}"
        with self._lock:
            for rule in self._rules:
                if not fnmatchcase(name, rule.pattern):
                    continue
                if rule.match is not None and not rule.match(request.params):
                    continue
                if rule.times is not None and rule.hits >= rule.times:
                    continue
                if rule.after > 0:
                    rule.after -= 1
                    continue
                rule.hits += 1
                return rule
        return None
