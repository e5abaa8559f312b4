"""What a run's readings mean for its state; pure.

Every decision comes with its reason in words, because every move is an event that people read.
"""

from datetime import datetime

import msgspec

from dcp_engine import words
from dcp_engine.defaults import Settings
from dcp_engine.emptiness import confirmed_empty, confirmed_missing
from dcp_engine.machine import Move
from dcp_engine.model import Outcome, Reading, Run, State


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A move and why; `outcome` where the move ends the work."""

    move: Move
    reason: str
    outcome: Outcome | None = None


def decide(run: Run, *, counted: bool, now: datetime, settings: Settings) -> Decision | None:
    """The next move, if there is one.

    `counted` says whether the queue was counted in this tick: without that nothing moves, save
    for a queue that has been gone for long enough.
    """
    if run.state is State.PENDING:
        return _pending(run, counted=counted, now=now, settings=settings)
    if run.state in {State.RUNNING, State.DRAINING}:
        if confirmed_missing(run.queue_missing, settings):
            return Decision(
                move=Move.WORK_OVER,
                reason="the queue no longer exists",
                outcome=Outcome.QUEUE_VANISHED,
            )
        if counted and run.reading is not None:
            return _working(run, run.reading, now, settings)
    return None


def orphans_possible(run: Run) -> str | None:
    """Why machines might still be at work although the queue says nothing; None when not.

    Empty is not idle: where this says something, the machines get `orphan_grace` before the move
    WORK_OVER is made.
    """
    if run.active_machines == 0 and not run.problem("fleet-unreadable"):
        return None
    if run.queue_missing and run.reading is not None and not run.reading.empty:
        return (
            "the queue vanished, and "
            f"{words.counted(run.reading.total, 'job was', 'jobs were')} in it when it was last "
            "seen: machines may still be at work"
        )
    if (
        run.dead_letters is not None
        and run.dead_letters_draining is not None
        and run.dead_letters > run.dead_letters_draining
    ):
        grown = words.counted(run.dead_letters - run.dead_letters_draining, "job")
        return (
            f"{grown} went to the dead-letter queue while the last ones were in flight: the "
            "visibility timeout may be shorter than the work, and machines may still be at work"
        )
    return None


def _pending(run: Run, *, counted: bool, now: datetime, settings: Settings) -> Decision | None:
    if run.jobs_seen:
        return Decision(move=Move.WORK_SEEN, reason="jobs were seen in the queue")
    if run.identities.queue_created_at is None:
        return None
    if confirmed_missing(run.queue_missing, settings):
        return Decision(move=Move.NOTHING_CAME, reason="the queue no longer exists")
    if run.active_machines:
        return Decision(
            move=Move.WORK_SEEN,
            reason=f"{words.counted(run.active_machines, 'machine is', 'machines are')} up",
        )
    if counted and now - run.registered_at >= settings.first_job_grace:
        return Decision(
            move=Move.NOTHING_CAME, reason="no job was seen since the run was registered"
        )
    return None


def _working(run: Run, reading: Reading, now: datetime, settings: Settings) -> Decision | None:
    if run.state is State.RUNNING:
        if reading.visible:
            return None
        return Decision(move=Move.NONE_WAITING, reason=_none_waiting(run, reading, now, settings))
    if reading.visible > 0:
        return Decision(
            move=Move.JOBS_WAIT,
            reason=f"{words.counted(reading.visible, 'job waits', 'jobs wait')} again",
        )
    if not run.jobs_seen and now - run.registered_at < settings.first_job_grace:
        # Machines may be up before the jobs are sent: nothing is over that has not begun.
        return None
    if confirmed_empty(run.readings, settings):
        return Decision(move=Move.WORK_OVER, reason="the queue stayed empty", outcome=_ending(run))
    return None


def _none_waiting(run: Run, reading: Reading, now: datetime, settings: Settings) -> str:
    if not run.jobs_seen:
        until = run.registered_at + settings.first_job_grace
        if until <= now:
            return (
                "no job was there when the queue was first looked at; all may have been done since "
                f"{run.registered_at:%H:%M} UTC, when the run was registered"
            )
        return f"no job has been seen yet; there is time until {until:%H:%M} UTC to send some"
    in_flight = words.counted(reading.in_flight, "is", "are")
    delayed = f" and {reading.delayed} delayed" if reading.delayed else ""
    return f"no job waits any more, {in_flight} in flight{delayed}"


def _ending(run: Run) -> Outcome:
    if run.unworked_fall > 0:
        return Outcome.JOBS_EXPIRED
    if run.dead_letters:
        return Outcome.COMPLETED_WITH_DEAD_LETTERS
    return Outcome.COMPLETED
