"""Search for a schedule of mishaps that breaks a promise, for as long as it is given.

    python -m tests.chaos --minutes 30 --seed 7 --processes 2
    python -m tests.chaos --seed 7 --schedule 123

The second form repeats one schedule of a former search and shows every act of it. Exit code 1
when a promise was broken; the last line then is the command that repeats it.
"""

import argparse
import multiprocessing
import secrets
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import count

from dcp_engine.clock import SystemClock
from tests.reliability.searcher.schedule import Result, run_by_itself
from tests.reliability.searcher.tally import Tally

_SEEDS = 1_000_000
_EVERY = 60.0
"""Seconds between two interim reports."""
_NOTHING_LOST = (
    "No promise was broken: no working machine was ended, no job was lost, nothing of a run that "
    "came to its end was left, no neighbour was touched, and every event was told."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Search, or repeat; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description="Search for a schedule that breaks a promise."
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="how long to search")
    parser.add_argument("--seed", type=int, default=None, help="repeat a former search")
    parser.add_argument("--processes", type=int, default=1, help="search with so many")
    parser.add_argument("--schedule", type=int, default=None, help="repeat just this schedule")
    parser.add_argument("--from", type=int, default=0, dest="first", help="begin with this one")
    given = parser.parse_args(argv)
    seed = secrets.randbelow(_SEEDS) if given.seed is None else given.seed
    if given.schedule is not None:
        return _repeat(seed, given.schedule)
    return _search(seed, given.first, 60 * given.minutes, given.processes)


def _repeat(seed: int, number: int) -> int:
    result = run_by_itself(seed, number)
    print("\n".join(result.trace))
    print(result.tally)
    return _tell(seed, result)


def _search(seed: int, first: int, seconds: float, processes: int) -> int:
    print(f"Searching for {seconds / 60:g} minutes: --seed {seed} --from {first}", flush=True)
    clock = SystemClock()
    began = told = clock.monotonic()
    total = Tally()
    # A simulated AWS needs a process for itself, and one that was forked is not quite its own.
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=fresh) as pool:
        numbers = count(first)
        waiting = {pool.submit(run_by_itself, seed, next(numbers)) for _ in range(processes)}
        while waiting:
            for result in _finished(waiting):
                total += result.tally
                if result.broken is not None:
                    print(total)
                    print("\n".join(result.trace))
                    pool.shutdown(cancel_futures=True)
                    return _tell(seed, result)
                if clock.monotonic() - began < seconds:
                    waiting.add(pool.submit(run_by_itself, seed, next(numbers)))
            if clock.monotonic() - told >= _EVERY:
                told = clock.monotonic()
                print(f"after {(told - began) / 60:.0f} minutes: {total}", flush=True)
    print(total)
    print(_NOTHING_LOST)
    return 0


def _finished(waiting: set[Future[Result]]) -> Iterator[Result]:
    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
    waiting -= done
    for future in done:
        yield future.result()


def _tell(seed: int, result: Result) -> int:
    if result.broken is None:
        return 0
    print(result.broken)
    print(f"Broken. To repeat it: python -m tests.chaos --seed {seed} --schedule {result.number}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
