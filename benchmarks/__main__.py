"""Measure what dcp-engine costs, and print the table of docs/performance.md."""

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import click

from benchmarks.figure import Figure, table
from benchmarks.parts import PARTS, measure


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
@click.option("--smoke", is_flag=True, help="Only see that they still run.")
def main(parts: Sequence[str], smoke: bool) -> None:
    """Measure what dcp-engine costs, all of it or these parts, and print the table of it."""
    figures: list[Figure] = []
    for name in parts or PARTS:
        began = time.monotonic()
        click.echo(f"{name} …", err=True)
        # What one part has loaded would be in the memory of the next, and among its garbage.
        with ProcessPoolExecutor(1, get_context("spawn")) as alone:
            figures += alone.submit(measure, name, smoke).result()
        click.echo(f"{name}: {time.monotonic() - began:.0f} s", err=True)
    click.echo(table(figures))


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
