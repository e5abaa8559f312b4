"""How long other people's plugins may keep a run from its end: a day, for all of them together.

The day begins when the machines have ended, or with the first attempt of any of them where that is
later: before it nobody waits for them, and a computer that slept meanwhile does not use it up.
Their teardown steps and their log exporters share it; pure.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final

from dcp_engine.model import Run

THIRD_PARTY_LIMIT: Final = timedelta(days=1)

FIRST_TRIED: Final = "tried"
"""In what the step `logs` remembers of a log group: exporter → when it was tried first, in seconds.

Only a third party's are there.
"""

_FLEETS: Final = "fleets"
LOGS: Final = "logs"


def over_at(run: Run, steps: Collection[str], share: float = 1.0) -> datetime | None:
    """When the day is over, or a share of it; None while it has not begun.

    `steps` are the names of the third parties' teardown steps.
    """
    ended, tried = _machines_ended(run), _first_attempt(run, steps)
    if ended is None or tried is None:
        return None
    return max(ended, tried) + THIRD_PARTY_LIMIT * share


def _machines_ended(run: Run) -> datetime | None:
    fleets = run.step(_FLEETS)
    # A person may have waived their end: from then on nothing waits for it.
    return run.machines_ended_at or (fleets.ended_at if fleets else None)


def _first_attempt(run: Run, steps: Collection[str]) -> datetime | None:
    moments = [step.first_at for step in run.steps if step.name in steps and step.first_at]
    logs = run.step(LOGS)
    for group in logs.progress.values() if logs else ():
        tried = group.get(FIRST_TRIED, {})
        moments += [datetime.fromtimestamp(seconds, UTC) for seconds in tried.values()]
    return min(moments, default=None)
