"""Many runs in one process: `dcp-engine watch` against the stub, for some minutes."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figure import Figure
from benchmarks.load import fill
from benchmarks.stubbed import StubProcess

_COUNT = "sqs:GetQueueAttributes"
_LATE = re.compile(r"(\d+) looks in (\d+) s; 99 of 100 began within ([\d.]+) s")


def measure(
    *,
    runs: int,
    minutes: float,
    regions: int = 1,
    lateness: float,
    memory: int,
    interval: float = 60.0,
) -> list[Figure]:
    """So many live runs, each looked at once in every `interval` of seconds.

    `lateness` (seconds) and `memory` (MB) are the targets.
    """
    with TemporaryDirectory() as folder, StubProcess(latency=0.03) as stub:
        database, log = Path(folder) / "runs.db", Path(folder) / "watch.log"
        fill(database, runs, regions=regions)
        command = [sys.executable, "-m", "dcp_engine", "watch", "--db", str(database)]
        process = subprocess.Popen(
            [*command, "--log-file", str(log)],
            env={**stub.environment, "DCP_ENGINE_POLL_INTERVAL": f"{interval:g}s"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        # The first look at each run asks more than the later ones.
        counted = 0
        while counted < 2 * runs and process.poll() is None:
            time.sleep(interval / 4)
            counted += stub.asked().get(_COUNT, 0)
        # What is written down next still tells of some of the time before.
        before = len(_LATE.findall(log.read_text())) + 1
        began, used = time.monotonic(), _cpu(process.pid)
        time.sleep(minutes * 60)
        asked, passed = stub.asked(), time.monotonic() - began
        cpu, resident = _cpu(process.pid) - used, _resident(process.pid)
        process.send_signal(signal.SIGTERM)
        process.wait()
        late = [float(found[3]) for found in _LATE.finditer(log.read_text())][before:]
    counted = asked.get(_COUNT, 0)
    calls = sum(asked.values()) / max(counted, 1)
    what = f"{runs} live runs in one process, {minutes:g} minutes"
    return [
        Figure(
            what=f"{what}: looks made",
            figure=f"{counted / (runs * passed / interval):.1%}",
            target="each in every interval",
            met=counted >= 0.97 * runs * passed / interval - runs,
        ),
        Figure(
            what=f"{what}: lateness of 99 of 100 looks",
            figure=f"{max(late, default=float('nan')):.2f} s",
            target=f"< {lateness:g} s",
            met=bool(late) and max(late) < lateness,
        ),
        Figure(
            what=f"{what}: memory",
            figure=f"{resident} MB",
            target=f"≤ {memory} MB",
            met=resident <= memory,
        ),
        Figure(what=f"{what}: CPU for a look", figure=f"{1000 * cpu / max(counted, 1):.1f} ms"),
        Figure(
            what=f"{what}: calls to AWS for a run and minute, in the time measured",
            figure=f"{calls:.2f}",
            target="≤ 1.6",
            met=calls <= 1.6,
        ),
    ]


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) // 1000 if found else 0
