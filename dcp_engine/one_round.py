"""One look at each of several runs, made by several threads as `watch` makes them."""

from collections.abc import Callable, Mapping

from dcp_engine.clock import Clock
from dcp_engine.crew import Looked, Threads
from dcp_engine.model import Run
from dcp_engine.patrol import Appointment, Patrol, place_of


def one_round(
    runs: Mapping[str, Run], look: Callable[[str], None], *, threads: int, clock: Clock
) -> None:
    """Have `look` called once with the id of each run, at most `threads` of them at a time.

    `look` raises nothing.
    """

    def looked(run_id: str) -> Looked:
        look(run_id)
        return Looked(run_id, None)

    patrol = Patrol(
        Threads(min(threads, max(1, len(runs))), looked),
        agenda=lambda: {
            run_id: Appointment(None, place_of(run.account, run.region))
            for run_id, run in runs.items()
        },
        wished=tuple,
        clock=clock,
        # No second look is made, so that there is no pause either.
        interval=0.0,
    )
    patrol.once()
