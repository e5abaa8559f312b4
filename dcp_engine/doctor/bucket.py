"""The run's bucket: where it is, and whether CloudWatch Logs may bring the logs there."""

import json

from dcp_engine.access import BucketPlace, Encryption
from dcp_engine.builtin.bucket_policy import statements
from dcp_engine.doctor.conditions import Context
from dcp_engine.doctor.finding import Finding, advice, fine, unknown, untold, wrong
from dcp_engine.doctor.holds import Holds
from dcp_engine.doctor.statements import Request, allowed
from dcp_engine.doctor.subject import Subject
from dcp_engine.errors import AwsError, Denied, Missing
from dcp_engine.model import Run
from dcp_engine.partition import partition

_POLICY = "bucket-policy"
_NO_LOGS = "the logs could not be brought to it"


def bucket(subject: Subject, seen: BucketPlace | AwsError) -> Finding:
    """Whether it is there, in the run's region, and lets us in."""
    name, called, region = "bucket", subject.run.names.bucket, subject.run.region
    if isinstance(seen, Missing):
        return wrong(
            name,
            f"There is no bucket {called}, so {_NO_LOGS}.",
            "Correct the name of the bucket, or create it, and start the cluster again.",
        )
    if isinstance(seen, AwsError):
        return untold(name, f"The bucket {called}", seen)
    if seen.region is None:
        return unknown(name, f"AWS does not tell in which region the bucket {called} is.")
    if seen.region != region:
        return wrong(
            name,
            f"The bucket {called} is in {seen.region}, the run in {region}, and CloudWatch Logs "
            f"exports only to buckets of its own region: {_NO_LOGS}.",
            f"Use a bucket in {region} for the next run. This one can only end without its logs in "
            f"the bucket: `dcp-engine waive {subject.name} logs` at its end; they stay in "
            "CloudWatch.",
        )
    if not seen.open:
        return wrong(
            name,
            f"The bucket {called} is in {region}, and you are not let in. Names of buckets are one "
            "person's in all of AWS: it may be somebody else's.",
            "If it is yours, have s3:ListBucket granted on it; `dcp-engine iam-policy` prints the "
            "whole policy.",
        )
    return fine(name, f"{called} is in {region}.")


def bucket_policy(subject: Subject, seen: str | AwsError | None) -> Finding | None:
    """Whether its policy lets CloudWatch Logs write there; None where there is no bucket."""
    name, run = _POLICY, subject.run
    called = run.names.bucket
    if isinstance(seen, Missing):
        return None
    if not run.account:
        return unknown(name, f"The account is not known, so the policy of {called} tells nothing.")
    if isinstance(seen, Denied):
        return unknown(
            name,
            f"The policy of {called} may not be read ({seen.operation}), so it is not known "
            "whether CloudWatch Logs may write there.",
            "Have somebody who may read it look whether it has these statements. To be allowed to "
            "read it yourself, see `dcp-engine iam-policy --doctor`.",
            copy=_needed(run),
            lasting=True,
        )
    if isinstance(seen, AwsError):
        return untold(name, f"The policy of the bucket {called}", seen)
    if seen is None:
        document = {"Version": "2012-10-17", "Statement": statements(run)}
        return wrong(
            name,
            f"The bucket {called} has no policy, so CloudWatch Logs may not write there and "
            f"{_NO_LOGS}.",
            "Give it this one (S3 console, the bucket's Permissions):",
            copy=json.dumps(document, indent=2),
        )
    return _judged(run, seen)


def _judged(run: Run, policy: str) -> Finding:
    name, called, service = _POLICY, run.names.bucket, f"logs.{run.region}.amazonaws.com"
    try:
        verdict = min(allowed(json.loads(policy), request) for request in _requests(run))
    except ValueError as error:
        return unknown(
            name,
            f"The policy of {called} could not be understood: {error}.",
            "See whether it allows what these statements allow, and forbids none of it:",
            copy=_needed(run),
            lasting=True,
        )
    if verdict is Holds.YES:
        return fine(name, f"It lets CloudWatch Logs ({service}) write to {called}.")
    if verdict is Holds.UNSURE:
        return unknown(
            name,
            f"The policy of {called} has conditions that cannot be judged from here, so it is not "
            "known whether CloudWatch Logs may write there.",
            "See whether it allows what these statements allow, and forbids none of it:",
            copy=_needed(run),
            lasting=True,
        )
    return wrong(
        name,
        f"The policy of {called} does not let CloudWatch Logs ({service}) write there for account "
        f"{run.account}, so {_NO_LOGS}.",
        "Add these statements to it (S3 console, the bucket's Permissions), and see that nothing "
        "in it forbids the same:",
        copy=_needed(run),
    )


def _needed(run: Run) -> str:
    return json.dumps(statements(run), indent=2)


def bucket_encryption(subject: Subject, seen: Encryption | AwsError | None) -> Finding | None:
    """Whether a key stands in the way of the export; None where there is nothing to say.

    Exports to buckets that are encrypted by AWS KMS work (CloudWatch Logs API Reference,
    CreateExportTask) where the key lets the service use it. The policy of a key of AWS's own cannot
    be changed (AWS KMS Developer Guide, "AWS managed keys").
    """
    name, called = "bucket-encryption", subject.run.names.bucket
    service = f"logs.{subject.run.region}.amazonaws.com"
    if isinstance(seen, Missing):
        return None
    if isinstance(seen, Denied):
        return unknown(
            name,
            f"How {called} is encrypted may not be read ({seen.operation}).",
            f"If it is encrypted with a key of AWS KMS, the key's policy must let {service} use "
            "it.",
            lasting=True,
        )
    if isinstance(seen, AwsError):
        return untold(name, f"The encryption of the bucket {called}", seen)
    if seen is None or not seen.algorithm.startswith("aws:kms"):
        return fine(name, f"{called} needs no key of AWS KMS.")
    if seen.key is None or seen.key.endswith("alias/aws/s3"):
        return wrong(
            name,
            f"{called} is encrypted with the key aws/s3 of AWS KMS. CloudWatch Logs may not use "
            f"it, and its policy cannot be changed: {_NO_LOGS}.",
            "Encrypt the bucket with Amazon S3's own keys (SSE-S3), or with a key of your own that "
            f"lets {service} use it.",
        )
    return advice(
        name,
        f"{called} is encrypted with the key {seen.key} of AWS KMS. The logs can be brought there "
        "only if the key's policy lets CloudWatch Logs use it, which cannot be seen from here.",
        f"See that it allows kms:GenerateDataKey and kms:Decrypt to {service}.",
    )


def _requests(run: Run) -> list[Request]:
    """What CloudWatch Logs asks of the bucket when it exports the run's two log groups.

    Source: Amazon CloudWatch Logs User Guide, "Export log data to Amazon S3", "Set permissions on
    an S3 bucket", whose policy shows what conditions such a request meets.
    """
    part = partition(run.region)
    arn = f"arn:{part}:s3:::{run.names.bucket}"
    services = (f"logs.{run.region}.amazonaws.com", "logs.amazonaws.com")

    def request(action: str, resource: str, group: str, **more: tuple[str, ...]) -> Request:
        source = f"arn:{part}:logs:{run.region}:{run.account}:log-group:{group}"
        context: Context = {
            "aws:SourceAccount": (run.account,),
            "aws:SourceArn": (f"{source}:*", source),
            "aws:SecureTransport": ("true",),
            "aws:PrincipalIsAWSService": ("true",),
            "aws:PrincipalServiceName": services,
            **more,
        }
        return Request(principals=services, action=action, resource=resource, context=context)

    written: dict[str, tuple[str, ...]] = {"s3:x-amz-acl": ("bucket-owner-full-control",)}
    return [
        one
        for group in run.names.log_groups
        for one in (
            request("s3:GetBucketAcl", arn, group),
            request(
                "s3:PutObject",
                f"{arn}/exportedlogs/{group}/aws-logs-write-test",
                group,
                **written,
            ),
        )
    ]
