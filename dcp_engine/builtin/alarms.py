"""Idle alarms: those of dead machines go every hour, all of them at the end.

The worker places `APP_NAME_<instance-id>` for its machine and nobody takes it away when the
machine dies. They are found by their exact names, on every page, however long ago the machine
died.
"""

from collections.abc import Sequence

from dcp_engine.hookspecs import (
    Context,
    Duty,
    DutyResult,
    StepResult,
    TeardownStep,
    done,
    hookimpl,
)
from dcp_engine.model import Settings, State

# An alarm of a machine in one of these states guards nothing any more.
_GONE = frozenset({"shutting-down", "terminated"})


@hookimpl
def duties(settings: Settings) -> Sequence[Duty]:
    return [
        Duty(
            name="alarm-cleanup",
            states=frozenset({State.RUNNING, State.DRAINING}),
            every=settings.alarm_sweep_interval,
            first_after=settings.alarm_sweep_interval,
            run=sweep,
        )
    ]


@hookimpl
def teardown_steps() -> Sequence[TeardownStep]:
    return [TeardownStep(name="alarms", run=delete_all, after_machines=True)]


def sweep(context: Context) -> DutyResult | None:
    """Delete the alarms of machines that are really gone."""
    dead = _of_dead_machines(context, known_dead=frozenset())
    if dead:
        _delete(context, dead, f"Deleting {len(dead)} alarms of machines that are gone.")
    return None


def delete_all(context: Context) -> StepResult:
    """Delete every alarm of the run: live and dead machines', and Auto-Monitor's two."""
    # This step waits for the machines: every recorded one has ended.
    dead = _of_dead_machines(context, known_dead=frozenset(context.machines()))
    names = [*dead, *context.run.names.queue_alarms]
    _delete(context, names, f"Deleting {len(names) - 2} idle alarms and Auto-Monitor's two.")
    return done(f"{len(names) - 2} idle alarms deleted, and Auto-Monitor's two if they were there")


def _of_dead_machines(context: Context, *, known_dead: frozenset[str]) -> list[str]:
    """Alarms whose machine is gone.

    A machine of somebody else's that happens to be watched by an alarm of such a name is alive and
    keeps it.
    """
    alarms = {
        alarm.instance_id: alarm.name
        for alarm in context.aws.alarms.of_machines()
        if alarm.instance_id is not None
    }
    unsure = [i for i in alarms if i not in known_dead]
    states = context.aws.machines.states(unsure) if unsure else {}
    return [name for i, name in alarms.items() if i not in states or states[i] in _GONE]


def _delete(context: Context, names: list[str], text: str) -> None:
    context.commit(event="alarms", text=text, data={"count": len(names), "first": names[:10]})
    context.aws.alarms.delete(names)
