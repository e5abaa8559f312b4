"""Measure what dcp-engine costs, and print the table of docs/performance.md."""

import argparse
from collections.abc import Callable

from benchmarks import calls, many, start
from benchmarks.figure import Figure, table

_PARTS: dict[str, Callable[[bool], list[Figure]]] = {
    "start": lambda smoke: start.measure(rounds=1 if smoke else 15),
    "calls": lambda smoke: calls.measure(
        sizes=[(3, 2)] if smoke else [(3, 2), (100, 25), (300, 100)], minutes=30 if smoke else 240
    ),
    "thousand": lambda smoke: many.measure(
        runs=10 if smoke else 1000,
        minutes=0.05 if smoke else 4,
        interval=1 if smoke else 60,
        lateness=2,
        memory=200,
    ),
    "ten-thousand": lambda smoke: many.measure(
        runs=20 if smoke else 10_000,
        minutes=0.05 if smoke else 10,
        interval=1 if smoke else 60,
        regions=10,
        lateness=10,
        memory=400,
    ),
}


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=list(_PARTS), help="all of them by default")
    parser.add_argument("--smoke", action="store_true", help="only see that they still run")
    given = parser.parse_args()
    figures = [
        figure
        for name, part in _PARTS.items()
        if not given.parts or name in given.parts
        for figure in part(given.smoke)
    ]
    print(table(figures))


if __name__ == "__main__":
    main()
