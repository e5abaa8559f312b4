"""Bucket policies as people write them: who is let in, who is not, and what cannot be told."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from dcp_engine.doctor.bucket import bucket_policy
from dcp_engine.doctor.finding import Finding, Verdict
from dcp_engine.doctor.subject import Subject
from dcp_engine.errors import Denied
from dcp_engine.model import Run
from tests.unit.runs import run

ARN = "arn:aws:s3:::exp-bucket"
SERVICE = {"Service": "logs.us-east-1.amazonaws.com"}
OURS, THEIRS = "123456789012", "999999999999"
LOGS = f"arn:aws:logs:us-east-1:{OURS}:log-group"


def statement(**changes: Any) -> dict[str, Any]:
    both = ["s3:GetBucketAcl", "s3:PutObject"]
    usual = {
        "Effect": "Allow",
        "Principal": SERVICE,
        "Action": both,
        "Resource": [ARN, f"{ARN}/*"],
    }
    merged = {**usual, **changes}
    return {key: value for key, value in merged.items() if value is not None}


def where(**operators: Any) -> dict[str, Any]:
    return statement(Condition=operators)


def deny(**changes: Any) -> dict[str, Any]:
    return statement(**{"Effect": "Deny", "Principal": "*", "Action": "s3:*", **changes})


def judged(*statements: Any, of: Run | None = None) -> Finding:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    finding = bucket_policy(Subject(run=of or run()), json.dumps(document))
    assert finding is not None
    return finding


ACL = statement(Action="s3:GetBucketAcl", Resource=ARN)
PUT = statement(Action="s3:PutObject", Resource=f"{ARN}/*")
# Amazon CloudWatch Logs User Guide, "Set permissions on an S3 bucket": of this form.
GUIDE = {
    "StringEquals": {"aws:SourceAccount": [OURS], "s3:x-amz-acl": "bucket-owner-full-control"},
    "ArnLike": {"aws:SourceArn": [f"{LOGS}:*"]},
}
LETS_IN = {
    "two statements": [ACL, PUT],
    "one statement": [statement()],
    "the service without a region": [statement(Principal={"Service": "logs.amazonaws.com"})],
    "several services": [
        statement(Principal={"Service": ["ec2.amazonaws.com", *SERVICE.values()]})
    ],
    "everybody": [statement(Principal="*")],
    "everybody, the other way": [statement(Principal={"AWS": "*"})],
    "every action": [statement(Action="*")],
    "actions in capitals": [statement(Action=["S3:GETBUCKETACL", "s3:putobject"])],
    "any letters": [statement(Action=["s3:Get*", "s3:Put?bject"])],
    "no other actions": [statement(Action=None, NotAction="s3:DeleteObject")],
    "no other resources": [statement(Resource=None, NotResource=f"{ARN}/private/*")],
    "only the exports": [ACL, statement(Action="s3:PutObject", Resource=f"{ARN}/exportedlogs/*")],
    "only one's own": [
        ACL,
        statement(
            Action="s3:PutObject",
            Resource=[f"{ARN}/exportedlogs/Exp1/*", f"{ARN}/exportedlogs/Exp1_perInstance/*"],
        ),
    ],
    "as the guide has it": [
        statement(
            Action="s3:GetBucketAcl",
            Condition={"StringEquals": {"aws:SourceAccount": [OURS]}, "ArnLike": GUIDE["ArnLike"]},
        ),
        statement(Action="s3:PutObject", Condition=GUIDE),
    ],
    "our account among others": [where(StringEquals={"aws:sourceaccount": [THEIRS, OURS]})],
    "any log group of ours": [where(ArnLike={"aws:SourceArn": f"arn:aws:logs:*:{OURS}:*"})],
    "not theirs": [where(StringNotEquals={"aws:SourceAccount": THEIRS})],
    "where it is said": [where(StringEqualsIfExists={"aws:SourceAccount": OURS})],
    "secure": [where(Bool={"aws:SecureTransport": "true"})],
    "secure, as a boolean": [where(Bool={"aws:SecureTransport": True})],
    "with an account": [where(Null={"aws:SourceAccount": "false"})],
    "a deny of insecure transport": [
        statement(),
        deny(Condition={"Bool": {"aws:SecureTransport": "false"}}),
    ],
    "a deny for all but services": [
        statement(),
        deny(
            Condition={
                "StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-lab"},
                "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
            }
        ),
    ],
    "a deny for all but this service": [statement(), deny(Principal=None, NotPrincipal=SERVICE)],
    "a deny of something else": [statement(), deny(Resource=f"{ARN}/raw/*")],
    "a deny of deleting": [statement(), statement(Effect="Deny", Action="s3:DeleteObject")],
    "a deny for others": [
        statement(),
        deny(Condition={"StringEquals": {"aws:SourceAccount": THEIRS}}),
    ],
}
LETS_NOBODY_IN = {
    "nothing": [],
    "only reading": [ACL],
    "only writing": [PUT],
    "another region's service": [statement(Principal={"Service": "logs.eu-west-1.amazonaws.com"})],
    "a service whose name begins so": [
        statement(Principal={"Service": "logs.us-east-1.amazonaws.com.example.org"})
    ],
    "people": [statement(Principal={"AWS": f"arn:aws:iam::{OURS}:root"})],
    "another bucket": [
        statement(Resource=["arn:aws:s3:::exp-bucket2", "arn:aws:s3:::exp-bucket2/*"])
    ],
    "objects alone": [statement(Resource=f"{ARN}/*")],
    "the bucket alone": [statement(Resource=ARN)],
    "another folder": [ACL, statement(Action="s3:PutObject", Resource=f"{ARN}/logs/*")],
    "one of the two groups": [
        ACL,
        statement(Action="s3:PutObject", Resource=f"{ARN}/exportedlogs/Exp1/*"),
    ],
    "another account": [where(StringEquals={"aws:SourceAccount": THEIRS})],
    "accounts but ours": [where(StringNotEquals={"aws:SourceAccount": [THEIRS, OURS]})],
    "another account's logs": [where(ArnLike={"aws:SourceArn": f"arn:aws:logs:*:{THEIRS}:*"})],
    "another region's logs": [where(ArnLike={"aws:SourceArn": f"arn:aws:logs:eu-west-1:{OURS}:*"})],
    "another group's logs": [where(ArnLike={"aws:SourceArn": f"{LOGS}:Exp10:*"})],
    "a wildcard over colons": [where(ArnLike={"aws:SourceArn": f"arn:*:{OURS}:*"})],
    "insecure": [where(Bool={"aws:SecureTransport": "false"})],
    "another ACL": [
        ACL,
        statement(Action="s3:PutObject", Condition={"StringEquals": {"s3:x-amz-acl": "private"}}),
    ],
    "denied outright": [statement(), deny()],
    "denied to the service": [statement(), deny(Principal=SERVICE)],
    "denied for our account": [
        statement(),
        deny(Condition={"StringLike": {"aws:SourceAccount": "1234*"}}),
    ],
    "denied where not encrypted and anyway": [
        statement(),
        deny(),
        deny(Condition={"Bool": {"x:y": "true"}}),
    ],
}
CANNOT_TELL = {
    "a key that is not known": [where(StringEquals={"aws:SourceOrgID": "o-lab"})],
    "an operator that is not known": [where(IpAddress={"aws:SourceAccount": "10.0.0.0/8"})],
    "a variable": [statement(Resource=[ARN, f"{ARN}/${{aws:PrincipalTag/team}}/*"])],
    "a form of the group's ARN": [
        where(ArnEquals={"aws:SourceArn": [f"{LOGS}:Exp1", f"{LOGS}:Exp1_perInstance"]})
    ],
    "a deny that may hold": [
        statement(),
        deny(Condition={"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}),
    ],
    "a deny without an organisation": [
        statement(),
        deny(Condition={"StringNotEquals": {"aws:PrincipalOrgID": "o-lab"}}),
    ],
}


@pytest.mark.parametrize("policy", LETS_IN.values(), ids=LETS_IN)
def test_it_lets_the_service_in(policy: list[Any]) -> None:
    assert judged(*policy).verdict is Verdict.FINE


@pytest.mark.parametrize("policy", LETS_NOBODY_IN.values(), ids=LETS_NOBODY_IN)
def test_it_does_not(policy: list[Any]) -> None:
    finding = judged(*policy)
    assert finding.verdict is Verdict.WRONG
    assert json.loads(str(finding.copy))[0]["Action"] == "s3:GetBucketAcl"


@pytest.mark.parametrize("policy", CANNOT_TELL.values(), ids=CANNOT_TELL)
def test_it_cannot_be_told(policy: list[Any]) -> None:
    finding = judged(*policy)
    assert (finding.verdict, finding.lasting) == (Verdict.UNKNOWN, True)
    assert finding.copy


def test_one_statement_need_not_be_in_a_list() -> None:
    document = json.dumps({"Statement": statement()})
    finding = bucket_policy(Subject(run=run()), document)
    assert finding is not None
    assert finding.verdict is Verdict.FINE


@pytest.mark.parametrize(
    "statements",
    [
        ["text"],
        [statement(Effect="allow")],
        [statement(Effect=None)],
        [statement(Principal=None)],
        [statement(Action=None)],
        [statement(Resource=None)],
        [statement(Action={"s3": "PutObject"})],
        [statement(Condition=["StringEquals"])],
        [where(StringEquals="aws:SourceAccount")],
        [where(StringEquals={"aws:SourceAccount": {"is": OURS}})],
    ],
)
def test_what_is_no_policy_is_not_judged(statements: list[Any]) -> None:
    finding = judged(*statements)
    assert finding.verdict is Verdict.UNKNOWN
    assert "could not be understood" in finding.text


@pytest.mark.parametrize("text", ["[]", "7", "null", "{", '{"Statement": 7}'])
def test_what_is_no_document_is_not_judged(text: str) -> None:
    finding = bucket_policy(Subject(run=run()), text)
    assert finding is not None
    assert finding.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("region", "part"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_other_parts_of_aws_have_other_names(region: str, part: str) -> None:
    there = run(region=region)
    lacking = judged(of=there)
    statements = json.loads(str(lacking.copy))
    assert statements[0]["Resource"] == f"arn:{part}:s3:::exp-bucket"
    assert judged(*statements, of=there).verdict is Verdict.FINE


def test_without_the_account_nothing_is_judged() -> None:
    finding = bucket_policy(Subject(run=replace(run(), account="")), "{}")
    assert finding is not None
    assert finding.verdict is Verdict.UNKNOWN


def test_who_may_not_read_it_gets_the_statements_all_the_same() -> None:
    error = Denied("s3:GetBucketPolicy", "AccessDenied", "no")
    finding = bucket_policy(Subject(run=run()), error)
    assert finding is not None
    assert (finding.verdict, finding.lasting) == (Verdict.UNKNOWN, True)
    assert json.loads(str(finding.copy))
