"""Machines that never join the run's ECS cluster: billed, and of no use.

A worker is a container that ECS places on a machine, so one that ECS does not know gets none. It
has no name and no alarm of the worker's, and nobody notices it (Distributed-CellProfiler's page
"Troubleshooting": "Machines made in EC2 but they remain nameless").
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

from dcp_engine.builtin.rounds import Round
from dcp_engine.defaults import Settings
from dcp_engine.hookspecs import Context, Duty, DutyResult, Observation, hookimpl
from dcp_engine.model import Machine, State
from dcp_engine.words import counted

_PROBLEM = "unjoined-machines"
# So many are named in the problem and in the event.
_SHOWN = 3


class _Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered. Every machine was asked after by `latest`, and `waiting` had not joined.

    One that has joined is never asked after again: ECS may forget a machine that works. `ending`
    are those that an event said are being ended, while they are up; `ended` counts them after that.
    """

    latest: datetime | None = None
    waiting: tuple[str, ...] = ()
    ending: tuple[str, ...] = ()
    ended: int = 0
    some_joined: bool = False


@hookimpl
def duties(settings: Settings) -> Sequence[Duty]:
    return [
        Duty(
            name="unjoined",
            states=frozenset({State.PENDING, State.RUNNING, State.DRAINING}),
            every=settings.watch_interval,
            run=look,
        )
    ]


def look(context: Context) -> DutyResult:
    """Ask ECS after the machines that are older than `join_grace`, and tell of those it lacks."""
    before = msgspec.convert(context.memory, _Known)
    up = {machine.instance_id: machine for machine in context.roll() if machine.ended_at is None}
    known = _without_the_dead(before, up)
    now = context.clock.now()
    new = Round(began=now, since=known.latest).left(up.values(), context.settings.join_grace)
    asked = [*known.waiting, *(m.instance_id for m in new if m.instance_id not in known.waiting)]
    joined = context.aws.service.joined(asked) if asked else frozenset()
    absent = tuple(instance_id for instance_id in asked if instance_id not in joined)
    again = [instance_id for instance_id in known.waiting if instance_id not in joined]
    known = replace(
        known,
        latest=now if new else known.latest,
        waiting=absent,
        ending=tuple(instance_id for instance_id in known.ending if instance_id not in joined),
        some_joined=known.some_joined or bool(joined),
    )
    if context.settings.end_unjoined and again and known.some_joined:
        known = _end(context, known, again)
    if known != before:
        context.commit(memory=msgspec.to_builtins(known))
    left = [up[i] for i in known.waiting if i not in known.ending]
    words: dict[str, str | None] = {_PROBLEM: _words(context, known, left) if left else None}
    if not left and _may_be_so_again(context, known, up):
        words = {}
    return DutyResult(problems=words, observations=_told(before, known))


def _may_be_so_again(context: Context, known: _Known, up: Mapping[str, Machine]) -> bool:
    """Whether those that were told of are gone, and nobody can tell yet of those that came after.

    Their alarms end machines that never join, and the fleet replaces them: that is no end of it.
    """
    run, settings = context.run, context.settings
    if run.problem(_PROBLEM) is None:
        return False
    now = context.clock.now()
    if not up:
        return run.no_machine_since is not None and now - run.no_machine_since < settings.join_grace
    return all(
        now - machine.began < settings.join_grace or machine.instance_id in known.ending
        for machine in up.values()
    )


def _without_the_dead(known: _Known, up: Mapping[str, Machine]) -> _Known:
    """What is remembered of those that are up; those that we ended are counted now."""
    return replace(
        known,
        waiting=tuple(instance_id for instance_id in known.waiting if instance_id in up),
        ending=tuple(instance_id for instance_id in known.ending if instance_id in up),
        ended=known.ended + sum(1 for instance_id in known.ending if instance_id not in up),
    )


def _end(context: Context, known: _Known, again: Sequence[str]) -> _Known:
    """End those that ECS did not know at two looks on end; what is known after that.

    Only where machines of this run have joined its cluster. Where none has, the cluster may be
    another one than the run's file says and all of them at work; and what replaced them would not
    join either. One that ECS knows by now is spared by `end_unjoined`, which asks again.
    """
    names = context.run.names
    if context.aws.service.cluster() is None:
        return known
    new = tuple(instance_id for instance_id in again if instance_id not in known.ending)
    known = replace(known, ending=(*known.ending, *new))
    if new:
        context.commit(
            event="unjoined",
            text=(
                f"Ending {counted(len(new), 'machine')} that never joined the cluster "
                f"{names.cluster}: {_named(new)}. The settings ask for that (end_unjoined)."
            ),
            data={"count": len(new), "first": list(new[:_SHOWN])},
            memory=msgspec.to_builtins(known),
        )
    ended = context.aws.machines.end_unjoined(again)
    spared = {*again} - {*ended}
    return replace(
        known,
        waiting=tuple(instance_id for instance_id in known.waiting if instance_id not in spared),
        ending=tuple(instance_id for instance_id in known.ending if instance_id not in spared),
    )


def _told(before: _Known, known: _Known) -> list[Observation]:
    if known.ended == before.ended:
        return []
    return [Observation(name="unjoined machines ended", value=known.ended, unit="machines")]


def _words(context: Context, known: _Known, left: Sequence[Machine]) -> str:
    from humanize import naturaldelta  # noqa: PLC0415 - slow to import, and seldom needed

    run, settings = context.run, context.settings
    names = run.names
    grace = naturaldelta(settings.join_grace)
    first = min(machine.began for machine in left)
    many = len(left) > 1
    return (
        f"{counted(len(left), 'machine')} of {names.app_name} "
        f"{'have' if many else 'has'} been up for more than {grace} and never joined the ECS "
        f"cluster {names.cluster}: {_named([machine.instance_id for machine in left])}, the first "
        f"since {first:%Y-%m-%d %H:%M} UTC. No container can start there, so "
        f"{'they do' if many else 'it does'} no work and {'are' if many else 'is'} billed all the "
        "same. Usual causes: the AMI has no ECS agent; the user data names another cluster, or "
        "stops at the docker volume; the machine's IAM role (ecsInstanceRole) lacks a permission "
        "or may not read ecsconfigs in the bucket; the subnet has no way to ECS. Look under "
        "Infrastructure of the cluster in the ECS console, and at the system log of one of them "
        f"in the EC2 console. {_what_follows(context, known)}"
    )


def _what_follows(context: Context, known: _Known) -> str:
    app_name = context.run.names.app_name
    mend = f"Mend the fleet file and start the cluster again, or `dcp-engine abort {app_name}`."
    if context.settings.end_unjoined and known.some_joined:
        return f"What is still missing at the next look is ended. {mend}"
    if context.settings.end_unjoined:
        return (
            "None is ended (end_unjoined), because no machine of this run has joined: either the "
            f"cluster is another one, or those that replace them would not join either. {mend}"
        )
    if context.settings.ensure_alarms:
        return f"One that idles for 15 minutes is ended by its alarm and replaced. {mend}"
    return f"Nothing ends them but you and the end of the run (end_unjoined is off). {mend}"


def _named(instance_ids: Sequence[str]) -> str:
    more = len(instance_ids) - _SHOWN
    return ", ".join(instance_ids[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
