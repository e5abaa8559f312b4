"""One large run: the real engine, in this process, against the stub."""

import os
import random
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

from benchmarks.figure import Figure
from benchmarks.load import fill
from benchmarks.process import memory
from benchmarks.stubbed import StubProcess
from dcp_engine.app import App
from dcp_engine.defaults import Settings

_MOST_CPU = 2.0
# What is kept of the machines grows at first, until it is thinned.
_MOST_GROWTH = 1.1


def measure(*, machines: int, jobs: int, looks: int) -> list[Figure]:
    """So many looks, with everything due in some of them that is due in an hour of such a run."""
    # Ten looks at the jobs for each at the machines, as the settings are by default.
    settings = Settings(
        poll_interval=timedelta(seconds=0.5),
        downscale_interval=timedelta(seconds=5),
        watch_interval=timedelta(seconds=5),
        alarm_sweep_interval=timedelta(seconds=20),
    )
    with ExitStack() as held:
        database = Path(held.enter_context(TemporaryDirectory())) / "runs.db"
        tags = fill(database, 1, machines=machines, settings=settings)
        stub = held.enter_context(
            StubProcess(latency=0.03, machines=machines, jobs=jobs, tags=tags)
        )
        held.enter_context(mock.patch.dict(os.environ, stub.environment, clear=True))
        app = App(database=database, settings=settings)
        taken, resident = [], []
        for look in range(looks):
            time.sleep(random.Random(look).uniform(0.2, 0.3))
            before = time.process_time()
            app.tick("Exp0")
            taken.append(time.process_time() - before)
            resident.append(memory(os.getpid()))
        app.close()
        asked = stub.asked()
    middle, end = max(resident[: looks // 2]), max(resident)
    what = f"one run with {machines} machines and {jobs} jobs"
    return [
        Figure(
            what=f"{what}: the most CPU of {looks} looks",
            figure=f"{max(taken):.2f} s",
            target=f"< {_MOST_CPU:g} s",
            met=max(taken) < _MOST_CPU,
        ),
        Figure(
            what=f"{what}: CPU of a look in the middle of them",
            figure=f"{sorted(taken)[looks // 2]:.3f} s",
        ),
        Figure(
            what=f"{what}: the most memory in the second half of them / in the first",
            figure=f"{end / middle:.2f} ({end} MB)",
            target="flat",
            met=end <= _MOST_GROWTH * middle,
        ),
        Figure(what=f"{what}: calls for a look", figure=f"{sum(asked.values()) / looks:.1f}"),
    ]
