"""What is measured, part by part."""

from collections.abc import Callable

from benchmarks import calls, database, large, many, start, teardown
from benchmarks.figure import Figure

PARTS: dict[str, Callable[[bool], list[Figure]]] = {
    "start": lambda smoke: start.measure(rounds=1 if smoke else 15),
    "calls": lambda smoke: calls.measure(
        sizes=[(3, 2)] if smoke else [(3, 2), (100, 25), (300, 100)],
        # What is asked every six hours is in it once.
        minutes=30 if smoke else 360,
        runs=2 if smoke else 10,
    ),
    "teardown": lambda smoke: teardown.measure(*((3, 2) if smoke else (300, 100))),
    "many": lambda smoke: many.measure(many.SMOKE if smoke else many.SIZES),
    "large": lambda smoke: large.measure(
        machines=100 if smoke else 5000, jobs=1_000_000, looks=5 if smoke else 150
    ),
    "database": lambda smoke: database.measure(
        runs=5 if smoke else 10_000, hours=3 if smoke else 48, rounds=1 if smoke else 15
    ),
}


def measure(name: str, smoke: bool) -> list[Figure]:
    """One part."""
    return PARTS[name](smoke)
