"""Bad input: one clear message, exit code 2, and AWS is asked nothing."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from dcp_engine.model import Run
from tests.unit.cli.conftest import Knocks
from tests.unit.runs import run

Invoke = Callable[..., Result]

GOOD = {
    "MONITOR_FLEET_ID": "sfr-11111111-2222-3333-4444-555555555555",
    "MONITOR_APP_NAME": "Exp1",
    "MONITOR_ECS_CLUSTER": "default",
    "MONITOR_QUEUE_NAME": "Exp1Queue",
    "MONITOR_BUCKET_NAME": "exp-bucket",
    "MONITOR_LOG_GROUP_NAME": "Exp1",
    "MONITOR_START_TIME": "1649187798951",
    "CLEAN_DASHBOARD": "True",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "Exp1SpotFleetRequestId.json"
    path.write_text(json.dumps(GOOD))
    return path


def refused(result: Result, aws: Knocks, database: Path) -> str:
    assert result.exit_code == 2
    assert result.stdout == ""
    assert aws.count == 0
    assert not database.exists()
    return result.stderr


@pytest.mark.parametrize("command", ["monitor", "register"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ["There is no file"]),
        ("", ["it is empty"]),
        ("{", ["it is not JSON"]),
        ("[]", ["must be one JSON object"]),
        ("{}", [f"{key} is missing" for key in GOOD if key != "CLEAN_DASHBOARD"]),
        (json.dumps({**GOOD, "MONITOR_START_TIME": "yesterday"}), ["MONITOR_START_TIME"]),
        (json.dumps({**GOOD, "MONITOR_QUEUE_NAME": "no queue"}), ["MONITOR_QUEUE_NAME"]),
    ],
)
def test_a_bad_file(
    invoke: Invoke,
    aws: Knocks,
    database: Path,
    file: Path,
    command: str,
    content: str | None,
    words: list[str],
) -> None:
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    said = refused(invoke(command, str(file)), aws, database)
    assert said.startswith("dcp-engine: The monitor file")
    for word in words:
        assert word in said


def test_a_good_file_is_what_asks_aws(invoke: Invoke, aws: Knocks, file: Path) -> None:
    result = invoke("register", str(file))
    assert aws.count > 0
    assert result.exit_code == 3
    assert result.stderr.startswith("dcp-engine: sts:GetCallerIdentity")
    assert "very-secret" not in result.output


@pytest.mark.parametrize("command", ["monitor", "register"])
def test_a_profile_that_there_is_not(invoke: Invoke, aws: Knocks, file: Path, command: str) -> None:
    result = invoke(command, str(file), "--profile", "lab")
    assert result.exit_code == 4
    assert result.stderr.startswith("dcp-engine: Nothing was registered: there is no profile 'lab'")
    assert "Type: aws configure list-profiles" in result.stderr
    assert aws.count == 0


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["yes"], "only the word True (cheapest mode) or False"),
        (["True", "--no-cheapest"], "disagree"),
        (["False", "--cheapest"], "disagree"),
        (["True", "again"], "unexpected extra argument"),
        (["--poll-interval", "60"], "--poll-interval: '60' has no unit"),
        (["--poll-intervall", "60s"], "--poll-interval"),
        (["--log-file", "/no/such/folder/log"], "The log file"),
        (["--config", "/no/such/file"], "There is no file /no/such/file"),
    ],
)
def test_bad_words(
    invoke: Invoke, aws: Knocks, database: Path, file: Path, args: list[str], words: str
) -> None:
    assert words in refused(invoke("monitor", str(file), *args), aws, database)


def test_every_bad_setting_is_said_at_once(
    invoke: Invoke, aws: Knocks, database: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DCP_ENGINE_LOG_SETLE", "1m")
    said = refused(
        invoke("monitor", str(file), "--empty-readings", "1", "--empty-window", "-3m"),
        aws,
        database,
    )
    assert "--empty-readings: at least 2 is needed" in said
    assert "--empty-window" in said
    assert "DCP_ENGINE_LOG_SETLE: there is no such setting" in said
    assert "DCP_ENGINE_LOG_SETTLE" in said


def test_no_region(
    invoke: Invoke, aws: Knocks, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    result = invoke("register", str(file))
    assert result.exit_code == 2
    assert "No AWS region is set" in result.stderr
    assert aws.count == 0


@pytest.mark.parametrize("command", ["status", "history", "resume", "abort", "release", "tick"])
def test_an_unknown_run(invoke: Invoke, aws: Knocks, command: str) -> None:
    result = invoke(command, "Exp9")
    assert result.exit_code == 2
    assert "There is no run named Exp9" in result.stderr
    assert aws.count == 0


def test_an_unknown_command(invoke: Invoke) -> None:
    result = invoke("moniter")
    assert result.exit_code == 2
    assert "Did you mean monitor?" in result.stderr


@pytest.mark.parametrize(
    "args",
    [
        *([command, "NAME"] for command in ("status", "history", "resume", "abort", "release")),
        ["tick", "Exp1", "NAME"],
        ["waive", "NAME", "logs"],
        ["waive", "Exp1", "NAME"],
        ["iam-policy", "NAME"],
        ["status", "--region", "NAME"],
        ["status", "--profile", "NAME"],
    ],
    ids=" ".join,
)
def test_what_is_not_utf8_is_refused(
    invoke: Invoke, aws: Knocks, add: Callable[..., Run], args: list[str]
) -> None:
    add(run())
    result = invoke(*(os.fsdecode(b"\xff\xfe") if word == "NAME" else word for word in args))
    assert result.exit_code == 2
    assert "defect" not in result.output
    assert "udcff" in result.stderr
    assert aws.count == 0


@pytest.mark.parametrize("what", ["pipe", "folder"])
def test_a_log_goes_into_an_ordinary_file(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path, what: str
) -> None:
    place = tmp_path / what
    os.mkfifo(place) if what == "pipe" else place.mkdir()
    process = start("status", "--log-file", str(place))
    out, errors = process.communicate(timeout=30)
    assert (process.returncode, out) == (2, "")
    assert f"The log file {place} cannot be written: it is a {what}" in errors
