"""The one place where AWS is called: deadline, guard, gate, retries and paging."""

import random
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from botocore import xform_name

from dcp_engine.aws.answer import Answer
from dcp_engine.aws.gate import Gate
from dcp_engine.aws.operations import CANCEL_FLEETS, TERMINATE_INSTANCES, Operation
from dcp_engine.aws.restraint import Restraint
from dcp_engine.aws.taxonomy import translate, unreadable
from dcp_engine.clock import Clock
from dcp_engine.crash import CrashPoint, no_crash
from dcp_engine.errors import HeldBack, OutOfTime, Throttled, Transient
from dcp_engine.meter import Meter

if TYPE_CHECKING:
    from tenacity import RetryCallState, Retrying

T = TypeVar("T")

TRIES = 8
# Where somebody waits for the end of it: a second or so of pauses.
FEWEST_TRIES = 4
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
MOST_PAGES = 1000
# Each second that these wait costs money, and there is one of them for all of a run's machines.
_AT_ONCE = frozenset({CANCEL_FLEETS, TERMINATE_INSTANCES})


class Edge:
    """Calls on behalf of one run within one tick.

    A try or a pause never begins where it would begin, or end, past the deadline; a try that has
    begun may overrun it by the request timeout.
    """

    def __init__(
        self,
        client: Callable[[str], Any],
        *,
        gate: Gate,
        guard: Callable[[], None],
        clock: Clock,
        rng: random.Random,
        deadline: float,
        crash: CrashPoint = no_crash,
        meter: Meter | None = None,
        restraint: Restraint | None = None,
        tries: Callable[[], int] = lambda: TRIES,
    ) -> None:
        """`client` gives the client of a service; `deadline` is a moment of `clock.monotonic`.

        `restraint` is shared by all who ask the services of that account and region.
        `crash` is called before and after every try of every call, `meter` counts them. `tries` is
        asked after each failure how many tries there are at most.
        """
        self._client = client
        self._gate = gate
        self._guard = guard
        self._clock = clock
        self._rng = rng
        self._deadline = deadline
        self._crash = crash
        self._meter = meter or Meter()
        self._restraint = restraint or Restraint(clock)
        self._tries = tries

    @property
    def deadline(self) -> float:
        """The moment of the stopwatch after which nothing more is asked."""
        return self._deadline

    def call(
        self, operation: Operation, *, about: Mapping[str, str] | None = None, **params: Any
    ) -> dict[str, Any]:
        """AWS's answer as botocore parsed it, with every required key.

        `about` gives the machine behind each resource that a changing call names by another id.
        Raises AwsError, NotOurs, and whatever the guard raises.
        """
        return self.read(operation, lambda answer: answer.body, about=about, **params)

    def read(
        self,
        operation: Operation,
        reader: Callable[[Answer], T],
        *,
        about: Mapping[str, str] | None = None,
        **params: Any,
    ) -> T:
        """What `reader` makes of the answer; asked again where it finds the answer unreadable."""
        return self.retry(lambda: reader(self.once(operation, about=about, **params)))

    def pages(
        self,
        operation: Operation,
        reader: Callable[[Answer], T],
        *,
        patient: bool = True,
        **params: Any,
    ) -> Iterator[T]:
        """What `reader` makes of each page, to the last; no page is retried unless `patient`.

        Raises Unreadable instead of going round for ever when a token comes back a second time
        or the pages do not end.
        """
        token = operation.token
        assert token is not None, f"{operation.label} is not declared as paged"
        seen: set[str] = set()

        def page(answer: Answer) -> tuple[T, str | None]:
            following = answer.body.get(token)
            if following is not None and not isinstance(following, str):
                raise unreadable(operation, "its paging token is not a text")
            if following and (following in seen or len(seen) >= MOST_PAGES):
                raise unreadable(operation, "its pages go round in a circle")
            return reader(answer), following

        while True:
            value, following = (
                self.read(operation, page, **params)
                if patient
                else page(self.once(operation, **params))
            )
            yield value
            if not following:
                return
            seen.add(following)
            params[token] = following

    def retry(self, attempt: Callable[[], T]) -> T:
        """`attempt` until it succeeds or fails for good; Transient is worth another try.

        Exponential backoff with full jitter, in seconds; retries of minutes belong to the store.
        """
        try:
            # Nearly every attempt is the only one, and what counts tries is not loaded for it.
            return attempt()
        except Transient as error:
            if not _may_pass(error):
                raise
            return self._retrying()(_after(error, attempt))

    def _retrying(self) -> "Retrying":
        from tenacity import Retrying, retry_if_exception  # noqa: PLC0415 - see `retry`

        def pause(state: "RetryCallState") -> float:
            return self._rng.uniform(
                0.0, min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (state.attempt_number - 1))
            )

        def enough(state: "RetryCallState") -> bool:
            ends = self._clock.monotonic() + state.upcoming_sleep
            return state.attempt_number >= self._tries() or ends >= self._deadline

        def again(seconds: float) -> None:
            self._clock.sleep(seconds)
            self._meter.repeated()

        return Retrying(
            retry=retry_if_exception(_may_pass),
            wait=pause,
            stop=enough,
            sleep=again,
            reraise=True,
        )

    def once(
        self, operation: Operation, *, about: Mapping[str, str] | None = None, **params: Any
    ) -> Answer:
        """One try without any retry, for attempts made of several calls."""
        if self._clock.monotonic() >= self._deadline:
            raise _out_of_time(operation)
        if operation not in _AT_ONCE:
            self._wait_for_turn(operation)
        if operation.changes:
            self._guard()
            self._gate.check(operation, params, about=about)
        if operation.dry:
            params["DryRun"] = True
        self._crash(f"before aws {operation.label}")
        try:
            method = getattr(self._client(operation.service), xform_name(operation.name))
            self._meter.called()
            body = method(**params)
        except Exception as error:  # noqa: BLE001 - botocore's parsers raise anything
            told = translate(operation, error)
            if isinstance(told, Throttled):
                self._restraint.throttled(operation.service)
            raise told from None
        finally:
            self._crash(f"after aws {operation.label}")
        self._restraint.answered(operation.service)
        return Answer(operation, body, self._clock)

    def _wait_for_turn(self, operation: Operation) -> None:
        """Wait until the service may be asked. Raises OutOfTime, HeldBack."""
        wait = self._restraint.turn(operation.service)
        if wait is None:
            raise HeldBack(
                operation.label,
                "Throttling",
                "not asked now, since AWS has just said that this account asks too often there",
            )
        if wait and self._clock.monotonic() + wait >= self._deadline:
            raise _out_of_time(operation)
        if wait:
            self._clock.sleep(wait)


def _after(error: BaseException, attempt: Callable[[], T]) -> Callable[[], T]:
    """The same attempt, whose first try has failed with that error already."""
    failed: list[BaseException] = [error]

    def following() -> T:
        if failed:
            raise failed.pop()
        return attempt()

    return following


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, Transient) and not isinstance(error, OutOfTime | HeldBack)


def _out_of_time(operation: Operation) -> OutOfTime:
    return OutOfTime(
        operation.label,
        "OutOfTime",
        "not asked, since this round's time is up; the next round goes on from here",
    )
