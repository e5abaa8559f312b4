"""What a run looks like to a person or a program, from the store alone."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from dcp_engine.errors import EXIT_FINE, EXIT_NEEDS_PERSON, EXIT_TIME_MAY_MEND, BadInput
from dcp_engine.model import (
    Cancelled,
    Ended,
    Fleet,
    Lease,
    Machine,
    Observation,
    Outcome,
    Problem,
    Request,
    RequestKind,
    Run,
    State,
    Step,
)

# While one of these problems stands, nothing is changed in AWS, whatever was asked for.
IN_THE_WAY: Final = frozenset(
    {"credentials", "other-account", "account-unknown", "unreachable", "driven-elsewhere"}
)
# So late a next look means that nobody comes; or by so many of the pauses that were meant.
_OVERDUE: Final = timedelta(minutes=30)
_PAUSES: Final = 3


class QueueStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The last counts of the queue; all None before the first."""

    visible: int | None = None
    in_flight: int | None = None
    delayed: int | None = None
    observed_at: datetime | None = None


class FleetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A fleet as it was last seen. Capacities in weighted units, `active` in machines.

    Once AWS has accepted its cancel it is `cancelled_terminating`, and once every machine of the
    run has ended `cancelled` with nothing in it.
    """

    id: str
    state: str | None
    target: int | None
    fulfilled: float | None
    active: int | None


class StepStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A teardown step."""

    name: str
    ended: Ended | None
    reason: str | None
    attempts: int
    last_error: str | None


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What `dcp-engine status --json` prints; times are UTC.

    `wishes` are what people asked for and no driver has obeyed yet. `unwatched_since` is the last
    look at a live run that is long overdue, with nobody there to look; None for any other run.
    """

    run_id: str
    app_name: str
    state: State
    state_since: datetime
    registered_at: datetime
    account: str
    region: str
    cheapest: bool
    cheapest_acted: bool
    abort_requested: bool
    keep_queue: bool
    wishes: tuple[RequestKind, ...]
    outcome: Outcome | None
    dead_letters: int | None
    queue: QueueStatus
    fleets: tuple[FleetStatus, ...]
    machines_seen: int | None
    machines_ended_at: datetime | None
    observations: tuple[Observation, ...]
    summary: dict[str, str]
    steps: tuple[StepStatus, ...]
    problems: tuple[Problem, ...]
    driver: str | None
    next_tick_at: datetime | None
    last_tick_at: datetime | None
    unwatched_since: datetime | None

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON, moments as ISO 8601."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


def queue_is_going(run: Run) -> bool:
    """Whether it is too late to keep the queue: its deletion has been asked for, or is done."""
    step = run.step("queue")
    return step is not None and (step.ended is Ended.DONE or "asked_at" in step.progress)


def unstopped(run: Run) -> tuple[str, ...]:
    """The fleets that a teardown must cancel, and that AWS has not yet said it cancels."""
    if run.state is not State.TEARDOWN or run.machines_ended_at or run.ended("fleets"):
        return ()
    answers = _answers(run)
    return tuple(i for i in run.fleet_ids if answers.get(i, Cancelled.FAILED) == Cancelled.FAILED)


def unwatched_since(run: Run, lease: Lease | None, now: datetime) -> datetime | None:
    """Since when nobody has looked at a live run whose next look is long overdue; else None.

    Long is half an hour, or three times the pause that was meant where that is more.
    """
    if not run.live or lease is not None or run.next_tick_at is None:
        return None
    last = run.last_tick_at or run.registered_at
    patience = max(_OVERDUE, _PAUSES * (run.next_tick_at - last))
    return last if now - run.next_tick_at > patience else None


def status_of(
    run: Run,
    *,
    lease: Lease | None,
    requests: list[Request],
    machines_seen: int,
    machines: Iterable[Machine] = (),
    now: datetime | None = None,
) -> Status:
    """Put together what the store knows of a run, wishes not yet obeyed included.

    `machines` are those that were seen. Whether the run is unwatched is told where `now` is given.
    """
    machines = list(machines)
    kinds = [request.kind for request in requests]
    keeps = [request for request in requests if request.data.get("keep_queue")]
    reading = run.reading
    wished = RequestKind.CHEAPEST_ON in kinds or run.cheapest is not None
    return Status(
        run_id=run.id,
        app_name=run.names.app_name,
        state=run.state,
        state_since=run.state_since,
        registered_at=run.registered_at,
        account=run.account,
        region=run.region,
        cheapest=wished and RequestKind.CHEAPEST_OFF not in kinds,
        cheapest_acted=run.cheapest is not None and run.cheapest.acted_at is not None,
        abort_requested=run.abort_requested_at is not None or RequestKind.ABORT in kinds,
        keep_queue=not queue_is_going(run) and (run.keep_queue or bool(keeps)),
        wishes=tuple(dict.fromkeys(kinds)),
        outcome=run.outcome,
        dead_letters=run.dead_letters,
        queue=QueueStatus(
            visible=reading.visible,
            in_flight=reading.in_flight,
            delayed=reading.delayed,
            observed_at=reading.at,
        )
        if reading
        else QueueStatus(),
        fleets=tuple(fleet_status(fleet, run, machines) for fleet in run.fleets),
        machines_seen=machines_seen if machines_seen or run.machines_known else None,
        machines_ended_at=run.machines_ended_at,
        observations=run.observations,
        summary=run.summary,
        steps=tuple(
            StepStatus(
                name=step.name,
                ended=step.ended,
                reason=step.reason,
                attempts=step.attempts,
                last_error=step.last_error,
            )
            for step in run.steps
        ),
        problems=run.problems,
        driver=str(lease.holder) if lease else None,
        next_tick_at=run.next_tick_at,
        last_tick_at=run.last_tick_at,
        unwatched_since=unwatched_since(run, lease, now) if now else None,
    )


def fleet_status(fleet: Fleet, run: Run, machines: Iterable[Machine]) -> FleetStatus:
    """A fleet as it stands by what is recorded last: by the teardown, where that has begun."""
    if run.machines_ended_at is not None:
        return FleetStatus(id=fleet.id, state="cancelled", target=0, fulfilled=0.0, active=0)
    own = [machine for machine in machines if machine.fleet_id == fleet.id]
    accepted = _answers(run).get(fleet.id) == Cancelled.ACCEPTED
    # A fleet that was stopped before the first look at it is known by its machines alone.
    alive = sum(machine.ended_at is None for machine in own) if own else None
    return FleetStatus(
        id=fleet.id,
        state="cancelled_terminating" if accepted else fleet.state,
        target=fleet.target,
        fulfilled=fleet.fulfilled,
        active=alive if fleet.active is None else fleet.active,
    )


def _answers(run: Run) -> dict[str, str]:
    """What AWS said of each fleet when it was told to cancel it."""
    step = run.step("fleets")
    return dict(step.progress.get("answers", {})) if step else {}


def waivable_steps(run: Run) -> tuple[Step, ...]:
    """The steps that a person may waive: those of a teardown that have not ended."""
    if run.state is not State.TEARDOWN:
        return ()
    return tuple(step for step in run.steps if step.ended is None)


def waivable(run: Run, name: str) -> Step:
    """The step of that name, if it can be waived. Raises BadInput, naming those that can."""
    steps = {step.name: step for step in waivable_steps(run)}
    if name in steps:
        return steps[name]
    app_name = run.names.app_name
    if not run.live:
        raise BadInput(f"{app_name} (run {run.id}) has ended; there is no step left to waive.")
    if run.state.watches:
        raise BadInput(
            f"{app_name} is {run.state}: nothing of it is being taken down, so there is no step "
            f"to waive. `dcp-engine abort {app_name}` ends the run now."
        )
    ended = run.step(name)
    what = (
        f"The step {name} of {app_name} has ended already ({ended.ended})."
        if ended and ended.ended
        else f"{app_name} has no step named {name}."
    )
    raise BadInput(
        what
        + (f" These can be waived: {', '.join(steps)}." if steps else " None is left to waive.")
    )


def exit_code(run: Run) -> int:
    """0 when nothing is wrong, 3 when time may mend what is, 4 when a person must."""
    problems = [problem for problem in run.problems if not problem.advice]
    if any(problem.needs_person for problem in problems):
        return EXIT_NEEDS_PERSON
    return EXIT_TIME_MAY_MEND if problems else EXIT_FINE
