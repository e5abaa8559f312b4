"""What is known of each machine: brought up to date at every look at the fleets."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from dcp_engine.model import Machine
from dcp_engine.ports import ENDED_STATES, MachineFacts

# EC2 shows a terminated instance for about an hour (Amazon EC2 User Guide, "Terminate instances"),
# and a new one only after a moment: one that is not shown and older than this has ended.
_SHOWN_FOR = timedelta(hours=1)


def called(
    known: Mapping[str, Machine],
    facts: Iterable[MachineFacts],
    active: Mapping[str, str],
    now: datetime,
) -> list[Machine]:
    """The machines as they are now: those that EC2 shows, and those it does not show any more.

    `active` are those that the fleets list (instance id → fleet id). A machine is believed to have
    ended when EC2 shows it so, or when neither shows it and it is old enough to be forgotten.
    """
    shown = {one.id: one for one in facts}
    machines = [_seen(known.get(one.id), one, now) for one in shown.values()]
    for instance_id, machine in known.items():
        if instance_id in shown or machine.ended_at is not None or instance_id in active:
            continue
        if now - machine.first_seen > _SHOWN_FOR:
            machines.append(replace(machine, ended_at=now))
    return machines


def _seen(old: Machine | None, facts: MachineFacts, now: datetime) -> Machine:
    machine = old or Machine(instance_id=facts.id, fleet_id=facts.fleet_id, first_seen=now)
    ended = facts.state in ENDED_STATES
    return replace(
        machine,
        type=facts.type or machine.type,
        zone=facts.zone or machine.zone,
        launched_at=facts.launched_at or machine.launched_at,
        # A terminated instance loses its tags before it is forgotten.
        name=machine.name if ended and not facts.name else facts.name,
        ended_at=(machine.ended_at or facts.ended_at or now) if ended else None,
        reason=facts.reason if ended else None,
    )
