"""What `tick` loads where only the jobs are counted: nothing that this look does not need."""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from benchmarks.load import fill
from benchmarks.stubbed import StubProcess

# The real command, which says in the end what it loaded and which of botocore's models it read.
_COMMAND = """
import atexit, json, sys
read = []
def opened(event, args):
    if event == "open" and "/botocore/data/" in str(args[0]):
        read.append(str(args[0]).partition("/botocore/data/")[2])
sys.addaudithook(opened)
atexit.register(lambda: print(json.dumps({"modules": [*sys.modules], "read": read})))
from dcp_engine.cli import main
main()
"""
_NOT_NEEDED = {
    # Of others: for people, for reports, for what goes wrong, and what boto3 adds to botocore.
    *("rich", "jinja2", "humanize", "tenacity", "boto3", "s3transfer", "sqlite_utils", "asyncio"),
    # Of other services than the queue's.
    *(
        f"dcp_engine.aws.{name}"
        for name in (
            *("access", "cloudwatch", "dry_run", "ec2", "ecs", "iam", "logs", "metrics", "s3"),
            "spot",
        )
    ),
    # Of duties and steps that are not due.
    *(
        f"dcp_engine.{name}"
        for name in ("builtin.troubles.survey", "picture", "progress", "report", "whole")
    ),
}


@pytest.fixture(scope="module")
def loaded() -> dict[str, list[str]]:
    """Of the second tick: the first one had to find out whose the credentials are."""
    with TemporaryDirectory() as folder, StubProcess(latency=0) as stub:
        database = Path(folder) / "runs.db"
        fill(database, 1)
        environment = {**stub.environment, "DCP_ENGINE_DB": str(database)}
        for _ in range(2):
            stub.asked()
            ticked = subprocess.run(
                [sys.executable, "-c", _COMMAND, "tick", "Exp0"],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
                timeout=60,
            )
        assert stub.asked() == {"sqs:GetQueueAttributes": 1}
    found: dict[str, list[str]] = json.loads(ticked.stdout.splitlines()[-1])
    return found


def test_no_code_that_is_not_needed(loaded: dict[str, list[str]]) -> None:
    modules = set(loaded["modules"])
    assert {"botocore", "dcp_engine.engine", "dcp_engine.aws.sqs"} <= modules
    assert not modules & _NOT_NEEDED


def test_no_model_of_another_service(loaded: dict[str, list[str]]) -> None:
    services = {path.partition("/")[0] for path in loaded["read"] if "/" in path}
    assert services == {"sqs"}
