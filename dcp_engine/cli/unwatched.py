"""A live run that nobody looks after any more, in words."""

from datetime import datetime

import click

from dcp_engine.app import App
from dcp_engine.cli import words
from dcp_engine.status import Status


def unwatched(ctx: click.Context, app: App, status: Status, now: datetime) -> str | None:
    """Since when nobody has looked, what that costs and what to type; None when somebody does."""
    since = status.unwatched_since
    if since is None:
        return None
    from dcp_engine.cli.invocation import (  # noqa: PLC0415 - seldom needed
        again,
        cron_line,
        cron_remark,
        name_of,
    )

    name = name_of(app, app.find(status.run_id))
    first = "" if status.last_tick_at else "it was registered, "
    parts = [
        f"Nobody has looked at {status.app_name} since {first}{words.since(since, now)}. "
        f"{_money(status)} Look after it again with: {again(ctx, 'resume', name)}",
        "  Or have cron do it, with this line in the crontab (`crontab -e`):",
        f"    {cron_line(ctx, app, name)}",
    ]
    if remark := cron_remark():
        parts.append(f"    ({remark})")
    return "\n".join(parts)


def _money(status: Status) -> str:
    if status.machines_ended_at:
        return "Its machines have ended; what is left of its teardown waits."
    if all(fleet.active == 0 for fleet in status.fleets):
        return "No machine of it was up then; one that comes is billed, and nobody ends it."
    return "Its machines run on and are billed, and nobody ends them when the jobs are done."
