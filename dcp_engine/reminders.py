"""A problem that lasts is told again every day, so that nobody forgets it."""

from datetime import timedelta

from msgspec.structs import replace

from dcp_engine.clock import Clock
from dcp_engine.drive import Drive
from dcp_engine.model import Run
from dcp_engine.words import counted

EVERY = timedelta(hours=24)


def remind(drive: Drive, clock: Clock) -> None:
    """One event for each problem that was last told a day ago or longer, of a live run.

    What stands when a run has ended is about telling itself, and each telling of that would have to
    be told for days again.
    """
    if not drive.run.live:
        return
    now = clock.now()
    lasting = [p for p in drive.run.problems if now - (p.told_at or p.since) >= EVERY]
    if not lasting:
        return
    names = {problem.name for problem in lasting}

    def told(run: Run) -> Run:
        return replace(
            run,
            problems=tuple(replace(p, told_at=now) if p.name in names else p for p in run.problems),
        )

    drive.commit(
        told,
        events=[
            (
                "problem-lasts",
                f"Still so after {counted((now - p.since).days, 'day')}: {p.text}",
                {"problem": p.name},
            )
            for p in lasting
        ],
    )
