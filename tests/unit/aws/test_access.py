"""What an examination asks: a bucket's place, policy and encryption, rights, dry runs."""

import json
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from dcp_engine.access import BucketPlace, Encryption, Wanted
from dcp_engine.aws import operations as op
from dcp_engine.aws.operations import EVERY_OPERATION, EXAMINATION, OPERATIONS, Operation
from dcp_engine.errors import (
    AwsError,
    Credentials,
    Denied,
    Invalid,
    Missing,
    Transient,
    Unreadable,
)

HEAD, POLICY, ENCRYPTION = "s3:HeadBucket", "s3:GetBucketPolicy", "s3:GetBucketEncryption"
SIMULATE, ROLE, WHO = "iam:SimulatePrincipalPolicy", "iam:GetRole", "sts:GetCallerIdentity"
DESCRIBE, CANCEL = "ec2:DescribeSpotFleetRequests", "ec2:CancelSpotFleetRequests"
TERMINATE = "ec2:TerminateInstances"
USER = "arn:aws:iam::123456789012:user/me"
ASKED = Wanted(actions=("sqs:DeleteQueue", "sqs:GetQueueUrl"), resources=("arn:q",))


def reply(bench: Any, status: int, body: bytes = b"", **headers: str) -> Any:
    made = bench.line.raw(body, status=status)
    made.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return made


# The table.


@pytest.mark.parametrize("operation", EXAMINATION, ids=lambda operation: operation.label)
def test_what_is_asked_only_here_changes_nothing(operation: Operation) -> None:
    assert not operation.changes
    reads = operation.name.startswith(("Get", "Head", "Simulate"))
    assert operation.dry or reads
    assert operation.dry is (operation.purpose == "dry run")


def test_none_of_it_is_what_a_run_needs() -> None:
    assert not {*EXAMINATION} & {*OPERATIONS}
    assert {*EVERY_OPERATION} == {*EXAMINATION, *OPERATIONS}


# The bucket.


def test_a_bucket_tells_its_region(bench: Any) -> None:
    bench.line.on(HEAD, reply(bench, 200, x_amz_bucket_region="eu-west-1"))
    assert bench.aws.access.bucket_place() == BucketPlace(region="eu-west-1")
    assert bench.line.params(HEAD) == [{"Bucket": "lab-bucket"}]


def test_a_bucket_elsewhere_is_gone_after_by_itself(bench: Any) -> None:
    bench.line.on(
        HEAD,
        reply(bench, 301, x_amz_bucket_region="eu-west-1"),
        reply(bench, 200, x_amz_bucket_region="eu-west-1"),
    )
    assert bench.aws.access.bucket_place() == BucketPlace(region="eu-west-1")


@pytest.mark.parametrize("status", [400, 403])
def test_a_bucket_that_lets_nobody_in_tells_its_region_all_the_same(
    bench: Any, status: int
) -> None:
    bench.line.on(HEAD, reply(bench, status, x_amz_bucket_region="ap-south-1"))
    assert bench.aws.access.bucket_place() == BucketPlace(region="ap-south-1", open=False)


@pytest.mark.parametrize(("status", "error"), [(403, Denied), (400, Invalid), (404, Missing)])
def test_a_refusal_that_tells_no_region(bench: Any, status: int, error: type[AwsError]) -> None:
    bench.line.on(HEAD, reply(bench, status))
    with pytest.raises(error):
        bench.aws.access.bucket_place()


def test_a_region_is_never_a_terminals_command(bench: Any) -> None:
    bench.line.on(HEAD, reply(bench, 403, x_amz_bucket_region="eu\x1b[2J-west"))
    assert "\x1b" not in bench.aws.access.bucket_place().region


def test_a_policy_is_what_it_is(bench: Any) -> None:
    bench.line.on(POLICY, bench.line.json({"Statement": []}))
    assert json.loads(bench.aws.access.bucket_policy()) == {"Statement": []}


def test_no_policy(bench: Any) -> None:
    bench.line.on(POLICY, bench.line.error(POLICY, "NoSuchBucketPolicy", status=404))
    assert bench.aws.access.bucket_policy() is None


@pytest.mark.parametrize(
    ("label", "ask"), [(POLICY, "bucket_policy"), (ENCRYPTION, "bucket_encryption")]
)
def test_no_bucket_is_not_no_policy(bench: Any, label: str, ask: str) -> None:
    bench.line.on(label, bench.line.error(label, "NoSuchBucket", status=404))
    with pytest.raises(Missing):
        getattr(bench.aws.access, ask)()


@pytest.mark.parametrize("body", [b"", b"<html></html>", b"[]", b"{", b"null"])
@pytest.mark.parametrize(
    ("label", "ask"), [(POLICY, "bucket_policy"), (ENCRYPTION, "bucket_encryption")]
)
def test_garbage_is_no_answer_of_a_bucket(bench: Any, label: str, ask: str, body: bytes) -> None:
    bench.line.on(label, bench.line.raw(body))
    with pytest.raises(Transient):
        getattr(bench.aws.access, ask)()


def rules(*defaults: str) -> bytes:
    inner = "".join(f"<Rule>{default}</Rule>" for default in defaults)
    return (
        f"<ServerSideEncryptionConfiguration>{inner}</ServerSideEncryptionConfiguration>".encode()
    )


@pytest.mark.parametrize(
    ("default", "encryption"),
    [
        ("<SSEAlgorithm>AES256</SSEAlgorithm>", Encryption(algorithm="AES256")),
        ("<SSEAlgorithm>aws:kms</SSEAlgorithm>", Encryption(algorithm="aws:kms")),
        (
            "<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>arn:k</KMSMasterKeyID>",
            Encryption(algorithm="aws:kms", key="arn:k"),
        ),
    ],
)
def test_how_a_bucket_encrypts(bench: Any, default: str, encryption: Encryption) -> None:
    wrapped = f"<ApplyServerSideEncryptionByDefault>{default}</ApplyServerSideEncryptionByDefault>"
    bench.line.on(ENCRYPTION, bench.line.raw(rules(wrapped)))
    assert bench.aws.access.bucket_encryption() == encryption


def test_a_bucket_that_does_not_encrypt(bench: Any) -> None:
    code = "ServerSideEncryptionConfigurationNotFoundError"
    bench.line.on(ENCRYPTION, bench.line.error(ENCRYPTION, code, status=404))
    assert bench.aws.access.bucket_encryption() is None


# The dashboard.


def test_a_dashboard(bench: Any) -> None:
    label = "cloudwatch:GetDashboard"
    bench.line.on(label, bench.line.json({"DashboardName": "Exp1"}))
    assert bench.aws.access.dashboard() is True
    assert bench.line.params(label) == [{"DashboardName": "Exp1"}]
    bench.line.on(label, bench.line.error(label, "ResourceNotFound", status=404))
    assert bench.aws.access.dashboard() is False


# Who we are.


def test_the_caller_and_the_time(bench: Any) -> None:
    inner = f"<Account>123456789012</Account><Arn>{USER}</Arn>"
    bench.line.on(WHO, bench.line.query("GetCallerIdentity", inner))
    caller = bench.aws.access.caller()
    assert (caller.account, caller.arn) == ("123456789012", USER)
    assert caller.said_at == bench.SERVER_DATE


def test_an_answer_without_a_date_tells_no_time(bench: Any) -> None:
    inner = b"<Account>1</Account>"
    body = b"<GetCallerIdentityResponse><GetCallerIdentityResult>" + inner
    body += b"</GetCallerIdentityResult></GetCallerIdentityResponse>"
    bench.line.on(WHO, bench.line.raw(body, date=None))
    assert bench.aws.access.caller().said_at is None


def test_a_refusal_tells_the_time_too(bench: Any) -> None:
    bench.line.on(WHO, bench.line.error(WHO, "ExpiredToken", status=403))
    with pytest.raises(Credentials) as refused:
        bench.aws.access.caller()
    assert parsedate_to_datetime(refused.value.told["date"]) == bench.SERVER_DATE
    assert "date" not in AwsError("a", "b", "c").told


# Rights.


def result(action: str, decision: str, *, of: str | None = None, organisation: str = "true") -> str:
    single = (
        "<ResourceSpecificResults><member>"
        f"<EvalResourceName>{of}</EvalResourceName>"
        f"<EvalResourceDecision>{decision}</EvalResourceDecision>"
        "</member></ResourceSpecificResults>"
        if of
        else ""
    )
    return (
        f"<member><EvalActionName>{action}</EvalActionName><EvalDecision>{decision}</EvalDecision>"
        "<OrganizationsDecisionDetail>"
        f"<AllowedByOrganizations>{organisation}</AllowedByOrganizations>"
        f"</OrganizationsDecisionDetail>{single}</member>"
    )


def results(bench: Any, *members: str, more: str = "") -> Any:
    inner = f"<EvaluationResults>{''.join(members)}</EvaluationResults>{more}"
    return bench.line.query("SimulatePrincipalPolicy", inner)


def test_what_is_allowed_and_what_is_not(bench: Any) -> None:
    bench.line.on(
        SIMULATE,
        results(
            bench,
            result("sqs:GetQueueUrl", "allowed", of="arn:q"),
            result("sqs:DeleteQueue", "explicitDeny", of="arn:q", organisation="false"),
        ),
    )
    (refused,) = bench.aws.access.refused(USER, ASKED)
    assert (refused.action, refused.resource) == ("sqs:DeleteQueue", "arn:q")
    assert refused.explicit
    assert refused.above
    assert bench.line.params(SIMULATE) == [
        {
            "PolicySourceArn": USER,
            "ActionNames": ["sqs:DeleteQueue", "sqs:GetQueueUrl"],
            "ResourceArns": ["arn:q"],
        }
    ]


def test_what_is_about_everything_names_no_resource(bench: Any) -> None:
    asked = Wanted(
        actions=("ec2:CreateTags",),
        resources=("*",),
        context={"aws:TagKeys": ("a", "b"), "ec2:key": ("v", "w")},
    )
    bench.line.on(SIMULATE, results(bench, result("ec2:CreateTags", "implicitDeny")))
    (refused,) = bench.aws.access.refused(USER, asked)
    assert (refused.resource, refused.explicit, refused.above) == ("*", False, False)
    (params,) = bench.line.params(SIMULATE)
    assert "ResourceArns" not in params
    assert params["ContextEntries"] == [
        {
            "ContextKeyName": "aws:TagKeys",
            "ContextKeyType": "stringList",
            "ContextKeyValues": ["a", "b"],
        },
        {"ContextKeyName": "ec2:key", "ContextKeyType": "string", "ContextKeyValues": ["v"]},
    ]


def test_all_pages_are_read(bench: Any) -> None:
    more = "<IsTruncated>true</IsTruncated><Marker>next</Marker>"
    bench.line.on(
        SIMULATE,
        results(bench, result("sqs:GetQueueUrl", "allowed", of="arn:q"), more=more),
        results(bench, result("sqs:DeleteQueue", "implicitDeny", of="arn:q")),
    )
    assert len(bench.aws.access.refused(USER, ASKED)) == 1
    assert [each.get("Marker") for each in bench.line.params(SIMULATE)] == [None, "next"]


def test_an_action_that_is_not_judged_is_not_allowed(bench: Any) -> None:
    bench.line.on(SIMULATE, results(bench, result("sqs:GetQueueUrl", "allowed", of="arn:q")))
    with pytest.raises(Unreadable, match="sqs:deletequeue"):
        bench.aws.access.refused(USER, ASKED)


def test_a_role_has_a_path(bench: Any) -> None:
    arn = "arn:aws:iam::123456789012:role/lab/Imaging"
    bench.line.on(ROLE, bench.line.query("GetRole", f"<Role><Arn>{arn}</Arn></Role>"))
    assert bench.aws.access.role_arn("Imaging") == arn
    bench.line.on(ROLE, bench.line.error(WHO, "NoSuchEntity", status=404))
    with pytest.raises(Missing):
        bench.aws.access.role_arn("Imaging")


# Dry runs.


def dry(bench: Any, label: str, code: str, status: int = 412) -> None:
    bench.line.on(label, bench.line.error(label, code, status=status))


@pytest.mark.parametrize(
    ("code", "status", "may"),
    [("DryRunOperation", 412, True), ("UnauthorizedOperation", 403, False)],
)
def test_a_dry_run_tells_whether_it_would_be_allowed(
    bench: Any, code: str, status: int, may: bool
) -> None:
    dry(bench, DESCRIBE, "DryRunOperation")
    for label in (CANCEL, TERMINATE):
        dry(bench, label, code, status)
    assert bench.aws.access.may_cancel([bench.FLEET]) is may
    assert bench.aws.access.may_terminate(bench.FLEET, bench.MACHINES) is may
    assert bench.line.params(CANCEL) == [
        {"SpotFleetRequestIds": [bench.FLEET], "TerminateInstances": True, "DryRun": True}
    ]
    assert bench.line.params(TERMINATE) == [{"InstanceIds": list(bench.MACHINES), "DryRun": True}]
    assert all(each["DryRun"] for each in bench.line.params(DESCRIBE))


def test_where_dry_runs_are_carried_out_nothing_is_tried(bench: Any) -> None:
    bench.line.on(
        DESCRIBE, bench.line.ec2("DescribeSpotFleetRequests", "<spotFleetRequestConfigSet/>")
    )
    assert bench.aws.access.may_cancel([bench.FLEET]) is None
    assert bench.aws.access.may_terminate(bench.FLEET, bench.MACHINES) is None
    assert bench.line.count(CANCEL) == bench.line.count(TERMINATE) == 0


def test_nobody_can_leave_the_dry_run_out(bench: Any) -> None:
    """Whatever a caller passes, it is the edge that makes a dry run dry."""
    dry(bench, CANCEL, "DryRunOperation")
    with pytest.raises(Invalid):
        bench.edge.call(op.DRY_CANCEL_FLEETS, SpotFleetRequestIds=[bench.FLEET], DryRun=False)
    assert bench.line.params(CANCEL)[0]["DryRun"] is True


def test_an_answer_that_is_neither_is_not_guessed(bench: Any) -> None:
    dry(bench, DESCRIBE, "DryRunOperation")
    dry(bench, CANCEL, "InvalidParameterValue", 400)
    with pytest.raises(Invalid):
        bench.aws.access.may_cancel([bench.FLEET])
