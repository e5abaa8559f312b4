"""What the caller may do, as far as IAM, or failing that EC2 by a dry run, tells."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from dcp_engine.doctor.finding import Finding, Verdict, exit_code
from dcp_engine.permissions import Scope, policy
from dcp_engine.simulation.access import Access
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.gateway import Gateway
from dcp_engine.simulation.in_process import Reply
from dcp_engine.simulation.launch import Launch
from dcp_engine.simulation.snapshot import snapshot
from dcp_engine.simulation.wire import AwsRequest
from tests.doctor.conftest import Clinic, not_fine

SIMULATE = "iam:SimulatePrincipalPolicy"
CANCEL, TERMINATE = "ec2:CancelSpotFleetRequests", "ec2:TerminateInstances"


@pytest.fixture
def access(ward: Clinic) -> Access:
    return ward.aws.world.access


@pytest.fixture
def launch(ward: Clinic) -> Launch:
    return ward.launch_next()


def permissions(ward: Clinic, launch: Launch) -> Finding:
    """What is said of them; nothing else but that nobody watches is not fine."""
    found = ward.of_file(launch)
    assert not_fine(found).keys() <= {"watched", "permissions"}
    return next(one for one in found if one.name == "permissions")


def of_run(ward: Clinic, launch: Launch) -> Scope:
    """The scope of what `iam-policy` prints for a run that is registered."""
    return Scope.of_run(ward.rig.run(ward.watched(launch)))


def without(document: Mapping[str, Any], *actions: str) -> dict[str, Any]:
    """The policy without some actions."""
    return {
        **document,
        "Statement": [
            {**one, "Action": [each for each in one["Action"] if each not in actions]}
            for one in document["Statement"]
        ],
    }


def test_the_policy_that_is_printed_is_enough(ward: Clinic, access: Access, launch: Launch) -> None:
    for document in (policy(Scope()), policy(of_run(ward, launch))):
        access.policy = document
        finding = permissions(ward, launch)
        assert finding.verdict is Verdict.FINE, finding.text


def actions(document: Mapping[str, Any]) -> Iterator[str]:
    for statement in document["Statement"]:
        yield from statement["Action"]


@pytest.mark.matrix("action", sorted(actions(policy(Scope()))), sample=3)
def test_each_action_that_is_missing_is_named(
    ward: Clinic, access: Access, launch: Launch, action: str
) -> None:
    access.policy = without(policy(Scope()), action)
    finding = permissions(ward, launch)
    assert finding.verdict is Verdict.WRONG
    assert f"{action} on " in finding.text
    assert finding.text.count(" on ") == finding.text.count(f"{action} on ")
    assert f"`dcp-engine iam-policy {launch.monitor_file}`" in str(finding.what_to_do)


def test_a_policy_for_another_run_is_not_enough(
    ward: Clinic, access: Access, launch: Launch
) -> None:
    other = of_run(ward, ward.launch_next())
    access.policy = policy(other)
    finding = permissions(ward, launch)
    assert finding.verdict is Verdict.WRONG
    # What keeps the machines from being stopped comes first.
    assert finding.text.startswith(
        "These credentials may not do what the run needs: ec2:CancelSpotFleetRequests on "
        f"spot-fleet-request/{launch.fleet_id}, "
    )
    assert " more." in finding.text


def test_the_organisation_is_told_from_ones_own_policy(
    ward: Clinic, access: Access, launch: Launch
) -> None:
    access.not_by_organisation = {"sqs:DeleteQueue"}
    finding = permissions(ward, launch)
    assert f"sqs:DeleteQueue on {launch.queue_name}" in finding.text
    assert "organisation" in str(finding.what_to_do)
    assert "iam-policy" not in str(finding.what_to_do)


@pytest.mark.parametrize("path", ["/", "/aws-reserved/sso.amazonaws.com/eu-west-1/"])
def test_a_session_is_judged_by_its_role(
    ward: Clinic, access: Access, launch: Launch, path: str
) -> None:
    access.caller, access.path = "assumed-role/AWSReservedSSO_Imaging_0123/me", path
    access.policy = without(policy(Scope()), "sqs:DeleteQueue")
    finding = permissions(ward, launch)
    assert finding.verdict is Verdict.WRONG
    assert "sqs:DeleteQueue" in finding.text


def test_a_role_that_may_not_be_looked_up_is_guessed(
    ward: Clinic, access: Access, launch: Launch
) -> None:
    access.caller = "assumed-role/Imaging/me"
    ward.aws.faults.add("iam:GetRole", Fault.DENIED, times=None)
    assert permissions(ward, launch).verdict is Verdict.FINE
    access.path = "/lab/"
    finding = permissions(ward, launch)
    assert (finding.verdict, finding.lasting) == (Verdict.UNKNOWN, True)


def test_who_is_neither_user_nor_role_is_not_judged(
    ward: Clinic, access: Access, launch: Launch
) -> None:
    access.caller = "federated-user/me"
    finding = permissions(ward, launch)
    assert finding.verdict is Verdict.UNKNOWN
    assert "federated-user/me is neither" in finding.text


def test_who_may_not_ask_iam_is_told_what_ec2_says(ward: Clinic, launch: Launch) -> None:
    """No run needs that permission, so it is no failure either."""
    ward.clock.advance(300)
    ward.aws.faults.add(SIMULATE, Fault.DENIED, times=None)
    before, asked = snapshot(ward.aws), len(ward.aws.requests)
    found = ward.of_file(launch)
    finding = not_fine(found)["permissions"]
    assert (finding.verdict, finding.lasting) == (Verdict.UNKNOWN, True)
    assert exit_code(found) == 0
    assert "iam:SimulatePrincipalPolicy" in finding.text
    assert "they may cancel its fleets and end its machines" in finding.text
    assert "--doctor" in str(finding.what_to_do)
    assert snapshot(ward.aws) == before
    tried = [r for r in list(ward.aws.requests)[asked:] if r.name in {CANCEL, TERMINATE}]
    assert [r.name for r in tried] == [CANCEL, TERMINATE]
    assert all(r.params["DryRun"] and r.error_code == "DryRunOperation" for r in tried)


@pytest.mark.parametrize(
    ("denied", "words"),
    [(CANCEL, "may not cancel its fleets:"), (TERMINATE, "may not end its machines:")],
)
def test_a_dry_run_that_is_denied_is_no_matter_of_opinion(
    ward: Clinic, launch: Launch, denied: str, words: str
) -> None:
    ward.clock.advance(300)
    ward.aws.faults.add(SIMULATE, Fault.DENIED, times=None)
    ward.aws.faults.add(denied, Fault.DENIED, times=None)
    finding = permissions(ward, launch)
    assert finding.verdict is Verdict.WRONG
    assert words in finding.text


def test_what_takes_no_notice_of_dry_runs_is_not_tried(
    ward: Clinic, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As moto alone, which would really cancel the fleet."""
    ward.clock.advance(300)
    ward.aws.faults.add(SIMULATE, Fault.DENIED, times=None)
    really = Gateway._carry_out

    def carry_out(gateway: Gateway, request: AwsRequest, *rest: Any) -> Reply:
        meant = {name: value for name, value in request.params.items() if name != "DryRun"}
        return really(gateway, dataclasses.replace(request, params=meant), *rest)

    monkeypatch.setattr(Gateway, "_carry_out", carry_out)
    before, asked = snapshot(ward.aws), len(ward.aws.requests)
    finding = permissions(ward, launch)
    assert finding.verdict is Verdict.UNKNOWN
    assert "dry run" not in finding.text
    assert snapshot(ward.aws) == before
    new = {r.name for r in list(ward.aws.requests)[asked:]}
    assert not new & {CANCEL, TERMINATE}


@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.HTML, Fault.MISSING_KEY])
def test_an_answer_that_is_none_allows_nothing(ward: Clinic, launch: Launch, fault: Fault) -> None:
    ward.aws.faults.add(SIMULATE, fault, times=None, key="EvalDecision")
    found = ward.of_file(launch)
    finding = not_fine(found)["permissions"]
    assert (finding.verdict, finding.lasting) == (Verdict.UNKNOWN, False)
    assert exit_code(found) == 3
