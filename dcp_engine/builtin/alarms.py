"""Idle alarms: those of dead machines go every hour, all of them at the end.

The worker places `APP_NAME_<instance-id>` for its machine and nobody takes it away when the
machine dies. They are found by their exact names, on every page, however long ago the machine
died. One that is not any more as the worker placed it is a person's, and waits for the end.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from dcp_engine.builtin import namesake
from dcp_engine.defaults import Settings
from dcp_engine.hookspecs import (
    Context,
    Duty,
    DutyResult,
    StepResult,
    TeardownStep,
    done,
    hookimpl,
)
from dcp_engine.model import State
from dcp_engine.ports import ENDED_STATES, AlarmFacts
from dcp_engine.words import counted

_ALTERED = "altered-alarms"
# Where no machine has ended since, there is nothing to delete; somebody may have altered one.
_WHOLE: Final = timedelta(hours=6)
# So many altered alarms are named in the problem; each has an event of its own.
_SHOWN = 3


@hookimpl
def duties(settings: Settings) -> Sequence[Duty]:
    return [
        Duty(
            name="alarm-cleanup",
            states=frozenset({State.RUNNING, State.DRAINING}),
            every=settings.alarm_sweep_interval,
            first_after=settings.alarm_sweep_interval,
            run=sweep,
            needs_roll=False,
        )
    ]


@hookimpl
def teardown_steps() -> Sequence[TeardownStep]:
    return [TeardownStep(name="alarms", run=delete_all, after_machines=True)]


def sweep(context: Context) -> DutyResult:
    """Delete the alarms of machines that are really gone; tell of those that somebody altered.

    What a person altered they have a reason for, so it stays until the run is torn down. A machine
    that is up as far as is known keeps its alarm, until it is seen to have ended.
    """
    roll = context.roll()
    ended = sum(machine.ended_at is not None for machine in roll)
    if _is_swept(context, ended):
        return DutyResult()
    alarms = context.aws.alarms.of_machines()
    altered = {alarm.name: alarm.altered for alarm in alarms if alarm.altered}
    _tell(context, altered)
    up = {machine.instance_id for machine in roll if machine.ended_at is None}
    doubtful = [a for a in alarms if not a.altered and a.instance_id not in up]
    dead = _of_dead_machines(context, doubtful, known_dead=frozenset())
    if dead:
        _delete(context, dead, f"Deleting {_of_gone(len(dead))}.")
    return DutyResult(
        problems={_ALTERED: _altered(context, altered) if altered else None},
        memory={**context.memory, "ended": ended, "swept": context.clock.now().isoformat()},
    )


def _is_swept(context: Context, ended: int) -> bool:
    """Whether nothing is left to do since the last time, as far as can be told without asking."""
    memory: Mapping[str, Any] = context.memory
    if memory.get("ended") != ended or context.run.problem(_ALTERED) is not None:
        return False
    since = context.clock.now() - datetime.fromisoformat(memory["swept"])
    return timedelta(0) <= since < _WHOLE


def delete_all(context: Context) -> StepResult:
    """Delete every alarm of the run, Auto-Monitor's two included, but those of live machines."""
    # This step waits for the machines: every recorded one has ended, unless a person waived that.
    # Then the idle alarm is all that may still end one that is up.
    ended = context.machines() if context.run.machines_ended_at else ()
    alarms = context.aws.alarms.of_machines()
    dead = _of_dead_machines(context, alarms, known_dead=frozenset(ended))
    idle = counted(len(dead), "idle alarm")
    # A list of alarms may be a stale one, and DeleteAlarms does not mind names that are not there
    # (Amazon CloudWatch API Reference); so those of all recorded machines go with what was found.
    dead = list(dict.fromkeys([*dead, *map(context.run.names.alarm, ended)]))
    if namesake.has_come(context):
        if dead:
            _delete(context, dead, f"Deleting {idle}.")
        return done(f"{idle} deleted; of Auto-Monitor's two: {namesake.WHOSE}")
    names = [*dead, *context.run.names.queue_alarms]
    _delete(context, names, f"Deleting {idle}, and Auto-Monitor's two if they are there.")
    return done(f"{idle} deleted, and Auto-Monitor's two if they were there")


def _of_dead_machines(
    context: Context, found: Iterable[AlarmFacts], *, known_dead: frozenset[str]
) -> list[str]:
    """Those of the alarms whose machine is gone.

    A machine of somebody else's that happens to be watched by an alarm of such a name is alive and
    keeps it.
    """
    alarms = {alarm.instance_id: alarm.name for alarm in found if alarm.instance_id is not None}
    unsure = [i for i in alarms if i not in known_dead]
    states = context.aws.machines.states(unsure) if unsure else {}
    return [name for i, name in alarms.items() if i not in states or states[i] in ENDED_STATES]


def _tell(context: Context, altered: Mapping[str, str]) -> None:
    """One event for each altered alarm, once."""
    told = set(context.memory.get("altered", ()))
    for name, difference in altered.items():
        if name in told:
            continue
        told.add(name)
        context.commit(
            event="altered-alarm",
            text=(
                f"Somebody altered the alarm {name} ({difference}). It is left alone until the run "
                "is torn down."
            ),
            data={"alarm": name, "difference": difference},
            memory={"altered": sorted(told)},
        )


def _altered(context: Context, altered: Mapping[str, str]) -> str:
    first = [f"{name} ({difference})" for name, difference in list(altered.items())[:_SHOWN]]
    more = [f"and {len(altered) - _SHOWN} more"] if len(altered) > _SHOWN else []
    return (
        f"Somebody altered {counted(len(altered), 'idle alarm')} of {context.run.names.app_name}: "
        f"{', '.join([*first, *more])}. An altered alarm may not end its machine when that has "
        "nothing to do. dcp-engine leaves it alone until the run is torn down."
    )


def _of_gone(number: int) -> str:
    return counted(number, "alarm of a machine that is", "alarms of machines that are") + " gone"


def _delete(context: Context, names: list[str], text: str) -> None:
    context.commit(event="alarms", text=text, data={"count": len(names), "first": names[:10]})
    context.aws.alarms.delete(names)
