"""How long a teardown takes where AWS does everything at once, and what it waits for.

The time is that of the real command, `dcp-engine resume`, against the stub: what is left then are
the calls themselves and the product's own pauses. Those are counted once more on a clock that costs
nothing, since they are the same on every computer.
"""

import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from unittest import mock

import boto3
import msgspec
from msgspec.structs import replace

from benchmarks.calls import account, launched
from benchmarks.ending import APP_NAME, LOOKS, TASK_DEFINITIONS
from benchmarks.figure import Figure
from benchmarks.load import a_run, insert_machines
from benchmarks.stubbed import StubProcess
from dcp_engine.defaults import Settings
from dcp_engine.model import Outcome, Run, State
from dcp_engine.simulation.timings import Timings
from dcp_engine.store.sqlite import SqliteStore

ORIGINAL: Final[Mapping[tuple[int, int], tuple[int, int]]] = {
    (3, 2): (16, 25),
    (100, 25): (85, 48),
    (300, 100): (168, 71),
}
"""(live machines, dead ones' alarms) → seconds that the original monitor sleeps, and its calls.

`run.py monitor` of Distributed-CellProfiler 2.2.1, counted on an emulated AWS. In the last case it
misses 54 alarms; had it seen them it would sleep for 330 s.
"""

CANCEL: Final = "ec2:CancelSpotFleetRequests"
# What AWS carries out after it has answered: then the next look is a look whether it is done.
_TAKES_TIME: Final = frozenset(
    {CANCEL, "sqs:DeleteQueue", "ecs:DeleteService", "logs:CreateExportTask"}
)
_SAMPLE: Final = 200


def times_as_fast(*, alive: int, dead: int) -> float:
    """How much longer the original takes, if it did nothing but sleep and wait for AWS's answers.

    An answer takes it as long as a boto3 script in the same minute.
    """
    sleeps, calls = ORIGINAL[alive, dead]
    with TemporaryDirectory() as folder:
        database = Path(folder) / "runs.db"
        with StubProcess(latency=0.0, machines=alive, dead=dead) as stub:
            run = _over(database, alive, dead)
            with mock.patch.dict("os.environ", stub.environment, clear=True):
                original = sleeps + calls * _latency(run)
            began = time.perf_counter()
            command = [sys.executable, "-m", "dcp_engine", "resume", APP_NAME, "--plain"]
            done = subprocess.run(
                [*command, "--db", str(database)],
                env={**stub.environment, "DCP_ENGINE_LOG_SETTLE": "0s"},
                capture_output=True,
                text=True,
                check=False,
            )
            took = time.perf_counter() - began
        store = SqliteStore.open(database)
        try:
            ended = store.run(run.id)
        finally:
            store.close()
    if ended.state is not State.EXPORTED:
        raise RuntimeError(f"The run did not end: {done.stdout}{done.stderr}{ended.problems}")
    return original / took


def _over(path: Path, alive: int, dead: int) -> Run:
    """A new database with a run whose work is over, and nothing of it cancelled."""
    run = a_run(0, "us-east-1", timedelta(hours=2), machines=alive)
    run = replace(
        run,
        names=replace(run.names, cluster=APP_NAME, clean_dashboard=True),
        identities=replace(run.identities, task_definitions=TASK_DEFINITIONS),
        state=State.TEARDOWN,
        state_since=datetime.now(UTC),
        outcome=Outcome.COMPLETED,
    )
    store = SqliteStore.open(path)
    try:
        store.insert_run(run, (), ())
        insert_machines(store, run, alive + dead)
    finally:
        store.close()
    return run


def _latency(run: Run) -> float:
    """How many seconds one call takes: the mean of many of a kind."""
    sqs, url = boto3.client("sqs"), run.identities.queue_url or ""
    began = time.perf_counter()
    for _ in range(_SAMPLE):
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    return (time.perf_counter() - began) / _SAMPLE


class Waited(msgspec.Struct, frozen=True, kw_only=True):
    """What a teardown waits for, in seconds, and the first call in it that changes anything.

    `asking` passes before AWS is asked whether it has done something, `idle` for anything else.
    """

    asking: float
    idle: float
    first_change: str


def waits(*, alive: int, dead: int) -> Waited:
    """Of a teardown where AWS has done everything by the next call."""
    at_once = Timings(
        cancel_delay=0,
        terminate_delay=0,
        queue_delete_settle=0,
        queue_name_hold=0,
        service_drain=0,
        export_delay=0,
    )
    with account(watch=False, settings=Settings(log_settle=timedelta(0)), timings=at_once) as there:
        now = launched(there, alive=alive, dead=dead)
        asking, idle = 0.0, 0.0
        asked: list[str] = []
        while now.live:
            began, before = there.clock.monotonic(), len(there.aws.requests)
            now = there.tick(now)
            pause = there.pause(now) if now.live else 0.0
            if not now.state.watches:
                lately = [request.name for request in list(there.aws.requests)[before:]]
                asked += lately
                # Nobody may sleep within a look either.
                idle += there.clock.monotonic() - began
                if _TAKES_TIME.isdisjoint(lately):
                    idle += pause
                else:
                    asking += pause
            there.clock.advance(pause)
    changes = (name for name in asked if not name.partition(":")[2].startswith(LOOKS))
    return Waited(asking=asking, idle=idle, first_change=next(changes))


def measure(alive: int, dead: int) -> list[Figure]:
    """The figures of one teardown whose original is known."""
    what = f"teardown of {alive} machines and {dead} dead ones' alarms, all done at once by AWS"
    faster = times_as_fast(alive=alive, dead=dead)
    waited = waits(alive=alive, dead=dead)
    return [
        Figure(
            what=f"{what}: against the original's sleeps and calls",
            figure=f"{faster:.0f} times as fast",
            target="≥ 20 times",
            met=faster >= 20,
        ),
        Figure(
            what=f"{what}: waited in it",
            figure=f"{waited.idle:.1f} s, and {waited.asking:.1f} s until AWS is asked again "
            "whether something is done",
            target="nothing but for AWS",
            met=waited.idle == 0,
        ),
        Figure(
            what=f"{what}: the first call that changes anything",
            figure=f"`{waited.first_change.partition(':')[2]}`",
            target="the fleets' cancel",
            met=waited.first_change == CANCEL,
        ),
    ]
