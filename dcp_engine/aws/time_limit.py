"""A total limit of time for one try of a call.

botocore's read timeout holds for each wait for data, so an answer that trickles in keeps one try
going for ever. Here each try has a thread to itself, which is left behind when its time is up.

What is left behind is a call that is already on the wire: AWS may still carry it out, and nobody
reads the answer. One that has not been sent by then is not sent any more.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from queue import Empty, SimpleQueue
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
_REST = timedelta(seconds=5)
# However often and however late, these do nothing but what is wanted. Any other change waits for
# its predecessor to end: one that comes late could undo a later one, such as a target lowered
# meanwhile.
_FINE_LATE = frozenset({CANCEL_FLEETS, TERMINATE_INSTANCES})


class TimeIsUp(HTTPClientError):
    """A try took longer than its limit, or was not made because too many others still do."""

    fmt = "{why}"


class _Try:
    """One try; `over` once it has ended, `left` once nobody waits for it any more."""

    def __init__(self, operation: Operation, attempt: Callable[[], Any]) -> None:
        self.operation = operation
        self.attempt = attempt
        self.answer: Any = None
        self.error: BaseException | None = None
        self.left = False
        self.over = False
        # Held until it has ended: the cheapest there is to wait for.
        self.under_way = threading.Lock()
        self.under_way.acquire()


class _Hand:
    """A thread that makes one try after the other, and ends where none comes for some seconds.

    To start a thread for each costs as much as a third of the try itself.
    """

    def __init__(self, make: Callable[[_Try], None], idle: "deque[_Hand]", rest: float) -> None:
        self._make = make
        self._idle = idle
        self._rest = rest
        self.given: SimpleQueue[_Try] = SimpleQueue()
        # A daemon, so that what was left behind does not keep the process from its end.
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                one = self.given.get(timeout=self._rest)
            except Empty:
                # Who takes a hand takes it off the list, so that one that is still there is free.
                with suppress(ValueError):
                    self._idle.remove(self)
                    return
                continue
            try:
                self._make(one)
            finally:
                self._idle.append(self)
                one.under_way.release()
                del one


class TimeLimit:
    """Makes tries, each for a limited time; safe to use from several threads."""

    def __init__(self, limit: timedelta, rest: timedelta = _REST) -> None:
        """`limit` is for one try, from its beginning to the last byte of the answer.

        `rest` is how long a thread waits for the next try before it ends.
        """
        self._seconds = limit.total_seconds()
        self._rest = rest.total_seconds()
        self._lock = threading.Lock()
        self._left: Counter[Operation] = Counter()
        self._here = threading.local()
        self._idle: deque[_Hand] = deque()

    def around(self, client: Any) -> "LimitedClient":
        """The same client, with the limit on every operation that the engine calls."""
        client.meta.events.register_first("before-send", self._refuse_late)
        return LimitedClient(client, self)

    def run(self, operation: Operation, attempt: Callable[[], Any]) -> Any:
        """What `attempt` returns or raises. Raises TimeIsUp."""
        most = 1 if operation.changes and operation not in _FINE_LATE else _MOST_LEFT
        if self._left[operation] >= most:
            raise TimeIsUp(why="earlier tries of it have not come to an end")
        one = _Try(operation, attempt)
        self._hand().given.put(one)
        ended = False
        try:
            ended = one.under_way.acquire(timeout=self._seconds)
        finally:
            # Also where the waiting itself was interrupted.
            left = not ended and self._leave(one)
        if left:
            raise TimeIsUp(why=f"no whole answer came in {self._seconds:g} seconds")
        answer, error = one.answer, one.error
        if error is None:
            return answer
        try:
            raise error
        finally:
            # The error knows this frame; it must not be known by it for longer.
            del error, one

    def _hand(self) -> _Hand:
        try:
            return self._idle.pop()
        except IndexError:
            return _Hand(self._make, self._idle, self._rest)

    def _leave(self, one: _Try) -> bool:
        """Leave a try behind that has not ended; whether it was one."""
        with self._lock:
            if one.over:
                return False
            one.left = True
            self._left[one.operation] += 1
            return True

    def _make(self, one: _Try) -> None:
        self._here.one = one
        try:
            one.answer = one.attempt()
        except BaseException as raised:  # noqa: BLE001 - it is raised again in the other thread
            one.error = raised
        self._here.one = None
        with self._lock:
            one.over = True
            self._left[one.operation] -= one.left

    def _refuse_late(self, **_: Any) -> None:
        """Handler of botocore's `before-send`: what nobody waits for any more is not sent."""
        one: _Try | None = getattr(self._here, "one", None)
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
