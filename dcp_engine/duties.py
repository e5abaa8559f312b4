"""Duties: what plugins do while a run is in a state, on a schedule kept in the store."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from msgspec.structs import replace

from dcp_engine.clock import Clock
from dcp_engine.context import DutyContext
from dcp_engine.drive import Drive
from dcp_engine.errors import (
    Credentials,
    LeaseLost,
    OutOfTime,
    StoreError,
)
from dcp_engine.hookspecs import Duty, DutyResult
from dcp_engine.isolation import within
from dcp_engine.model import DutyRecord, Run, Settings, with_duty
from dcp_engine.plugins import in_words
from dcp_engine.ports import Aws

LONGEST_PAUSE = timedelta(hours=1)
_ENDS_THE_TICK = (LeaseLost, Credentials, OutOfTime, StoreError)


def do_duties(
    drive: Drive, aws: Aws, clock: Clock, settings: Settings, duties: Sequence[Duty]
) -> None:
    """Do every duty that is due in the run's state, until somebody asks for an abort.

    Raises LeaseLost, Credentials, OutOfTime, StoreError.
    """
    for duty in duties:
        if drive.abort_wished():
            return
        if _is_due(drive.run, duty, clock):
            _do(drive, DutyContext(drive, aws, clock, settings, duty.name), duty, clock, settings)


def _is_due(run: Run, duty: Duty, clock: Clock) -> bool:
    if run.state not in duty.states:
        return False
    record = run.duty(duty.name)
    due = record.next_at if record else None
    if due is None:
        due = run.registered_at + duty.first_after
    return due <= clock.now()


def _do(drive: Drive, context: DutyContext, duty: Duty, clock: Clock, settings: Settings) -> None:
    problem = f"duty-{duty.name}"
    try:
        result = within(drive.patience(), partial(duty.run, context))
        if result is not None and not isinstance(result, DutyResult):
            raise TypeError(f"the duty returned {result!r}")  # noqa: TRY301
    except _ENDS_THE_TICK:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
        context.close()
        _failed(drive, duty, error, clock, settings)
        return
    every = duty.every if result is None or result.next_in is None else result.next_in
    now = clock.now()

    def done(run: Run) -> Run:
        record = run.duty(duty.name) or DutyRecord(name=duty.name)
        return with_duty(
            run,
            replace(record, last_at=now, next_at=now + every, failures=0, last_error=None),
        )

    if every > timedelta(0) or drive.run.problem(problem):
        drive.commit(done)
    drive.problems({**(result.problems if result else {}), problem: None})


def _failed(
    drive: Drive, duty: Duty, error: BaseException, clock: Clock, settings: Settings
) -> None:
    words = in_words(error)
    now = clock.now()

    def failed(run: Run) -> Run:
        record = run.duty(duty.name) or DutyRecord(name=duty.name)
        failures = record.failures + 1
        # A permanent fault must not become a loop that hammers AWS.
        pause = min(
            LONGEST_PAUSE,
            max(settings.poll_interval, timedelta(seconds=1)) * 2 ** min(failures - 1, 12),
        )
        return with_duty(
            run, replace(record, next_at=now + pause, failures=failures, last_error=words)
        )

    drive.commit(failed)
    drive.failed(
        f"duty-{duty.name}",
        f"The duty {duty.name} could not be done: {words}. It is tried again; jobs and machines "
        "are not harmed by that.",
        error,
    )
