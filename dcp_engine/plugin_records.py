"""What is remembered of plugins' failures, so that no other process waits for them anew; pure.

Duties, steps and messages have a record each already; this is about the hooks that have none.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from dcp_engine.model import PluginRecord, Run
from dcp_engine.pauses import LONGEST_PAUSE, SUSPENDED_AFTER, SUSPENDED_FOR, pause_after

LOAD: Final = "load"
TICKED: Final = "ticked"
NOTIFY: Final = "notify"


def find(run: Run, plugin: str, hook: str) -> PluginRecord | None:
    """The record of a plugin's hook."""
    return next((r for r in run.plugins if (r.plugin, r.hook) == (plugin, hook)), None)


def with_record(run: Run, record: PluginRecord) -> Run:
    """The run with this one in place of the one of the same hook, or added."""
    return replace(run, plugins=(*_others(run, record.plugin, record.hook), record))


def without_record(run: Run, plugin: str, hook: str) -> Run:
    """The run without what was remembered of that hook: it went well."""
    others = _others(run, plugin, hook)
    return run if len(others) == len(run.plugins) else replace(run, plugins=others)


def resting(run: Run, hook: str, now: datetime) -> dict[str, PluginRecord]:
    """The plugins of which this hook is not called yet, by name."""
    return {r.plugin: r for r in run.plugins if r.hook == hook and now < r.next_at}


def failed(
    run: Run,
    plugin: str,
    hook: str,
    error: str,
    *,
    now: datetime,
    first: timedelta,
    mark: str | None = None,
) -> Run:
    """The run after one more failure; the pause grows from `first`."""
    before = find(run, plugin, hook)
    failures = (before.failures if before else 0) + 1
    pause = SUSPENDED_FOR if failures >= SUSPENDED_AFTER else pause_after(failures, first)
    record = PluginRecord(
        plugin=plugin, hook=hook, failures=failures, next_at=now + pause, error=error, mark=mark
    )
    return with_record(run, record)


def put_off(
    run: Run, plugin: str, hook: str, error: str, *, now: datetime, pause: timedelta
) -> Run:
    """The run after a plugin said itself when it wants to be asked again."""
    before = find(run, plugin, hook)
    record = PluginRecord(
        plugin=plugin,
        hook=hook,
        failures=before.failures if before else 0,
        next_at=now + bounded(pause),
        error=error,
    )
    return with_record(run, record)


def bounded(pause: timedelta) -> timedelta:
    """A pause that a plugin asked for, as far as it is granted."""
    return min(LONGEST_PAUSE, max(timedelta(seconds=1), pause))


def is_suspended(record: PluginRecord) -> bool:
    """Whether it is tried only once a day."""
    return record.failures >= SUSPENDED_AFTER


def lifted(
    run: Run, plugin: str, duties: Collection[str], steps: Collection[str], now: datetime
) -> Run:
    """The run when nothing of a plugin is left alone any more: all that failed is due at once.

    `duties` and `steps` are those of the plugin. The same run where nothing of it is left alone.
    """
    kept = tuple(record for record in run.plugins if record.plugin != plugin)
    again = tuple(
        replace(duty, next_at=now, failures=0) if duty.name in duties and duty.failures else duty
        for duty in run.duties
    )
    due = tuple(
        replace(step, next_at=now, failures=0)
        if step.name in steps and step.failures and step.ended is None
        else step
        for step in run.steps
    )
    if (kept, again, due) == (run.plugins, run.duties, run.steps):
        return run
    return replace(run, plugins=kept, duties=again, steps=due)


def _others(run: Run, plugin: str, hook: str) -> tuple[PluginRecord, ...]:
    return tuple(r for r in run.plugins if (r.plugin, r.hook) != (plugin, hook))
