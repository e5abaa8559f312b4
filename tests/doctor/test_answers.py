"""One question that fails, hangs or is answered with garbage never hides the others."""

import threading
from collections.abc import Mapping
from concurrent.futures import wait
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import pytest

from dcp_engine.doctor.asking import Asked, Question, side_by_side
from dcp_engine.doctor.finding import Finding, Verdict, exit_code
from dcp_engine.errors import Busy, OutOfTime
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import Launch
from tests.doctor.conftest import Clinic, not_fine
from tests.e2e.waiting import until

# What is asked, and what cannot be said where it is not told. Of the fleet's machines and its
# history only what was told is said.
ASKED: Mapping[str, set[str]] = {
    "ec2:DescribeSpotFleetRequests": {"fleet"},
    "sqs:GetQueueUrl": {"queue"},
    "sqs:GetQueueAttributes": {"queue"},
    "ecs:DescribeClusters": {"cluster"},
    "ecs:DescribeServices": {"service"},
    "ecs:ListTaskDefinitions": {"task-definition"},
    "s3:HeadBucket": {"bucket"},
    "s3:GetBucketPolicy": {"bucket-policy"},
    "s3:GetBucketEncryption": {"bucket-encryption"},
    "logs:DescribeLogGroups": {"log-groups"},
    "cloudwatch:GetDashboard": {"dashboard"},
    "cloudwatch:DescribeAlarms": {"auto-monitor"},
    "iam:SimulatePrincipalPolicy": {"permissions"},
    "ec2:DescribeSpotFleetInstances": set(),
    "ec2:DescribeSpotFleetRequestHistory": set(),
    "ec2:DescribeInstances": set(),
}
OPTIONAL = {"bucket-policy", "bucket-encryption", "permissions"}
"""What no run needs to be allowed: not to be told is nothing that a person must mend."""
FAULTS = (
    Fault.THROTTLED,
    Fault.UNAVAILABLE,
    Fault.DENIED,
    Fault.EMPTY_BODY,
    Fault.TRUNCATED,
    Fault.HTML,
)


@dataclass(frozen=True)
class Case:
    operation: str
    fault: Fault

    def __str__(self) -> str:
        return f"{self.operation} {self.fault.name}"


CASES = [Case(operation, fault) for operation in ASKED for fault in FAULTS]


@pytest.fixture(scope="module")
def launch(ward: Clinic) -> Launch:
    return ward.launch_next()


@pytest.fixture(scope="module")
def healthy(ward: Clinic, launch: Launch) -> list[Finding]:
    return ward.of_file(launch)


@pytest.mark.matrix("case", CASES, sample=10)
def test_only_what_hangs_on_the_answer_is_not_known(
    ward: Clinic, launch: Launch, healthy: list[Finding], case: Case
) -> None:
    rule = ward.aws.faults.add(case.operation, case.fault, times=None)
    found = {one.name: one for one in ward.of_file(launch)}
    assert rule.hits
    for before in healthy:
        if before.name in ASKED[case.operation]:
            _cannot_be_said(case, found[before.name])
        elif before.name in found and before.name != "fleet":
            assert found[before.name].verdict is before.verdict
    lost = {one.name for one in healthy} - found.keys()
    assert lost <= {"fleet-end", "dead-letters", "visibility-timeout"}
    verdicts = {(one.verdict, one.lasting) for one in found.values()}
    if (Verdict.UNKNOWN, False) in verdicts:
        assert case.fault is not Fault.DENIED
        assert exit_code(found.values()) == 3


def _cannot_be_said(case: Case, finding: Finding) -> None:
    # A HEAD request has no body to be spoilt.
    if case.operation == "s3:HeadBucket" and case.fault in {Fault.EMPTY_BODY, Fault.TRUNCATED}:
        assert finding.verdict is Verdict.FINE
    elif case.fault is not Fault.DENIED:
        assert finding.verdict is Verdict.UNKNOWN, finding
    elif finding.name in OPTIONAL:
        assert (finding.verdict, finding.lasting) == (Verdict.UNKNOWN, True), finding
    elif case.operation != "s3:HeadBucket":
        assert finding.verdict is Verdict.WRONG, finding
        assert "grant " in finding.text


def test_the_account_throttles_everything(ward: Clinic, launch: Launch) -> None:
    for service in ("sqs", "ec2", "ecs", "s3", "logs", "cloudwatch", "iam"):
        ward.aws.faults.add(f"{service}:*", Fault.THROTTLED, times=None)
    found = ward.of_file(launch)
    verdicts = {one.name: one.verdict for one in found}
    assert verdicts.pop("watched") is Verdict.ADVICE
    known = {"credentials", "region", "clock", "monitor-file", "database", "plugins"}
    assert {name for name, one in verdicts.items() if one is Verdict.FINE} == known
    assert set(verdicts.values()) == {Verdict.FINE, Verdict.UNKNOWN}
    assert exit_code(found) == 3


# What hangs, by the questions; the first is what cannot be said then.
HANGING = {
    "sqs:*": ("queue", "dead-letters"),
    "s3:HeadBucket": ("bucket",),
    "iam:*": ("permissions",),
    "sts:*": ("caller",),
}


@pytest.mark.parametrize("pattern", HANGING)
def test_what_hangs_keeps_nobody_waiting(ward: Clinic, pattern: str) -> None:
    """The questions go side by side here, each in a thread; the hanging ones are left behind."""
    run = ward.watched(ward.launch_next())
    rule = ward.aws.faults.add(pattern, Fault.HANG, times=None)

    def for_the_others(asked: Asked, _: timedelta) -> None:
        for name, future in asked.items():
            if name not in HANGING[pattern]:
                wait([future])
        if asked.keys() & {*HANGING[pattern]}:
            until(lambda: rule.hits > 0, "nobody asked")

    asking = partial(side_by_side, waiting=for_the_others)
    found = {one.name: one for one in ward.of_run(run, asking=asking)}
    said = not_fine(list(found.values()))
    assert said.keys() == {"credentials" if pattern == "sts:*" else HANGING[pattern][0]}
    (only,) = said.values()
    assert only.verdict is Verdict.UNKNOWN
    assert "No answer came in time" in only.text
    assert exit_code(found.values()) == 3


def test_each_has_a_thread_of_its_own() -> None:
    """All of them begin before any has to end."""
    begun = threading.Barrier(5)
    questions: dict[str, Question] = {str(n): lambda: begun.wait(60) >= 0 for n in range(5)}
    assert side_by_side(questions, timedelta(seconds=60)) == dict.fromkeys("01234", True)


def test_what_comes_late_is_out_of_time() -> None:
    late = threading.Event()
    busy = Busy("logs:CreateExportTask", "LimitExceededException", "taken")

    def refused() -> None:
        raise busy

    questions: dict[str, Question] = {"late": late.wait, "refused": refused, "known": lambda: 7}
    heard = side_by_side(questions, timedelta(seconds=60), lambda asked, _: _wait_but_for(asked))
    late.set()
    assert heard["known"] == 7
    assert heard["refused"] is busy
    assert isinstance(heard["late"], OutOfTime)


def _wait_but_for(asked: Asked) -> None:
    wait([future for name, future in asked.items() if name != "late"])


def test_a_defect_is_no_answer() -> None:
    def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        side_by_side({"broken": broken}, timedelta(seconds=60))
