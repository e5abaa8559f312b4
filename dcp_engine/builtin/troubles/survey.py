"""Looking through what is known of a run for troubles, and asking AWS for what is not.

AWS is asked how many messages the dead-letter queue holds, once in a while what the machines write
into their own logs, and the reason for a trouble before that is told.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from dcp_engine.builtin.troubles import full
from dcp_engine.builtin.troubles.scene import Dead, Known, Scene
from dcp_engine.builtin.troubles.table import TABLE
from dcp_engine.errors import AwsError, Credentials, OutOfTime
from dcp_engine.hookspecs import Context, DutyResult, Observation
from dcp_engine.ports import LogLine
from dcp_engine.progress import DEAD_LETTERS

_REASONS_EVERY: Final = timedelta(hours=1)

T = TypeVar("T")


class _Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered between two looks: the last answers of AWS, and when they came."""

    dead: Dead | None = None
    full: dict[str, str] | None = None
    logs_at: datetime | None = None
    reasons: tuple[str, ...] = ()
    reasons_at: datetime | None = None


def survey(context: Context) -> DutyResult:
    """Look through everything that is known, and tell what is wrong and what is no longer."""
    now = context.clock.now()
    memory = _with_logs(context, msgspec.convert(context.memory, _Memory), now)
    dead = _dead(context, memory.dead, now)
    memory = replace(memory, dead=dead or memory.dead)
    scene = Scene(
        run=context.run,
        now=now,
        settings=context.settings,
        numbers=[bucket for bucket in context.numbers() if bucket.at <= now],
        machines=context.roll(),
        standing=frozenset(problem.name for problem in context.run.problems),
        dead=dead,
        full=memory.full,
    )
    found = troubles(scene)
    if found.get("lost-capacity"):
        memory = _with_reasons(context, memory, now)
        scene = replace(scene, reasons=memory.reasons)
    if found.get("nothing-happens"):
        scene = replace(scene, service=_answer(context.aws.service.describe))
    return DutyResult(
        problems=troubles(scene),
        observations=[] if dead is None else [_failed(dead)],
        memory=msgspec.to_builtins(memory),
    )


def troubles(scene: Scene) -> Mapping[str, str | None]:
    """By name, words for what is wrong and None for what is not; without what cannot be told."""
    told = {row.name: row.found(scene) for row in TABLE if row.found is not None}
    return {name: words for name, words in told.items() if not isinstance(words, Known)}


def _dead(context: Context, before: Dead | None, now: datetime) -> Dead | None:
    """The dead-letter queue as it is now; None where that is not known, or there is none."""
    run = context.run
    arn = run.identities.dead_letter_queue_arn
    count = None if arn is None else _answer(lambda: context.aws.queue.dead_letters(arn))
    if count is None:
        return None
    if before is None:
        first = count if run.dead_letters_before is None else run.dead_letters_before
        before = Dead(first=first, count=first)
    grown = count > before.count
    return Dead(
        # Somebody may have taken messages out of it.
        first=min(before.first, count),
        count=count,
        grew_at=now if grown else before.grew_at,
    )


def _failed(dead: Dead) -> Observation:
    return Observation(name=DEAD_LETTERS, value=dead.count - dead.first, unit="jobs")


def _with_logs(context: Context, memory: _Memory, now: datetime) -> _Memory:
    """With what the machines' own logs tell of full ones, where it is time to ask for that."""
    if not context.run.active_machines or not _is_due(
        memory.logs_at, context.settings.machine_log_interval, now
    ):
        return memory
    percent = context.settings.machine_full_percent
    lines = _search(context, full.pattern(percent), now - full.WINDOW, now)
    if lines is None:
        return replace(memory, full=None, logs_at=now)
    streams = full.full_streams(lines, percent)
    said: Sequence[LogLine] = ()
    if any(full.machine_of(stream) is None for stream in streams):
        said = _search(context, full.WHERE, context.run.earliest_start, now) or ()
    found = {full.machine_of(stream, said) or stream: what for stream, what in streams.items()}
    return replace(memory, full=found, logs_at=now)


def _search(
    context: Context, pattern: str, since: datetime, until: datetime
) -> Sequence[LogLine] | None:
    """Lines of the machines' own logs; None where there are none to read."""
    group = context.run.names.log_groups[1]
    return _answer(lambda: context.aws.logs.search(group, pattern, since, until, most=full.MOST))


def _with_reasons(context: Context, memory: _Memory, now: datetime) -> _Memory:
    """With AWS's own words why machines did not come, where it is time to ask for them."""
    if not _is_due(memory.reasons_at, _REASONS_EVERY, now):
        return memory
    since = now - context.settings.lost_capacity_after
    told = [
        _answer(partial(context.aws.capacity.troubles, fleet.id, since))
        for fleet in context.run.fleets
        if fleet.live
    ]
    texts = [trouble.text for troubles in told for trouble in troubles or ()]
    return replace(memory, reasons=tuple(dict.fromkeys(texts))[-3:], reasons_at=now)


def _is_due(last: datetime | None, every: timedelta, now: datetime) -> bool:
    """Whether it is time again; after the clock was set back, too."""
    return last is None or not timedelta(0) <= now - last < every


def _answer(ask: Callable[[], T]) -> T | None:
    """What AWS answers, None where it does not: the troubles that need it cannot be told then."""
    try:
        return ask()
    except (Credentials, OutOfTime):
        raise
    except AwsError:
        return None
