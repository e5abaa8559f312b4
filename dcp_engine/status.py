"""What a run looks like to a person or a program, from the store alone."""

from datetime import datetime
from typing import Any

import msgspec

from dcp_engine.errors import EXIT_FINE, EXIT_NEEDS_PERSON, EXIT_TIME_MAY_MEND, BadInput
from dcp_engine.model import (
    Ended,
    Fleet,
    Lease,
    Outcome,
    Problem,
    Request,
    RequestKind,
    Run,
    State,
    Step,
)


class QueueStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The last counts of the queue; all None before the first."""

    visible: int | None = None
    in_flight: int | None = None
    delayed: int | None = None
    observed_at: datetime | None = None


class FleetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A fleet as it was last seen. Capacities in weighted units, `active` in machines.

    Once every machine of the run has ended it is `cancelled` with nothing in it.
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

    `wishes` are what people asked for and no driver has obeyed yet.
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
    machines_seen: int
    steps: tuple[StepStatus, ...]
    problems: tuple[Problem, ...]
    driver: str | None
    next_tick_at: datetime | None
    last_tick_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON, moments as ISO 8601."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


def queue_is_going(run: Run) -> bool:
    """Whether it is too late to keep the queue: its deletion has been asked for, or is done."""
    step = run.step("queue")
    return step is not None and (step.ended is Ended.DONE or "asked_at" in step.progress)


def status_of(
    run: Run, *, lease: Lease | None, requests: list[Request], machines_seen: int
) -> Status:
    """Put together what the store knows of a run, wishes not yet obeyed included."""
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
        fleets=tuple(_fleet(fleet, run) for fleet in run.fleets),
        machines_seen=machines_seen,
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
    )


def _fleet(fleet: Fleet, run: Run) -> FleetStatus:
    if run.machines_ended_at is not None:
        return FleetStatus(id=fleet.id, state="cancelled", target=0, fulfilled=0.0, active=0)
    return FleetStatus(
        id=fleet.id,
        state=fleet.state,
        target=fleet.target,
        fulfilled=fleet.fulfilled,
        active=fleet.active,
    )


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
