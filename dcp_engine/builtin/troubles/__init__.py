"""Troubles, named early: what is known of a run is looked through for them every few minutes.

Most are found from what is written down already.
"""

from collections.abc import Sequence

from dcp_engine.defaults import Settings
from dcp_engine.hookspecs import Context, Duty, DutyResult, hookimpl
from dcp_engine.model import State


@hookimpl
def duties(settings: Settings) -> Sequence[Duty]:
    return [
        Duty(
            name="troubles",
            states=frozenset({State.PENDING, State.RUNNING, State.DRAINING}),
            every=settings.watch_interval,
            first_after=settings.watch_interval,
            run=look,
        )
    ]


def look(context: Context) -> DutyResult:
    """Look through everything that is known, and tell what is wrong and what is no longer."""
    from dcp_engine.builtin.troubles.survey import survey  # noqa: PLC0415 - slow, and seldom due

    return survey(context)
