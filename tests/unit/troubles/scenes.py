"""Scenes to find troubles in: a run on ten machines, two jobs in hand on each, for two hours."""

from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from dcp_engine.builtin.troubles.scene import Scene
from dcp_engine.defaults import Settings
from dcp_engine.model import Identities, Machine, Problem, Run, State
from dcp_engine.rates import PERIOD
from dcp_engine.series import Bucket
from tests.unit.numbers import at, count, seen
from tests.unit.runs import FLEET_ID, START, fleet, reading, run

QUEUE = Identities(
    queue_created_at=START,
    queue_visibility=timedelta(hours=2),
    dead_letter_queue_arn="arn:aws:sqs:us-east-1:123456789012:Exp1Dead",
)


def working(visible: int = 400, in_flight: int = 20, *, machines: int = 10, **changes: Any) -> Run:
    facts: dict[str, Any] = {
        "identities": QUEUE,
        "reading": reading(visible, in_flight, at=7200),
        "fleets": (fleet(active=machines, target=machines, fulfilled=float(machines)),),
    }
    return run(**{"state": State.RUNNING, **facts, **changes})


def roll(number: int, *, first: int = 0, **changes: Any) -> list[Machine]:
    facts: dict[str, Any] = {"fleet_id": FLEET_ID, "first_seen": START, "launched_at": START}
    return [
        Machine(instance_id=f"i-{n:04x}", **{**facts, **changes})
        for n in range(first, first + number)
    ]


def work(
    since: int,
    until: int,
    *,
    rate: float = 2.0,
    received: float | None = None,
    in_flight: float = 20,
    machines: float = 10,
    target: float | None = None,
    left: float = 1000.0,
    cloudwatch: bool = True,
) -> list[Bucket]:
    """So many jobs done a minute, from one minute until another; `left` are there at its begin."""
    buckets = []
    for minute in range(since, until):
        buckets.append(count(minute, left - rate * (minute - since) - in_flight, in_flight))
        if minute % 10 == 0:
            wanted = machines if target is None else target
            look: dict[str, Any] = {"machines": machines, "fulfilled": machines, "target": wanted}
            buckets.append(seen(minute + 0.1, **look))
        if cloudwatch and minute % 5 == 0 and minute + 5 <= until:
            taken = rate if received is None else received
            buckets.append(seen(minute, deleted=rate, received=taken))
    return buckets


def scene(
    numbers: list[Bucket], minutes: float = 120, *, of: Run | None = None, **more: Any
) -> Scene:
    now = at(minutes)
    facts: dict[str, Any] = {
        "run": of or working(),
        "now": now,
        "settings": Settings(),
        "numbers": [bucket for bucket in numbers if _known_at(bucket) <= now],
        "machines": roll(10),
    }
    return Scene(**{**facts, **more})


def _known_at(bucket: Bucket) -> datetime:
    """CloudWatch tells of a period when it is over."""
    return bucket.at + (PERIOD if "deleted" in bucket.values else timedelta(0))


def standing(name: str, since: float, of: Run | None = None) -> dict[str, Any]:
    """That a problem stands, for `scene`."""
    problem = Problem(name=name, since=at(since), text="words")
    return {
        "of": replace(of or working(), problems=(problem,)),
        "standing": frozenset({name}),
    }
