"""Whether anybody looks after the run."""

from collections.abc import Mapping
from datetime import datetime

import humanize

from dcp_engine.claims import another_driver
from dcp_engine.doctor.finding import Finding, advice, fine, wrong
from dcp_engine.doctor.subject import Subject
from dcp_engine.errors import AwsError
from dcp_engine.ports import FleetFacts

_NAME = "watched"


def watched(
    subject: Subject,
    fleets: Mapping[str, FleetFacts | None] | AwsError,
    store: str | None,
    now: datetime,
) -> Finding:
    """Whether a process, cron or another computer looks at it; `store` is our mark on fleets."""
    name, status = subject.name, subject.status
    other = None if isinstance(fleets, AwsError) else another_driver(fleets, store or "")
    if other is not None:
        return advice(
            _NAME,
            f"{name} is driven by dcp-engine on another computer, or with another database: its "
            f"fleet carries that one's mark, until {other.until:%Y-%m-%d %H:%M} UTC unless it is "
            "renewed.",
            "Nothing, if that one is to go on. To go on from here, type:",
            copy=subject.watch("--take-over"),
        )
    if status is None:
        return advice(
            _NAME,
            f"{name} is not registered in this database, so nobody watches it from here.",
            "To have it watched, type:",
            copy=subject.watch(),
        )
    if status.driver:
        return fine(_NAME, f"{name} is driven by {status.driver}.")
    if status.unwatched_since is not None:
        ago = humanize.naturaldelta(now - status.unwatched_since)
        return wrong(
            _NAME,
            f"Nobody has looked at {name} for {ago}: its machines, if it has any, run on and are "
            "billed, and nobody ends them when the jobs are done.",
            "To go on watching it, type:",
            copy=subject.watch(),
        )
    if status.last_tick_at is None:
        return advice(
            _NAME,
            f"{name} is registered, and nobody has looked at it yet.",
            'Have cron do it (docs/plugins.md, "Under cron"), or type:',
            copy=subject.watch(),
        )
    ago = humanize.naturaldelta(now - status.last_tick_at)
    return fine(
        _NAME,
        f"No process drives {name} at this moment; the last look was {ago} ago, as by cron.",
    )
