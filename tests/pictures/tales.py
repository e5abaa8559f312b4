"""The events of a run of two days, as the engine writes them down."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from dcp_engine.model import Event
from tests.pictures.scenes import no_job_was_done

FLEET = "sfr-619699cf"
_UNREADABLE = (
    "The jobs in queue Exp1Queue could not be counted: sqs:GetQueueAttributes: AWS is too busy. "
    "Nothing is concluded from that: the machines keep running and the count is tried again."
)
_STALLED = no_job_was_done(
    datetime(2030, 1, 1, 21, 30, tzinfo=UTC), datetime(2030, 1, 1, 22, 2, tzinfo=UTC)
)
_DENIED = (
    "The teardown step queue has failed 1 time: sqs:DeleteQueue: not allowed. It is tried again."
)


def tale() -> tuple[Event, ...]:
    """All of them, in order."""
    return tuple(
        Event(
            id=str(number),
            run_id="Exp1-15fc5ebf",
            at=datetime(2030, 1, day, hour, minute, tzinfo=UTC),
            kind=kind,
            text=text,
            data=data,
        )
        for number, (day, hour, minute, kind, text, data) in enumerate(_events())
    )


Told = tuple[int, int, int, str, str, dict[str, Any]]


def _events() -> Iterator[Told]:
    yield 1, 13, 8, "registered", f"Exp1 was registered: fleet {FLEET}.", {"fleet": FLEET}
    yield _move(1, 13, 9, "PENDING", "RUNNING", "jobs were seen in the queue")
    for hour in (14, 15, 16):
        count = hour - 10
        text = f"Deleting {count} alarms of machines that are gone."
        yield 1, hour, 8, "alarms", text, {"count": count, "first": []}
    for hour, minutes in ((16, 4), (17, 2), (19, 6)):
        yield 1, hour, 30, "problem", _UNREADABLE, {"problem": "queue-unreadable"}
        over = f"No longer so, after {minutes} minutes: The jobs in queue Exp1Queue could not be."
        data = {"problem": "queue-unreadable", "s": minutes * 60}
        yield 1, hour, 30 + minutes, "problem-over", over, data
    text = f"Somebody raised the requested capacity of fleet {FLEET} from 90 to 100."
    yield 1, 20, 0, "target-raised", text, {"fleet": FLEET, "from": 90, "to": 100}
    yield 1, 22, 0, "problem", _STALLED, {"problem": "stalled"}
    yield 2, 1, 0, "alarms", "Deleting 1 alarm of a machine that is gone.", {"count": 1}
    yield (
        2,
        2,
        0,
        "problem-over",
        "No longer so, after 4 hours.",
        {"problem": "stalled", "s": 14400},
    )
    yield _move(2, 3, 0, "RUNNING", "DRAINING", "no job waits any more, 61 are in flight")
    for minute, before, after in ((10, 100, 61), (20, 61, 40), (30, 40, 12)):
        text = f"Lowering the requested capacity of fleet {FLEET} from {before} to {after}."
        yield 2, 3, minute, "downscale", text, {"fleet": FLEET, "from": before, "to": after}
    yield _move(2, 4, 0, "DRAINING", "TEARDOWN", "the queue stayed empty")
    yield 2, 4, 0, "stopping", f"Stopping fleet {FLEET} with all machines.", {"fleets": [FLEET]}
    yield 2, 4, 1, "service", "Scaling the service Exp1Service down to 0.", {}
    yield 2, 4, 1, "problem", _DENIED, {"problem": "step-queue"}
    yield 2, 4, 2, "service", "Deleting the service Exp1Service.", {}
    for step in ("service", "fleets", "alarms"):
        yield 2, 4, 3, "step", f"{step}: done (gone)", {"step": step, "ended": "done"}
    text = "cluster: kept (in use: 1 service)"
    yield 2, 4, 4, "step", text, {"step": "cluster", "ended": "kept"}
    over = "No longer so, after 20 minutes: The teardown step queue has failed 1 time."
    yield 2, 4, 21, "problem-over", over, {"problem": "step-queue", "s": 1200}
    text = "A person waived the step queue: it is left as it is, and the run goes on without it."
    yield 2, 4, 21, "waive", text, {"step": "queue"}
    yield 2, 4, 22, "logs", "Exporting Exp1 to my-bucket/exportedlogs/Exp1.", {}
    text = "logs: done (Exp1 is at my-bucket/exportedlogs/Exp1)"
    yield 2, 4, 30, "step", text, {"step": "logs", "ended": "done"}
    yield _move(2, 4, 31, "TEARDOWN", "EXPORTED", "every step has ended")


def _move(day: int, hour: int, minute: int, before: str, after: str, reason: str) -> Told:
    text = f"{before} → {after}: {reason}."
    return day, hour, minute, "state", text, {"from": before, "to": after}
