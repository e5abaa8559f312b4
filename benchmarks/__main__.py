"""Measure what dcp-engine costs, and print the table of docs/performance.md."""

import argparse
import sys
import time
from collections.abc import Callable

from benchmarks import calls, database, large, many, start, teardown
from benchmarks.figure import Figure, table

_PARTS: dict[str, Callable[[bool], list[Figure]]] = {
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


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=list(_PARTS), help="all of them by default")
    parser.add_argument("--smoke", action="store_true", help="only see that they still run")
    given = parser.parse_args()
    figures: list[Figure] = []
    for name in given.parts or _PARTS:
        began = time.monotonic()
        print(f"{name} …", file=sys.stderr, flush=True)
        figures += _PARTS[name](given.smoke)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(table(figures))


if __name__ == "__main__":
    main()
