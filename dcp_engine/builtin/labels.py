"""Labels: every machine of the run, and its volumes, is called `APP_NAMEWorker`.

The worker gives that name to the machine that it is started on, and to its volumes. A machine whose
container never starts stays without a name, and nobody who looks at a bill or at the EC2 console
can tell whose it is. One that somebody gave another name keeps it.
"""

from collections.abc import Sequence

from dcp_engine.builtin.rounds import Turns
from dcp_engine.defaults import Settings
from dcp_engine.errors import Missing
from dcp_engine.hookspecs import Context, Duty, DutyResult, hookimpl
from dcp_engine.model import Machine, State
from dcp_engine.ports import ENDED_STATES, MachineFacts, VolumeFacts
from dcp_engine.words import counted

# So many machines fit into one question about their volumes (Amazon EC2 API, DescribeVolumes).
_AT_ONCE = 200
_FIRST = 10


@hookimpl
def duties(settings: Settings) -> Sequence[Duty]:
    return [
        Duty(
            name="labels",
            states=frozenset({State.PENDING, State.RUNNING, State.DRAINING}),
            every=settings.watch_interval,
            run=label,
        )
    ]


def label(context: Context) -> DutyResult | None:
    """Name what has no name, of the machines that are new, and once an hour of all.

    A machine is left to its worker for the first half of `join_grace`.
    """
    turns = Turns(
        context,
        grace=context.settings.join_grace / 2,
        every=context.settings.alarm_sweep_interval,
    )
    shown: dict[str, MachineFacts] = {}
    for batch in turns.batches(_AT_ONCE):
        machines, volumes = _nameless(context, batch, shown)
        if not (machines or volumes):
            continue
        turns.announce(
            batch[-1],
            "labels",
            f"Naming {_what(len(machines), len(volumes))} {context.run.names.worker}, which "
            "had no name.",
            {"machines": len(machines), "volumes": len(volumes), "first": machines[:_FIRST]},
        )
        try:
            context.aws.machines.label(machines, volumes)
        except Missing:
            # One that is gone by now spoils it for the others, so it is looked for who is left.
            shown.clear()
            _label_each_half(context, *_nameless(context, batch, shown))
    return None


def _nameless(
    context: Context, batch: Sequence[Machine], shown: dict[str, MachineFacts]
) -> tuple[list[str], list[VolumeFacts]]:
    """The machines and volumes without a name, as EC2 shows them now.

    The roll may be some minutes old, and a person's name must not be overwritten; so EC2 is asked
    once more, where it seems that there is anything to name. `shown` keeps what it said.
    """
    volumes = context.aws.machines.volumes([machine.instance_id for machine in batch])
    machines = [machine.instance_id for machine in batch if not machine.name]
    if machines and not shown:
        fleets = list(dict.fromkeys(machine.fleet_id for machine in context.roll()))
        shown.update({facts.id: facts for facts in context.aws.machines.facts(fleets)})
    return (
        [
            instance_id
            for instance_id in machines
            if (facts := shown.get(instance_id)) is not None
            and not facts.name
            and facts.state not in ENDED_STATES
        ],
        [volume for volume in volumes if not volume.name],
    )


def _label_each_half(
    context: Context, machines: Sequence[str], volumes: Sequence[VolumeFacts]
) -> None:
    """Name those that are there; one that EC2 does not find any more needs no name."""
    things: list[str | VolumeFacts] = [*machines, *volumes]
    if not things:
        return
    try:
        context.aws.machines.label(machines, volumes)
    except Missing:
        if len(things) == 1:
            return
        middle = len(things) // 2
        for half in (things[:middle], things[middle:]):
            _label_each_half(
                context,
                [thing for thing in half if isinstance(thing, str)],
                [thing for thing in half if isinstance(thing, VolumeFacts)],
            )


def _what(machines: int, volumes: int) -> str:
    parts = [counted(machines, "machine")] if machines else []
    parts += [counted(volumes, "volume")] if volumes else []
    return " and ".join(parts)
