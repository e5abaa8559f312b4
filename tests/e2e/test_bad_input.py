"""Bad input gets one clear message and exit code 2, and AWS is asked nothing."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.surroundings import no_own_aws
from tests.e2e.computer import Computer
from tests.e2e.processes import Answer

GOOD: Mapping[str, Any] = {
    "MONITOR_FLEET_ID": "sfr-11111111-2222-3333-4444-555555555555",
    "MONITOR_APP_NAME": "Exp1",
    "MONITOR_ECS_CLUSTER": "default",
    "MONITOR_QUEUE_NAME": "Exp1Queue",
    "MONITOR_BUCKET_NAME": "exp1-bucket",
    "MONITOR_LOG_GROUP_NAME": "Exp1",
    "MONITOR_START_TIME": "1700000000000",
    "CLEAN_DASHBOARD": "True",
}
REQUIRED = [key for key in GOOD if key != "CLEAN_DASHBOARD"]


@pytest.fixture(scope="module")
def aws() -> Iterator[SimulatedAws]:
    """One for all: nothing is ever asked of it."""
    with no_own_aws(), SimulatedAws() as running:
        yield running


@pytest.fixture
def computer(aws: SimulatedAws, tmp_path: Path) -> Computer:
    return Computer(aws, tmp_path / "computer")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "Exp1SpotFleetRequestId.json"
    path.write_text(json.dumps(GOOD))
    return path


def refused(answer: Answer, aws: SimulatedAws, computer: Computer) -> str:
    """Assert that it was refused before anything was done; what was said."""
    assert answer.code == 2, answer
    assert answer.out == ""
    assert "Traceback" not in answer.err
    assert answer.err.count("dcp-engine: ") + answer.err.count("Error: ") == 1, answer.err
    assert len(aws.requests) == 0
    assert computer.every_run() == []
    return answer.err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ["There is no file"]),
        (b"", ["it is empty"]),
        (b"{not json", ["it is not JSON: line 1, column 2"]),
        (b"\xff\xfe", ["not UTF-8"]),
        (b"[]", ["must be one JSON object", "a list"]),
        ({}, [f"{key} is missing" for key in REQUIRED]),
        (dict.fromkeys(GOOD, ""), [f"{key}: it is empty" for key in REQUIRED]),
        (
            {**dict.fromkeys(REQUIRED), "MONITOR_APP_NAME": 7, "CLEAN_DASHBOARD": "maybe"},
            [f"{key} must be " for key in GOOD],
        ),
        ({**GOOD, "MONITOR_START_TIME": "yesterday"}, ["'yesterday'", "milliseconds since 1970"]),
        ({**GOOD, "MONITOR_START_TIME": "1700000000"}, ["looks like seconds", "'1700000000000'"]),
        ({**GOOD, "MONITOR_FLEET_ID": "fleet-7"}, ["MONITOR_FLEET_ID: "]),
        ({**GOOD, "MONITOR_QUEUE_NAME": "my queue!"}, ["MONITOR_QUEUE_NAME: "]),
        ({**GOOD, "MONITOR_ECS_CLUSTER": "a/b"}, ["MONITOR_ECS_CLUSTER: "]),
        ({**GOOD, "MONITOR_BUCKET_NAME": "No_Bucket"}, ["MONITOR_BUCKET_NAME: "]),
        ({**GOOD, "MONITOR_LOG_GROUP_NAME": "a b"}, ["MONITOR_LOG_GROUP_NAME: "]),
        ({**GOOD, "MONITOR_APP_NAME": "Exp 1"}, ["MONITOR_APP_NAME: "]),
    ],
)
def test_a_monitor_file_that_cannot_be_used(
    aws: SimulatedAws,
    computer: Computer,
    file: Path,
    content: bytes | Mapping[str, Any] | None,
    words: list[str],
) -> None:
    if content is None:
        file.unlink()
    elif isinstance(content, bytes):
        file.write_bytes(content)
    else:
        file.write_text(json.dumps(content))
    said = refused(computer.run("monitor", file), aws, computer)
    assert str(file) in said
    for word in words:
        assert word in said


def test_a_folder_is_no_monitor_file(aws: SimulatedAws, computer: Computer, tmp_path: Path) -> None:
    assert "is a folder" in refused(computer.run("monitor", tmp_path), aws, computer)


@pytest.mark.parametrize(
    ("arguments", "variables", "words"),
    [
        ([], {"DCP_ENGINE_POL_INTERVAL": "1m"}, ["did you mean DCP_ENGINE_POLL_INTERVAL?"]),
        ([], {"DCP_ENGINE_POLL_INTERVAL": "5"}, ["DCP_ENGINE_POLL_INTERVAL: "]),
        (["--poll-interval", "soon"], {}, ["--poll-interval: "]),
        (["--empty-readings", "1"], {}, ["--empty-readings: at least 2"]),
        (["--tick-deadline", "2h", "--poll-interval", "5"], {}, ["--tick-deadline", "--poll"]),
        (["--pol-interval", "1m"], {}, ["--pol-interval", "--poll-interval"]),
        (["Yes"], {}, ["True", "False", "'Yes'"]),
        (["True", "--no-cheapest"], {}, ["disagree"]),
        ([], {"AWS_DEFAULT_REGION": None, "AWS_REGION": None}, ["No AWS region", "--region"]),
    ],
)
def test_an_option_or_a_variable_that_cannot_be_used(
    aws: SimulatedAws,
    computer: Computer,
    file: Path,
    arguments: list[str],
    variables: Mapping[str, str | None],
    words: list[str],
) -> None:
    said = refused(computer.run("monitor", file, *arguments, **variables), aws, computer)
    for word in words:
        assert word in said


def test_settings_in_a_file_that_cannot_be_used(
    aws: SimulatedAws, computer: Computer, file: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text('pol_interval = "1m"\nempty_window = 3\nlog_settle = "5 parsecs"\n')
    said = refused(computer.run("monitor", file, "--config", config), aws, computer)
    assert "did you mean poll_interval?" in said
    assert "empty_window in " in said
    assert "log_settle in " in said
    config.write_text("poll_interval: 1m\n")
    assert "is not TOML" in refused(
        computer.run("monitor", file, DCP_ENGINE_CONFIG=str(config)), aws, computer
    )


@pytest.mark.parametrize("command", ["resume", "tick", "status", "history", "abort"])
def test_a_run_that_nobody_registered(aws: SimulatedAws, computer: Computer, command: str) -> None:
    answer = computer.run(command, "Exp2")
    assert answer.code == 2
    assert answer.out == ""
    assert "There is no run named Exp2" in answer.err
    assert "dcp-engine register FILE" in answer.err
    assert len(aws.requests) == 0


def test_a_command_that_there_is_not(aws: SimulatedAws, computer: Computer) -> None:
    assert "Did you mean monitor?" in refused(computer.run("monitr"), aws, computer)
