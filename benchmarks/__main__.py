"""Measure what dcp-engine costs, and print the table of docs/performance.md."""

import time
from collections.abc import Callable, Sequence

import click

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


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(list(_PARTS)))
@click.option("--smoke", is_flag=True, help="Only see that they still run.")
def main(parts: Sequence[str], smoke: bool) -> None:
    """Measure what dcp-engine costs, all of it or these parts, and print the table of it."""
    figures: list[Figure] = []
    for name in parts or _PARTS:
        began = time.monotonic()
        click.echo(f"{name} …", err=True)
        figures += _PARTS[name](smoke)
        click.echo(f"{name}: {time.monotonic() - began:.0f} s", err=True)
    click.echo(table(figures))


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
