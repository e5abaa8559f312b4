"""Many runs on one computer: `dcp-engine watch` against the stub, for some minutes."""

import re
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click
import msgspec

from benchmarks.figure import Figure
from benchmarks.load import fill
from benchmarks.process import cpu, family, most_memory
from benchmarks.speed import of_a_call
from benchmarks.stubbed import StubProcess

_COUNT: Final = "sqs:GetQueueAttributes"
_LATE: Final = re.compile(
    r"(?:Share (\S+) of the runs: )?\d+ looks in \d+ s; 99 of 100 began within ([\d.]+) s"
)
_MOST_GROWTH: Final = 1.3


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """So many live runs in so many regions, watched for so long, each once in every `interval` of
    seconds, by so many `processes`; and what is aimed at: seconds of lateness, MB of memory.
    """

    runs: int
    minutes: float
    regions: int = 1
    interval: float = 60.0
    processes: str = "1"
    lateness: float | None = None
    memory: int | None = None


SIZES: Final = (
    Size(runs=10, minutes=1.5),
    Size(runs=100, minutes=1.5),
    Size(runs=1000, minutes=2, lateness=2, memory=200),
    Size(runs=10_000, minutes=4, regions=10, lateness=10, memory=400),
    Size(runs=10_000, minutes=10, regions=10, processes="auto", lateness=10, memory=400),
)
SMOKE: Final = (Size(runs=6, minutes=0.05, interval=1, processes="2", lateness=60, memory=1000),)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it, of all `processes` together; the lateness is that of the latest."""

    size: Size
    processes: int
    looks: int
    calls: int
    seconds: float
    lateness: float
    memory: int
    cpu: float
    a_call: float
    """Seconds of CPU of botocore's call alone, in a loop, right before and right after."""

    @property
    def cpu_for_a_look(self) -> float:
        """In seconds."""
        return self.cpu / max(self.looks, 1)

    @property
    def calls_of_a_look(self) -> float:
        """The same in botocore's calls alone, whatever the processor's speed at the time."""
        return self.cpu_for_a_look / self.a_call


def watched(size: Size) -> Seen:
    """Have them watched by the real command."""
    click.echo(f"{size.runs} runs, {size.minutes:g} minutes and what it takes to begin …", err=True)
    with ExitStack() as held:
        folder = Path(held.enter_context(TemporaryDirectory()))
        database, log = folder / "runs.db", folder / "watch.log"
        tags = fill(database, size.runs, regions=size.regions)
        before_it = of_a_call()
        stub = held.enter_context(StubProcess(latency=0.03, tags=tags))
        command = [sys.executable, "-m", "dcp_engine", "watch", "--db", str(database)]
        process = subprocess.Popen(
            [*command, "--processes", size.processes, "--log-file", str(log)],
            env={**stub.environment, "DCP_ENGINE_POLL_INTERVAL": f"{size.interval:g}s"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        # To load and to connect is none of what is measured; every run has been looked at then.
        counted = 0
        while counted < size.runs and process.poll() is None:
            time.sleep(size.interval / 4)
            counted += stub.asked().get(_COUNT, 0)
        stub.asked()
        # What is written down next still tells of some of the time before.
        before = Counter({share: len(late) + 1 for share, late in _lateness(log).items()})
        members = family(process.pid)
        began, used = time.monotonic(), sum(map(cpu, members))
        time.sleep(size.minutes * 60)
        asked, passed = stub.asked(), time.monotonic() - began
        if family(process.pid) != members:
            raise RuntimeError(f"A process of watch has ended: {log.read_text()}")
        taken, memory = sum(map(cpu, members)) - used, sum(map(most_memory, members))
        process.send_signal(signal.SIGTERM)
        process.wait()
        late = [
            seconds
            for share, all_of_it in _lateness(log).items()
            for seconds in all_of_it[max(1, before[share]) :]
        ]
    return Seen(
        size=size,
        processes=len(members),
        looks=asked.get(_COUNT, 0),
        calls=sum(asked.values()),
        seconds=passed,
        lateness=max(late, default=float("nan")),
        memory=memory,
        cpu=taken,
        a_call=(before_it + of_a_call()) / 2,
    )


def _lateness(log: Path) -> dict[str, list[float]]:
    """How late 99 of 100 looks were, each time that a share's process has written of it."""
    found = defaultdict(list)
    for share, seconds in _LATE.findall(log.read_text()):
        found[share].append(float(seconds))
    return found


def measure(sizes: Sequence[Size]) -> list[Figure]:
    """Each of these, and how the CPU for a look grows from the first ones to the last."""
    seen = [watched(size) for size in sizes]
    same = [one for one in seen if one.size.processes == sizes[0].processes]
    # A process with few runs has much that it does for none of them: the second is the stricter.
    fewest = same[:2] if len(same) > 2 else same[:1]
    return [
        *(figure for one in seen for figure in _figures(one)),
        *(_growth(same[-1], few) for few in fewest),
    ]


def _growth(many: Seen, few: Seen) -> Figure:
    growth = many.calls_of_a_look / few.calls_of_a_look
    return Figure(
        what=f"CPU for a look, {many.size.runs} runs against {few.size.runs}",
        figure=f"{growth:.2f}",
        target=f"≤ {_MOST_GROWTH:g}",
        met=growth <= _MOST_GROWTH,
    )


def _figures(seen: Seen) -> list[Figure]:
    size = seen.size
    by = "one process" if seen.processes == 1 else f"{seen.processes} processes"
    what = f"{size.runs} live runs in {by}, {size.minutes:g} minutes"
    wanted = size.runs * seen.seconds / size.interval
    figures = [
        Figure(
            what=f"{what}: CPU for a look",
            figure=f"{1000 * seen.cpu_for_a_look:.1f} ms, "
            f"{seen.calls_of_a_look:.1f} times botocore's call alone in a loop "
            f"({1000 * seen.a_call:.2f} ms)",
        ),
        Figure(
            what=f"{what}: calls to AWS for a run and minute",
            figure=f"{seen.calls / max(seen.looks, 1):.2f}",
            target="≤ 1.6",
            met=seen.calls <= 1.6 * seen.looks,
        ),
    ]
    if size.lateness is None or size.memory is None:
        return figures
    return [
        Figure(
            what=f"{what}: looks made",
            figure=f"{seen.looks / wanted:.1%}",
            target="each in every interval",
            met=seen.looks >= 0.97 * wanted,
        ),
        Figure(
            what=f"{what}: lateness of 99 of 100 looks",
            figure=f"{seen.lateness:.2f} s",
            target=f"< {size.lateness:g} s",
            met=seen.lateness < size.lateness,
        ),
        Figure(
            what=f"{what}: memory",
            figure=f"{seen.memory} MB",
            target=f"≤ {size.memory} MB",
            met=seen.memory <= size.memory,
        ),
        *figures,
    ]
