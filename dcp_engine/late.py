"""Jobs that come when the work was thought to be over."""

from msgspec.structs import replace

from dcp_engine.drive import Drive
from dcp_engine.errors import AwsError
from dcp_engine.machine import Move
from dcp_engine.model import Run
from dcp_engine.moves import Mover
from dcp_engine.ports import Aws
from dcp_engine.words import counted


def jobs_came_late(drive: Drive, aws: Aws, mover: Mover) -> bool:
    """Count once more before the first cancel; jobs found send the run back to RUNNING.

    A count that fails delays nothing: emptiness was confirmed, and the money goes first.
    """
    run = drive.run
    if run.first_cancel_at or run.abort_requested_at:
        return False
    jobs = jobs_waiting(aws, run)
    if not jobs:
        return False

    def back(run: Run) -> Run:
        return replace(
            run, outcome=None, readings=(), queue_missing=(), orphans_until=None, steps=()
        )

    found = counted(jobs, "job was", "jobs were")
    mover.move(Move.LATE_JOBS, f"{found} found before any machine was stopped", back)
    return True


def jobs_waiting(aws: Aws, run: Run) -> int:
    """How many jobs the run's own queue holds; 0 also when that cannot be told."""
    if run.identities.queue_url is None:
        return 0
    try:
        facts = aws.queue.look(run.identities.queue_url)
    except AwsError:
        return 0
    return facts.reading.total if facts.created_at == run.identities.queue_created_at else 0
