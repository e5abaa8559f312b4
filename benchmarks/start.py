"""What starting costs: whole processes, against a bare script that does the same."""

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figure import Figure
from benchmarks.load import fill
from benchmarks.process import cpu_of
from benchmarks.stub import queue_of
from benchmarks.stubbed import StubProcess

_COMMAND = (str(Path(sys.executable).with_name("dcp-engine")),)
_CLICK = (sys.executable, "-c", "import click")
_BARE = f"""
import boto3
sqs = boto3.client("sqs")
queue = sqs.get_queue_url(QueueName="{queue_of("Exp0")}")["QueueUrl"]
sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])
"""


def measure(*, rounds: int) -> list[Figure]:
    """Each command `rounds` times, one after the other; of each ratio the median counts.

    What was measured in the same seconds was measured at the same speed of the processor.
    """
    with TemporaryDirectory() as folder, StubProcess(latency=0) as stub:
        database = Path(folder) / "runs.db"
        fill(database, 1)
        environment = {**stub.environment, "DCP_ENGINE_DB": str(database)}
        commands: dict[str, Sequence[str]] = {
            "click": _CLICK,
            "bare": (sys.executable, "-c", _BARE),
            "--help": (*_COMMAND, "--help"),
            "list": (*_COMMAND, "list"),
            "status": (*_COMMAND, "status"),
            "tick": (*_COMMAND, "tick", "Exp0"),
        }
        # What is due only now and then is done once before.
        cpu_of(commands["tick"], environment)
        taken = [
            {name: cpu_of(command, environment) for name, command in commands.items()}
            for _ in range(rounds)
        ]

    def ratio(what: str, against: str) -> float:
        return statistics.median(one[what] / one[against] for one in taken)

    return [
        *(
            _ratio(f"`dcp-engine {name}`, against `import click`", ratio(name, "click"), 2.0)
            for name in ("--help", "list", "status")
        ),
        _ratio(
            "CPU of `dcp-engine tick` with only the count due / a bare boto3 script that counts",
            ratio("tick", "bare"),
            1.25,
        ),
    ]


def _ratio(what: str, ratio: float, most: float) -> Figure:
    return Figure(what=what, figure=f"{ratio:.2f}", target=f"≤ {most:g}", met=ratio <= most)
