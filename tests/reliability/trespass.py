"""Doors by which something of a neighbour's might get past the gate."""

from collections.abc import Callable, Mapping
from typing import Any

from dcp_engine.simulation.call import Call
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.snapshot import Snapshot

Answer = dict[str, Any]
Change = Callable[[Answer, Mapping[str, Any]], Answer]


def poison(aws: SimulatedAws, label: str, change: Change) -> None:
    """From now on AWS's answer to that operation is what `change` makes of it."""
    gateway = aws._gateway
    assert gateway is not None
    before = gateway.handlers.get(label)

    def poisoned(call: Call) -> Answer:
        answer = before(call) if before is not None else call.moto()
        return change(dict(answer), call.params)

    gateway.handlers = {**gateway.handlers, label: poisoned}


def harmed(before: Snapshot, after: Snapshot) -> dict[str, Any]:
    """What somebody else had before and has no more, or has otherwise now."""
    return {
        f"{kind} {name}": (thing, after[kind].get(name))
        for kind, things in before.items()
        for name, thing in things.items()
        if after[kind].get(name) != thing
    }
