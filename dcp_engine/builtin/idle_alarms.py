"""Idle alarms for every machine: what its worker did not place is placed here.

The alarm ends a machine that has done nothing for 15 minutes, and the fleet replaces it. The worker
places it when its container starts, so a machine whose container never starts has none, and runs
and is billed until somebody notices.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from dcp_engine.builtin.rounds import Turns
from dcp_engine.defaults import Settings
from dcp_engine.errors import Invalid, Missing, OutOfTime, Transient, Unreachable
from dcp_engine.hookspecs import Context, Duty, DutyResult, hookimpl
from dcp_engine.model import Machine, State
from dcp_engine.ports import ENDED_STATES
from dcp_engine.words import counted

# So many alarms are looked up at once (Amazon CloudWatch API, DescribeAlarms).
_AT_ONCE: Final = 100
# CloudWatch takes three PutMetricAlarm a second, of everybody in an account and region (Amazon
# CloudWatch User Guide, "CloudWatch service quotas"). The workers themselves need them too.
_PAUSE: Final = 0.5
# An abort waits for a duty to come back, so this one is short and goes on in the next tick.
_PASS: Final = 20.0
# So often on end may CloudWatch take none at all before that is a problem.
_PATIENCE: Final = 5
# So many are named in the event, and in its data.
_SHOWN: Final = 3
_FIRST: Final = 10


@hookimpl
def duties(settings: Settings) -> Sequence[Duty]:
    if not settings.ensure_alarms:
        return []
    return [
        Duty(
            name="idle-alarms",
            states=frozenset({State.PENDING, State.RUNNING, State.DRAINING}),
            every=settings.watch_interval,
            run=ensure,
        )
    ]


def ensure(context: Context) -> DutyResult | None:
    """Place the alarms that are missing, of the machines that are new, and once an hour of all.

    A machine is left to its worker for `join_grace`: the image of the container takes minutes to
    come, and an alarm that the worker places is a write that need not be spent here. One that has
    done nothing until then is ended by its alarm at once, so it is told of first, as `unjoined`
    does. An alarm that is there stays as it is; what somebody altered is told by `alarms`.
    """
    turns = Turns(
        context,
        grace=context.settings.join_grace,
        every=context.settings.alarm_sweep_interval,
    )
    most = min(_PASS, context.settings.tick_deadline.total_seconds() / 4)
    until = context.clock.monotonic() + most
    for batch in turns.batches(_AT_ONCE):
        there = context.aws.alarms.of_these([machine.instance_id for machine in batch])
        having = {alarm.instance_id for alarm in there}
        missing = [machine for machine in batch if machine.instance_id not in having]
        left = _place(context, turns, missing, until)
        if left is not None:
            return DutyResult(next_in=left)
        if context.clock.monotonic() >= until:
            turns.had(batch[-1])
            return DutyResult(next_in=timedelta(0))
    return None


def _place(
    context: Context, turns: Turns, missing: Sequence[Machine], until: float
) -> timedelta | None:
    """Give these their alarms at a steady pace; None when all have one.

    What is left at `until` has its turn in so long.
    """
    some = missing[: max(1, int((until - context.clock.monotonic()) / _PAUSE))]
    if not some:
        return None
    if (memory := turns.news(some[-1])) is not None:
        names = [context.run.names.alarm(machine.instance_id) for machine in some]
        context.commit(
            event="idle-alarms",
            text=f"Placing {counted(len(names), 'idle alarm')} that the workers have not placed: "
            f"{_first(names)}.",
            data={"count": len(names), "first": names[:_FIRST]},
            memory=memory,
        )
    for done, machine in enumerate(some):
        began = context.clock.monotonic()
        if began >= until:
            return timedelta(0)
        try:
            _place_one(context, machine)
        except (OutOfTime, Unreachable):
            raise
        except Transient as error:
            return _slower(context, error, none_taken=not done)
        if context.memory.get("refused"):
            context.commit(memory={**context.memory, "refused": 0})
        turns.had(machine)
        # Where CloudWatch was slow or had to be asked again, so is this.
        context.clock.sleep(max(_PAUSE, context.clock.monotonic() - began))
    return timedelta(0) if len(some) < len(missing) else None


def _place_one(context: Context, machine: Machine) -> None:
    try:
        context.aws.alarms.place(machine.instance_id)
    except (Invalid, Missing):
        # It may have ended meanwhile, and needs none then.
        state = context.aws.machines.states([machine.instance_id]).get(machine.instance_id)
        if state is not None and state not in ENDED_STATES:
            raise


def _slower(context: Context, error: Transient, *, none_taken: bool) -> timedelta:
    """When to go on where CloudWatch took no more. Raises its error where that lasts."""
    refused = int(context.memory.get("refused", 0)) + 1 if none_taken else 0
    context.commit(memory={**context.memory, "refused": refused})
    if refused >= _PATIENCE:
        raise error
    return timedelta(minutes=refused)


def _first(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
