"""A total limit of time for one try of a call.

botocore's read timeout holds for each wait for data, so an answer that trickles in keeps one try
going for ever. Here each try has a thread of its own, which is left behind when its time is up.

What is left behind is a call that is already on the wire: AWS may still carry it out, and nobody
reads the answer. One that has not been sent by then is not sent any more.
"""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from botocore import xform_name
from botocore.exceptions import HTTPClientError

from dcp_engine.aws.operations import (
    CANCEL_FLEETS,
    EVERY_OPERATION,
    TERMINATE_INSTANCES,
    Operation,
)

# Tries of one operation that were left behind and have not ended yet. It bounds how many threads
# and connections a network that never ends an answer can come to.
_MOST_LEFT = 8
# However often and however late, these do nothing but what is wanted. Any other change waits for
# its predecessor to end: one that comes late could undo a later one, such as a target lowered
# meanwhile.
_FINE_LATE = frozenset({CANCEL_FLEETS, TERMINATE_INSTANCES})


class TimeIsUp(HTTPClientError):
    """A try took longer than its limit, or was not made because too many others still do."""

    fmt = "{why}"


@dataclass
class _Try:
    """One try; `left` once nobody waits for it any more."""

    ended: "Future[Any]" = field(default_factory=Future)
    left: bool = False


class TimeLimit:
    """Makes tries, each for a limited time; safe to use from several threads."""

    def __init__(self, limit: timedelta) -> None:
        """`limit` is for one try, from its beginning to the last byte of the answer."""
        self._seconds = limit.total_seconds()
        self._lock = threading.Lock()
        self._left: Counter[Operation] = Counter()
        self._here = threading.local()

    def around(self, client: Any) -> "LimitedClient":
        """The same client, with the limit on every operation that the engine calls."""
        client.meta.events.register_first("before-send", self._refuse_late)
        return LimitedClient(client, self)

    def run(self, operation: Operation, attempt: Callable[[], Any]) -> Any:
        """What `attempt` returns or raises. Raises TimeIsUp."""
        most = 1 if operation.changes and operation not in _FINE_LATE else _MOST_LEFT
        if self._left[operation] >= most:
            raise TimeIsUp(why="earlier tries of it have not come to an end")
        one = _Try()
        # A daemon, so that what was left behind does not keep the process from its end.
        threading.Thread(target=self._work, args=(operation, one, attempt), daemon=True).start()
        try:
            wait([one.ended], self._seconds)
        finally:
            # Also where the waiting itself was interrupted.
            left = self._leave(operation, one)
        if left:
            raise TimeIsUp(why=f"no whole answer came in {self._seconds:g} seconds")
        return one.ended.result()

    def _leave(self, operation: Operation, one: _Try) -> bool:
        """Leave a try behind that has not ended; whether it was one."""
        with self._lock:
            one.left = not one.ended.done()
            self._left[operation] += one.left
            return one.left

    def _work(self, operation: Operation, one: _Try, attempt: Callable[[], Any]) -> None:
        self._here.one = one
        answer, error = None, None
        try:
            answer = attempt()
        except BaseException as raised:  # noqa: BLE001 - it is raised again in the other thread
            error = raised
        with self._lock:
            self._left[operation] -= one.left
            if error is None:
                one.ended.set_result(answer)
            else:
                one.ended.set_exception(error)

    def _refuse_late(self, **_: Any) -> None:
        """Handler of botocore's `before-send`: what nobody waits for any more is not sent."""
        one = getattr(self._here, "one", None)
        if one is not None and one.left:
            raise TimeIsUp(why="its time was up before it was sent")


class LimitedClient:
    """A boto3 client whose operations have a limit of time; all else is the client's own."""

    def __init__(self, client: Any, limit: TimeLimit) -> None:
        service = client.meta.service_model.service_name
        self._client = client
        self._limit = limit
        # Two uses of one operation are one operation here: what is left behind is the same call.
        self._operations = {
            xform_name(op.name): op
            for op in EVERY_OPERATION
            if op.service == service and not op.purpose
        }

    def __getattr__(self, name: str) -> Any:
        own = getattr(self._client, name)
        operation = self._operations.get(name)
        if operation is None:
            return own
        return lambda **params: self._limit.run(operation, lambda: own(**params))
