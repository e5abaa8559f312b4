"""The fault matrix's cases: which operation, in which state, which fault, for how long."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from dcp_engine.aws import operations as op
from dcp_engine.aws.operations import OPERATIONS, Operation
from dcp_engine.defaults import Settings
from dcp_engine.model import State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.item_failures import ITEM_FAILURES

_COUNTING = (op.GET_QUEUE_ATTRIBUTES,)
_LOOKING = (
    op.DESCRIBE_FLEETS,
    op.DESCRIBE_SERVICES,
    op.LIST_TASK_DEFINITIONS,
)
_DUTIES = (
    op.CREATE_TAGS,
    op.MODIFY_FLEET,
    op.DESCRIBE_ALARMS,
    op.DISABLE_ALARM_ACTIONS,
    op.DESCRIBE_INSTANCES,
    op.DELETE_ALARMS,
    op.GET_METRIC_DATA,
    op.DESCRIBE_VOLUMES,
)

FOR_THE_UNJOINED = (
    op.LABEL_MACHINES,
    op.PUT_ALARM,
    op.DESCRIBE_CLUSTERS,
    op.LIST_CONTAINER_INSTANCES,
    op.DESCRIBE_CONTAINER_INSTANCES,
    op.END_UNJOINED,
)
"""What is called in RUNNING because a machine never joined the cluster."""

CALLED: Mapping[State, tuple[Operation, ...]] = {
    State.RUNNING: (
        *_COUNTING,
        *_LOOKING,
        op.DESCRIBE_FLEET_INSTANCES,
        op.DESCRIBE_FLEET_HISTORY,
        *_DUTIES,
        op.DESCRIBE_SPOT_PRICES,
        op.FILTER_LOG_EVENTS,
        *FOR_THE_UNJOINED,
    ),
    State.DRAINING: (*_COUNTING, *_LOOKING, *_DUTIES),
    State.TEARDOWN: (
        op.GET_QUEUE_ATTRIBUTES,
        op.DELETE_QUEUE,
        op.DESCRIBE_FLEETS,
        op.CANCEL_FLEETS,
        op.DESCRIBE_INSTANCES,
        op.TERMINATE_INSTANCES,
        op.DESCRIBE_SERVICES,
        op.UPDATE_SERVICE,
        op.DELETE_SERVICE,
        op.LIST_TASK_DEFINITIONS,
        op.DEREGISTER_TASK_DEFINITION,
        op.DESCRIBE_CLUSTERS,
        op.LIST_CONTAINER_INSTANCES,
        op.DESCRIBE_CONTAINER_INSTANCES,
        op.DEREGISTER_CONTAINER_INSTANCE,
        op.DELETE_CLUSTER,
        op.DESCRIBE_ALARMS,
        op.DELETE_ALARMS,
        op.DELETE_DASHBOARDS,
        op.DESCRIBE_LOG_GROUPS,
        op.CREATE_EXPORT_TASK,
        op.DESCRIBE_EXPORT_TASKS,
        op.HEAD_OBJECT,
        op.DELETE_OBJECT,
        op.PUT_OBJECT,
    ),
}
"""What the engine calls in each state; a test compares it with what a run without faults called."""

ELSEWHERE: Mapping[Operation, str] = {
    op.GET_QUEUE_URL: "registering a run, and a process's first look at the dead letters",
    op.GET_CALLER_IDENTITY: "registering a run, and a new access key",
    op.DELETE_TAGS: "releasing a run",
}
"""What it calls in none of these states, and when it does."""

AFTER_A_DEATH = frozenset({op.DESCRIBE_ALARMS, op.DELETE_ALARMS, op.DESCRIBE_INSTANCES})
"""What is called in RUNNING because a machine has died."""

STOPS_THE_MONEY = frozenset({op.CANCEL_FLEETS, op.TERMINATE_INSTANCES, op.DESCRIBE_INSTANCES})


@dataclass(frozen=True)
class Kind:
    """A fault with what it is told."""

    fault: Fault
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def hides(self) -> bool:
        """Whether a call that it strikes looks like a good one, so that nobody can tell."""
        return self.fault in {Fault.STALE, Fault.ZERO_COUNTS, Fault.SHORT_PAGES}

    def may_be_believed(self, operation: Operation) -> bool:
        """Whether nobody can tell before the next look that this operation was struck.

        A success of DeleteAlarms has no body (Amazon CloudWatch API Reference).
        """
        return self.hides or (operation is op.DELETE_ALARMS and self.fault is Fault.EMPTY_BODY)

    def __str__(self) -> str:
        told = (self.details.get("key"), self.details.get("code"), self.details.get("called"))
        return "-".join([self.fault.name, *(str(part) for part in told if part)])


_PATIENCE = Settings().request_timeout.total_seconds()

EVERYWHERE = (
    *(
        Kind(fault)
        for fault in (
            Fault.THROTTLED,
            Fault.INTERNAL,
            Fault.UNAVAILABLE,
            Fault.DENIED,
            Fault.EXPIRED,
            Fault.RESET,
            Fault.REPLY_LOST,
            Fault.EMPTY_BODY,
            Fault.TRUNCATED,
            Fault.HTML,
        )
    ),
    Kind(Fault.HANG, {"takes": _PATIENCE}),
    # What a trickling answer comes to for the engine: AWS has acted, and time is up.
    Kind(Fault.REPLY_LOST, {"takes": _PATIENCE, "called": "SLOW_BYTES"}),
)

# The documented code of a fleet request that is not there (Amazon EC2 API Reference,
# CancelSpotFleetRequestsError) and the ones that say nothing of what became of it.
_CANCEL_CODES = (
    "unexpectedError",
    "fleetRequestIdMalformed",
    "fleetRequestIdDoesNotExist",
    "fleetRequestNotInCancellableState",
)
_COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


def kinds(operation: Operation) -> Iterator[Kind]:
    """Every fault that can strike an operation."""
    yield from EVERYWHERE
    yield from (Kind(Fault.MISSING_KEY, {"key": key}) for key in operation.required)
    if operation is op.GET_QUEUE_ATTRIBUTES:
        yield from (Kind(Fault.MISSING_KEY, {"key": key}) for key in _COUNTS)
        yield Kind(Fault.ZERO_COUNTS)
    if operation is op.CANCEL_FLEETS:
        yield from (Kind(Fault.ITEM_FAILED, {"code": code}) for code in _CANCEL_CODES)
    elif operation.label in ITEM_FAILURES:
        yield Kind(Fault.ITEM_FAILED, {"code": "UNAVAILABLE"})
    if operation.token:
        yield Kind(Fault.SHORT_PAGES)
    if not operation.changes and operation is not op.HEAD_OBJECT:
        yield Kind(Fault.STALE)


@dataclass(frozen=True)
class Span:
    """How long a fault lasts: so many calls, or so much time from the first one struck."""

    name: str
    times: int | None = None
    for_: timedelta | None = None


ONCE, FIVE_TIMES = Span("once", times=1), Span("five times", times=5)
AN_HOUR = Span("an hour", for_=timedelta(hours=1))


@dataclass(frozen=True)
class Case:
    """One cell of the matrix."""

    state: State
    operation: Operation
    kind: Kind
    span: Span

    def __str__(self) -> str:
        return f"{self.state}-{self.operation.label}-{self.kind}-{self.span.name}"


CASES = tuple(
    Case(state, operation, kind, span)
    for state, operations in CALLED.items()
    for operation in operations
    for kind in kinds(operation)
    for span in (ONCE, FIVE_TIMES, AN_HOUR)
    # Emptiness is what AWS says several times in a row (Amazon SQS Developer Guide): a count of
    # zero may blip, and one that stays is no fault that anybody could tell.
    if kind.fault is not Fault.ZERO_COUNTS or span is ONCE
)

assert {o for called in CALLED.values() for o in called} | set(ELSEWHERE) == set(OPERATIONS)
