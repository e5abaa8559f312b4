"""`dcp-engine iam-policy` prints a policy, for any run or for one, and asks AWS nothing."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from dcp_engine.model import Fleet, Run
from tests.unit.cli.conftest import Knocks
from tests.unit.cli.test_bad_input import GOOD
from tests.unit.runs import run

Invoke = Callable[..., Result]

PAGE = Path(__file__).parents[3] / "docs" / "permissions.md"
# IAM and AWS STS quotas, IAM User Guide: characters of a managed policy, white space not counted.
LONGEST_POLICY = 6144


def document(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def resources(found: dict[str, Any], sid: str) -> list[str]:
    (statement,) = [each for each in found["Statement"] if each["Sid"] == sid]
    listed: list[str] = statement["Resource"]
    return listed


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "Exp1SpotFleetRequestId.json"
    path.write_text(json.dumps(GOOD))
    return path


@pytest.mark.parametrize("args", [[], ["--read-only"], ["--region", "eu-west-1"]])
def test_it_is_a_policy_and_always_the_same(
    invoke: Invoke, aws: Knocks, database: Path, args: list[str]
) -> None:
    first, second = (invoke("iam-policy", *args) for _ in range(2))
    assert first.stdout == second.stdout
    assert first.stderr == ""
    found = document(first)
    assert list(found) == ["Version", "Statement"]
    assert found["Version"] == "2012-10-17"
    sids = [statement["Sid"] for statement in found["Statement"]]
    assert len(set(sids)) == len(sids)
    for statement in found["Statement"]:
        assert re.fullmatch("[A-Za-z0-9]+", statement["Sid"])
        assert statement["Effect"] == "Allow"
        assert statement["Action"] == sorted(set(statement["Action"]))
        assert statement["Resource"]
    assert aws.count == 0
    assert not database.exists()


def test_a_monitor_file_narrows_it(invoke: Invoke, aws: Knocks, file: Path) -> None:
    result = invoke("iam-policy", str(file))
    found = document(result)
    assert resources(found, "DeleteQueue") == ["arn:aws:sqs:*:*:Exp1Queue"]
    assert resources(found, "CountJobs") == ["arn:aws:sqs:*:*:Exp1Queue", "arn:aws:sqs:*:*:*"]
    fleet = f"arn:aws:ec2:*:*:spot-fleet-request/{GOOD['MONITOR_FLEET_ID']}"
    assert resources(found, "ShrinkAndStopFleets") == [fleet]
    assert resources(found, "DeleteAlarms") == [
        "arn:aws:cloudwatch:*:*:alarm:Exp1_i-*",
        "arn:aws:cloudwatch:*:*:alarm:ApproximateNumberOfMessagesVisibleisZero_Exp1",
        "arn:aws:cloudwatch:*:*:alarm:ApproximateNumberOfMessagesNotVisibleisZero_Exp1",
    ]
    assert resources(found, "DeleteDashboard") == ["arn:aws:cloudwatch::*:dashboard/Exp1"]
    assert resources(found, "ExportLogs") == [
        "arn:aws:logs:*:*:log-group:Exp1:*",
        "arn:aws:logs:*:*:log-group:Exp1_perInstance:*",
    ]
    assert resources(found, "DeleteMonitorFile") == [
        "arn:aws:s3:::exp-bucket/monitors/Exp1SpotFleetRequestId.json"
    ]
    assert "print the policy again" in result.stderr
    assert GOOD["MONITOR_FLEET_ID"] in result.stderr
    assert aws.count == 0


@pytest.mark.parametrize(
    ("region", "partition"),
    [("us-east-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
def test_a_region_narrows_it_and_decides_the_partition(
    invoke: Invoke, file: Path, region: str, partition: str
) -> None:
    found = document(invoke("iam-policy", str(file), "--region", region))
    assert resources(found, "DeleteQueue") == [f"arn:{partition}:sqs:{region}:*:Exp1Queue"]
    assert resources(found, "TellMissingFromDenied") == [f"arn:{partition}:s3:::exp-bucket"]


def test_a_registered_run_narrows_it_to_all_that_is_recorded(
    invoke: Invoke, aws: Knocks, add: Callable[..., Run]
) -> None:
    known = run()
    second = Fleet(
        id="sfr-00000000-0000-4000-8000-000000000002",
        added_at=known.registered_at,
        start_time=known.registered_at,
    )
    added = add(run(fleets=(*known.fleets, second)))
    found = document(invoke("iam-policy", added.names.app_name))
    place = f"{added.region}:{added.account}"
    assert resources(found, "DeleteQueue") == [f"arn:aws:sqs:{place}:{added.names.queue}"]
    fleets = resources(found, "ShrinkAndStopFleets")
    assert fleets == [f"arn:aws:ec2:{place}:spot-fleet-request/{i}" for i in added.fleet_ids]
    assert len(fleets) == len(known.fleets) + 1
    assert document(invoke("iam-policy", added.id)) == found
    assert aws.count == 0


def test_a_policy_fits_into_a_managed_one(invoke: Invoke, file: Path) -> None:
    name = "a_rather_long_name_of_an_experiment_2030"
    long = {key: value.replace("Exp1", name) for key, value in GOOD.items()}
    file.write_text(json.dumps(long))
    narrowed = [str(file), "--region", "ap-southeast-2"]
    for args in ([], [str(file)], narrowed, ["--doctor", *narrowed]):
        found = document(invoke("iam-policy", *args))
        assert len(json.dumps(found, separators=(",", ":"))) <= LONGEST_POLICY


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Exp9", "There is no run named Exp9"),
        ("files/none.json", "There is no file files/none.json"),
        ("*", "There is no file *"),
        ("", "is a folder"),
    ],
)
def test_what_is_not_known_has_no_policy(
    invoke: Invoke, aws: Knocks, name: str, words: str
) -> None:
    result = invoke("iam-policy", name)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert words in result.stderr
    assert aws.count == 0


def test_the_page_lists_exactly_the_statements(invoke: Invoke) -> None:
    rows = re.findall(
        r"^\| `(\w+)` \|[^|]+\|[^|]+\| (yes)? ?\|$", PAGE.read_text("utf-8"), re.MULTILINE
    )
    for args, listed in (
        ([], [sid for sid, _ in rows]),
        (["--read-only"], [sid for sid, watching in rows if watching]),
    ):
        found = document(invoke("iam-policy", *args))
        assert [statement["Sid"] for statement in found["Statement"]] == listed


@pytest.mark.parametrize("args", [[], ["--read-only"]])
def test_what_only_the_doctor_asks_is_on_top(invoke: Invoke, args: list[str]) -> None:
    without = document(invoke("iam-policy", *args))["Statement"]
    found = document(invoke("iam-policy", "--doctor", *args))["Statement"]
    assert found[: len(without)] == without
    on_top = [statement["Sid"] for statement in found[len(without) :]]
    assert on_top == re.findall(r"^\| `(Examine\w+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)
    reads = ("Get", "Simulate")
    actions = [action for one in found[len(without) :] for action in one["Action"]]
    assert all(action.partition(":")[2].startswith(reads) for action in actions)


def test_the_page_says_for_what_nothing_can_be_narrowed(invoke: Invoke) -> None:
    text = PAGE.read_text("utf-8")
    anything = re.findall(r"^\| `(\w+)` \|.*AWS allows (?:these|this) only for `\*`", text, re.M)
    found = document(invoke("iam-policy"))
    assert anything == [each["Sid"] for each in found["Statement"] if each["Resource"] == ["*"]]


@pytest.mark.parametrize(
    "region", ["us*", "*", "us-east", "US-EAST-1", "a" * 300 + "-b-1", "us-east-1\n", "us-east-1:"]
)
@pytest.mark.parametrize("narrowed", [False, True])
def test_only_a_region_is_taken_for_one(
    invoke: Invoke, file: Path, region: str, narrowed: bool
) -> None:
    result = invoke("iam-policy", *([str(file)] if narrowed else []), "--region", region)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "is not the code of an AWS region" in result.stderr


@pytest.mark.parametrize(
    "region", ["us-east-1", "ap-southeast-7", "cn-northwest-1", "us-gov-west-1", "us-isob-east-1"]
)
def test_every_kind_of_region_is_taken(invoke: Invoke, region: str) -> None:
    found = document(invoke("iam-policy", "--region", region))
    assert f":{region}:" in resources(found, "DeleteQueue")[0]
