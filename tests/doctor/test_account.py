"""Credentials, region and clock: told once, and nothing else is guessed at."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dcp_engine.doctor.finding import Finding, Verdict, exit_code
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.doctor.conftest import Clinic, not_fine

LOCAL = {"database", "plugins"}


def names(findings: list[Finding]) -> set[str]:
    return {finding.name for finding in findings}


def test_expired_credentials_are_one_line_with_the_command(ward: Clinic) -> None:
    launch = ward.launch_next()
    ward.aws.faults.add("*", Fault.EXPIRED, times=None)
    asked = len(ward.aws.requests)
    found = ward.of_file(launch)
    assert names(found) == {"credentials", "clock", *LOCAL}
    (only,) = not_fine(found).values()
    assert only.name == "credentials"
    assert only.what_to_do is not None
    assert only.what_to_do.startswith("Type: export AWS_ACCESS_KEY_ID=")
    assert exit_code(found) == 4
    # One question was enough.
    assert len(ward.aws.requests) == asked + 1


def test_credentials_that_expire_in_the_middle_are_one_line_too(ward: Clinic) -> None:
    launch = ward.launch_next()
    for service in ("sqs", "ec2", "ecs", "s3", "logs", "cloudwatch", "iam"):
        ward.aws.faults.add(f"{service}:*", Fault.EXPIRED, times=None)
    found = ward.of_file(launch)
    assert names(found) == {"credentials", "region", "clock", "monitor-file", *LOCAL}
    (only,) = not_fine(found).values()
    assert only.name == "credentials"
    for unasked in ("fleet", "queue", "bucket-policy", "permissions"):
        assert unasked in only.text


def test_no_credentials_at_all(ward: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    launch = ward.launch_next()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    asked = len(ward.aws.requests)
    found = ward.of_file(launch, settings=ward.fresh_settings())
    assert names(found) == {"credentials", *LOCAL}
    assert not_fine(found)["credentials"].what_to_do == "Type: aws configure"
    assert len(ward.aws.requests) == asked


@pytest.mark.parametrize("way", ["of_file", "of_computer"])
def test_a_profile_that_is_none(ward: Clinic, way: str) -> None:
    doctor = ward.doctor(profile="imagnig")
    launch = ward.launch_next()
    found = doctor.of_file(launch.monitor_file) if way == "of_file" else doctor.of_computer()
    assert names(found) == {"credentials", *LOCAL}
    only = not_fine(found)["credentials"]
    assert "no profile 'imagnig'" in only.text
    assert "aws configure list-profiles" in str(only.what_to_do)


def test_the_profile_of_another_account(ward: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    run = ward.watched(ward.launch_next())
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "elsewhere")
    monkeypatch.setitem(ward.aws.world.accounts, "elsewhere", "999999999999")
    asked = len(ward.aws.requests)
    found = ward.of_run(run, settings=ward.fresh_settings())
    (only,) = not_fine(found).values()
    assert only.name == "credentials"
    assert "open account 999999999999" in only.text
    assert f"account {ward.aws.account}" in only.text
    assert "--profile" in str(only.what_to_do)
    # Nothing of the wrong account is looked at.
    assert len(ward.aws.requests) == asked + 1


@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.HTML, Fault.EMPTY_BODY, Fault.DENIED])
def test_an_account_that_is_not_told_keeps_no_other_answer_back(ward: Clinic, fault: Fault) -> None:
    run = ward.watched(ward.launch_next())
    rule = ward.aws.faults.add("sts:GetCallerIdentity", fault, times=None)
    found = ward.of_run(run)
    assert rule.hits
    said = not_fine(found)
    assert said.pop("credentials").verdict is Verdict.UNKNOWN
    assert not said
    # The account that is recorded with the run will do, but for what hangs on who asks.
    assert {"fleet", "queue", "bucket-policy", "watched"} <= names(found)
    assert "permissions" not in names(found)
    assert exit_code(found) == (0 if fault is Fault.DENIED else 3)


def test_the_root_user(ward: Clinic) -> None:
    ward.aws.world.access.caller = "root"
    found = ward.of_file(ward.launch_next())
    assert not_fine(found).keys() == {"credentials", "watched"}
    assert not_fine(found)["credentials"].verdict is Verdict.ADVICE
    assert "root user" in next(one.text for one in found if one.name == "permissions")


def test_no_region(ward: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    launch = ward.launch_next()
    asked = len(ward.aws.requests)
    found = ward.of_file(launch, settings=ward.fresh_settings(), ignored_region="eu-west-1")
    assert names(found) == {"region", *LOCAL}
    (only,) = not_fine(found).values()
    assert "No AWS region is set" in only.text
    assert "AWS_REGION says eu-west-1" in only.text
    assert "--region" in str(only.what_to_do)
    assert len(ward.aws.requests) == asked


def test_a_region_that_is_none(ward: Clinic) -> None:
    found = ward.doctor(region="us-east").of_computer()
    assert names(found) == {"region", *LOCAL}
    assert "'us-east' is not the code of an AWS region" in not_fine(found)["region"].text


def test_two_variables_that_do_not_agree(ward: Clinic) -> None:
    found = ward.doctor(ignored_region="eu-west-1").of_computer()
    (only,) = not_fine(found).values()
    assert (only.name, only.verdict) == ("region", Verdict.ADVICE)
    assert not_fine(ward.doctor(ignored_region="us-east-1").of_computer()) == {}


def test_the_wrong_region_is_one_line(ward: Clinic) -> None:
    launch = ward.launch_next()
    found = ward.of_file(launch, region="eu-west-1")
    (only,) = not_fine(found).values()
    assert (only.name, only.verdict) == ("region", Verdict.WRONG)
    for word in (launch.fleet_id, launch.queue_name, "eu-west-1", "is in us-east-1"):
        assert word in only.text
    assert "--region" in str(only.what_to_do)
    assert "--profile" in str(only.what_to_do)


def test_a_run_that_is_gone_from_its_own_region_is_told_line_by_line(ward: Clinic) -> None:
    launch = ward.launch_next()
    run = ward.watched(launch)
    ward.aws.faults.add(
        "ec2:DescribeSpotFleetRequests",
        Fault.ERROR,
        times=None,
        code="InvalidSpotFleetRequestId.NotFound",
    )
    ward.aws.client("sqs").delete_queue(QueueUrl=launch.queue_url)
    ward.clock.advance(61)
    said = not_fine(ward.of_run(run))
    assert {"fleet", "queue"} <= said.keys()
    assert "region" not in said


def test_aws_that_cannot_be_reached_is_one_line(ward: Clinic) -> None:
    launch = ward.launch_next()
    with ward.aws.unreachable():
        found = ward.of_file(launch)
    assert names(found) == {"aws", *LOCAL}
    (only,) = not_fine(found).values()
    assert only.verdict is Verdict.UNKNOWN
    assert "could not be reached" in only.text
    assert exit_code(found) == 3


def another_clock(ward: Clinic, **off: float) -> VirtualClock:
    return VirtualClock(ward.clock.now() + timedelta(**off))


@pytest.mark.parametrize(
    ("off", "verdict", "word"),
    [
        ({"seconds": 20}, Verdict.FINE, "agrees"),
        ({"seconds": -20}, Verdict.FINE, "agrees"),
        ({"minutes": 2}, Verdict.ADVICE, "2 minutes ahead of"),
        ({"minutes": -3}, Verdict.ADVICE, "3 minutes behind"),
        ({"hours": 2}, Verdict.WRONG, "2 hours ahead of"),
        ({"days": -400}, Verdict.WRONG, "behind"),
    ],
)
def test_a_clock_that_is_off(
    ward: Clinic, off: dict[str, float], verdict: Verdict, word: str
) -> None:
    found = ward.doctor(clock=another_clock(ward, **off)).of_computer()
    clock = next(one for one in found if one.name == "clock")
    assert clock.verdict is verdict
    assert word in clock.text
    assert not_fine(found).keys() <= {"clock"}


def test_a_clock_that_is_the_reason_why_aws_refuses(ward: Clinic) -> None:
    ward.aws.faults.add("sts:*", Fault.ERROR, times=None, code="SignatureDoesNotMatch", status=403)
    ward.aws.faults.add("*", Fault.EXPIRED, times=None)
    found = ward.doctor(clock=another_clock(ward, minutes=47)).of_computer()
    said = not_fine(found)
    assert said.keys() == {"credentials", "clock"}
    assert "47 minutes ahead of" in said["clock"].text
    assert said["clock"].verdict is Verdict.WRONG


def test_the_login_command_never_costs_an_answer(ward: Clinic, tmp_path: Path) -> None:
    """A profile with SSO names the command for exactly that profile."""
    config = tmp_path / "config"
    config.write_text(
        "[profile lab]\nsso_start_url = https://lab\nsso_region = us-east-1\n"
        "sso_account_id = 123456789012\nsso_role_name = Imaging\nregion = us-east-1\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_CONFIG_FILE", str(config))
        found = ward.doctor(profile="lab").of_computer()
    (only,) = not_fine(found).values()
    assert only.what_to_do == "Type: aws sso login --profile lab"


def test_what_is_no_aws_error_is_not_hidden(ward: Clinic) -> None:
    def plugins() -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ward.doctor(plugins=plugins).of_computer()
