"""Every spelling of every service ends in the one taxonomy, in words and without secrets."""

from typing import Any

import pytest
from botocore import exceptions as boto

from dcp_engine.aws import operations as op
from dcp_engine.aws.taxonomy import plain, translate
from dcp_engine.errors import (
    AwsError,
    Busy,
    Credentials,
    Denied,
    Invalid,
    Missing,
    Throttled,
    Transient,
    Unreachable,
    Unreadable,
)

PARAMS: dict[str, dict[str, Any]] = {
    "sqs:GetQueueUrl": {"QueueName": "Exp1Queue"},
    "ec2:DescribeSpotFleetRequests": {},
    "ec2:DescribeInstances": {},
    "ecs:DescribeServices": {"services": ["Exp1Service"]},
    "ecs:DeleteService": {"cluster": "lab", "service": "Exp1Service"},
    "ecs:UpdateService": {"cluster": "lab", "service": "Exp1Service", "desiredCount": 0},
    "ecs:DeleteCluster": {"cluster": "lab"},
    "ecs:DeregisterTaskDefinition": {
        "taskDefinition": "arn:aws:ecs:us-east-1:123456789012:task-definition/Exp1Task:3"
    },
    "cloudwatch:DescribeAlarms": {},
    "cloudwatch:DeleteDashboards": {"DashboardNames": ["Exp1"]},
    "logs:DescribeLogGroups": {},
    "logs:CreateExportTask": {
        "taskName": "Exp1",
        "logGroupName": "Exp1",
        "from": 0,
        "to": 1,
        "destination": "lab-bucket",
        "destinationPrefix": "exportedlogs/Exp1",
    },
    "s3:HeadObject": {"Bucket": "lab-bucket", "Key": "k"},
    "s3:DeleteObject": {"Bucket": "lab-bucket", "Key": "monitors/Exp1SpotFleetRequestId.json"},
    "sts:GetCallerIdentity": {},
}
BY_LABEL = {operation.label: operation for operation in op.OPERATIONS}

CASES: list[tuple[str, str, str, int, type[AwsError]]] = [
    # throttling, as each service spells it
    ("sqs:GetQueueUrl", "RequestThrottled", "", 400, Throttled),
    ("sqs:GetQueueUrl", "com.amazonaws.sqs#RequestThrottled", "", 403, Throttled),
    ("sqs:GetQueueUrl", "ThrottlingException", "", 400, Throttled),
    ("ec2:DescribeInstances", "RequestLimitExceeded", "", 503, Throttled),
    ("ec2:DescribeInstances", "EC2ThrottledException", "", 400, Throttled),
    ("ec2:DescribeInstances", "Unavailable", "", 503, Transient),
    ("ecs:DescribeServices", "ThrottlingException", "Rate exceeded", 400, Throttled),
    ("ecs:DescribeServices", "ClientException", "Too many concurrent attempts", 400, Throttled),
    ("ecs:DescribeServices", "ServerException", "", 500, Transient),
    ("cloudwatch:DescribeAlarms", "Throttling", "Rate exceeded", 400, Throttled),
    ("cloudwatch:DescribeAlarms", "LimitExceeded", "", 400, Throttled),
    ("cloudwatch:DeleteDashboards", "InternalServiceError", "", 500, Transient),
    ("logs:DescribeLogGroups", "ThrottlingException", "", 400, Throttled),
    ("logs:DescribeLogGroups", "ServiceUnavailableException", "", 500, Transient),
    ("logs:CreateExportTask", "OperationAbortedException", "", 400, Transient),
    ("s3:DeleteObject", "SlowDown", "", 503, Throttled),
    ("s3:DeleteObject", "InternalError", "", 500, Transient),
    ("s3:DeleteObject", "TooManyRequests", "", 429, Throttled),
    ("sts:GetCallerIdentity", "Throttling", "", 400, Throttled),
    ("sqs:GetQueueUrl", "SomethingNew", "", 429, Transient),
    ("sqs:GetQueueUrl", "SomethingNew", "", 502, Transient),
    ("s3:HeadObject", "", "", 503, Transient),
    # credentials
    ("sqs:GetQueueUrl", "InvalidClientTokenId", "", 403, Credentials),
    ("sqs:GetQueueUrl", "ExpiredToken", "", 403, Credentials),
    ("ec2:DescribeInstances", "AuthFailure", "", 401, Credentials),
    ("ec2:DescribeInstances", "RequestExpired", "", 400, Credentials),
    ("ecs:DescribeServices", "UnrecognizedClientException", "", 400, Credentials),
    ("ecs:DescribeServices", "ExpiredTokenException", "", 400, Credentials),
    ("logs:DescribeLogGroups", "InvalidSignatureException", "", 400, Credentials),
    ("s3:DeleteObject", "InvalidAccessKeyId", "", 403, Credentials),
    ("s3:DeleteObject", "SignatureDoesNotMatch", "", 403, Credentials),
    ("s3:DeleteObject", "RequestTimeTooSkewed", "", 403, Credentials),
    ("sts:GetCallerIdentity", "ExpiredToken", "", 403, Credentials),
    # denied
    ("sqs:GetQueueUrl", "AccessDenied", "", 403, Denied),
    ("ec2:DescribeInstances", "UnauthorizedOperation", "", 403, Denied),
    ("ecs:DescribeServices", "AccessDeniedException", "", 400, Denied),
    ("cloudwatch:DescribeAlarms", "AccessDenied", "", 403, Denied),
    ("s3:HeadObject", "", "", 403, Denied),
    ("ecs:DescribeServices", "SomethingNew", "", 403, Denied),
    # missing
    ("sqs:GetQueueUrl", "AWS.SimpleQueueService.NonExistentQueue", "", 400, Missing),
    ("sqs:GetQueueUrl", "com.amazonaws.sqs#QueueDoesNotExist", "", 400, Missing),
    ("ec2:DescribeSpotFleetRequests", "InvalidSpotFleetRequestId.NotFound", "", 400, Missing),
    ("ec2:DescribeInstances", "InvalidInstanceID.NotFound", "", 400, Missing),
    ("ecs:DescribeServices", "ClusterNotFoundException", "", 400, Missing),
    ("ecs:DeleteService", "ServiceNotFoundException", "", 400, Missing),
    ("ecs:UpdateService", "ServiceNotActiveException", "", 400, Missing),
    ("ecs:DeregisterTaskDefinition", "ClientException", "it is INACTIVE", 400, Missing),
    ("cloudwatch:DeleteDashboards", "ResourceNotFound", "", 404, Missing),
    ("logs:CreateExportTask", "ResourceNotFoundException", "no log group", 400, Missing),
    ("s3:HeadObject", "", "", 404, Missing),
    ("s3:DeleteObject", "NoSuchBucket", "", 404, Missing),
    # busy
    ("logs:CreateExportTask", "LimitExceededException", "", 400, Busy),
    ("ecs:DeleteCluster", "ClusterContainsServicesException", "", 400, Busy),
    ("ecs:DeleteCluster", "ClusterContainsContainerInstancesException", "", 400, Busy),
    ("ecs:DeleteCluster", "ClusterContainsTasksException", "", 400, Busy),
    ("ecs:DeleteCluster", "UpdateInProgressException", "", 400, Transient),
    # never
    ("ec2:DescribeInstances", "InvalidParameterValue", "", 400, Invalid),
    ("ecs:DeregisterTaskDefinition", "ClientException", "odd", 400, Invalid),
    ("logs:CreateExportTask", "InvalidParameterException", "no such bucket", 400, Invalid),
    ("logs:CreateExportTask", "ResourceNotFoundException", "bucket not there", 400, Invalid),
    ("s3:HeadObject", "", "", 400, Invalid),
]


@pytest.mark.parametrize(("label", "code", "message", "status", "expected"), CASES)
def test_each_spelling_on_the_wire(
    bench: Any, label: str, code: str, message: str, status: int, expected: type[AwsError]
) -> None:
    bench.line.on(label, bench.line.error(label, code, message, status))
    # botocore asks for the bucket's region when HEAD is answered with 400.
    bench.line.on("s3:HeadBucket", bench.line.raw(b"", status=400))
    with pytest.raises(AwsError) as caught:
        bench.edge.once(BY_LABEL[label], **PARAMS[label])
    assert type(caught.value) is expected
    assert caught.value.operation == label
    assert str(caught.value).startswith(f"{label}: ")
    assert caught.value.code


@pytest.mark.parametrize("label", ["sqs:GetQueueUrl", "ec2:DescribeInstances", "s3:DeleteObject"])
@pytest.mark.parametrize("status", [302, 400, 403, 404, 407])
def test_a_page_from_a_proxy_says_nothing_about_aws(bench: Any, label: str, status: int) -> None:
    page = b"<html><body><b>Not here</b></body></html>"
    bench.line.on(label, bench.line.raw(page, status=status))
    with pytest.raises(Unreadable) as caught:
        bench.edge.once(BY_LABEL[label], **PARAMS[label])
    assert "html" not in str(caught.value)


URL = {"endpoint_url": "https://user:secret@proxy"}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (boto.EndpointConnectionError(**URL), Unreachable),
        (boto.ConnectTimeoutError(**URL), Transient),
        (boto.ReadTimeoutError(**URL), Transient),
        (boto.ConnectionClosedError(**URL), Transient),
        (boto.SSLError(endpoint_url="u", error=OSError("secret")), Transient),
        (boto.ProxyConnectionError(proxy_url="http://user:secret@proxy"), Unreachable),
        (boto.HTTPClientError(error="secret"), Transient),
        (boto.ResponseStreamingError(error="secret"), Transient),
        (boto.IncompleteReadError(actual_bytes=1, expected_bytes=2), Unreadable),
        (AttributeError("'list' object has no attribute 'items'"), Unreadable),
        (boto.NoCredentialsError(), Credentials),
        (boto.PartialCredentialsError(provider="env", cred_var="secret"), Credentials),
        (boto.CredentialRetrievalError(provider="p", error_msg="secret"), Credentials),
        (boto.SSOTokenLoadError(error_msg="secret"), Credentials),
        (boto.UnauthorizedSSOTokenError(), Credentials),
        (boto.TokenRetrievalError(provider="sso", error_msg="secret"), Credentials),
        (boto.LoginRefreshRequired(), Credentials),
        (boto.ProfileNotFound(profile="lab"), Credentials),
        (boto.NoRegionError(), Invalid),
        (boto.ParamValidationError(report="bad"), Invalid),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.__name__,
)
def test_each_failure_on_this_side(error: Exception, expected: type[AwsError]) -> None:
    translated = translate(op.GET_QUEUE_URL, error)
    assert type(translated) is expected
    assert "secret" not in str(translated)


def test_denied_names_the_permission_to_grant(bench: Any) -> None:
    bench.line.on("s3:HeadObject", bench.line.error("s3:HeadObject", "", status=403))
    with pytest.raises(Denied, match="grant s3:GetObject"):
        bench.edge.once(op.HEAD_OBJECT, **PARAMS["s3:HeadObject"])


def test_the_words_of_a_credentials_error_never_quote_the_request(bench: Any) -> None:
    quoted = "The Canonical String should have been x-amz-security-token:IQoJtoken"
    label = "sqs:GetQueueUrl"
    bench.line.on(label, bench.line.error(label, "SignatureDoesNotMatch", quoted, 403))
    with pytest.raises(Credentials) as caught:
        bench.edge.once(op.GET_QUEUE_URL, QueueName="q")
    assert "IQoJtoken" not in str(caught.value)


def test_a_role_that_cannot_be_assumed_is_a_matter_of_credentials() -> None:
    response: Any = {
        "Error": {"Code": "AccessDenied", "Message": "AKIAIOSFODNN7EXAMPLE may not"},
        "ResponseMetadata": {"HTTPStatusCode": 403},
    }
    translated = translate(op.GET_QUEUE_URL, boto.ClientError(response, "AssumeRole"))
    assert type(translated) is Credentials
    assert "AssumeRole" in str(translated)


def test_a_throttled_role_passes_by_itself() -> None:
    response: Any = {
        "Error": {"Code": "Throttling"},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    assert type(translate(op.GET_QUEUE_URL, boto.ClientError(response, "AssumeRole"))) is Throttled


def test_shown_words_are_one_plain_line() -> None:
    text = plain("no\x1b[31m\r\nAKIAIOSFODNN7EXAMPLE https://me:pw@host/ " + "x" * 1000)
    assert text.isprintable()
    assert "AKIA" not in text
    assert "pw" not in text
    assert len(text) < 410
    assert plain("You may not. Encoded authorization failure message: aGVsbG8") == "You may not."


def test_a_profile_that_is_not_there_is_named() -> None:
    error = translate(op.GET_QUEUE_URL, boto.ProfileNotFound(profile="nope"))
    assert isinstance(error, Credentials)
    assert "'nope'" in str(error)


def test_an_endpoint_that_is_no_address_is_said_to_be_one() -> None:
    error = translate(op.GET_QUEUE_URL, ValueError("Invalid endpoint: garbage"))
    assert isinstance(error, Invalid)
    assert "AWS_ENDPOINT_URL" in str(error)


def test_a_refusal_where_no_permission_is_needed_names_none() -> None:
    response: Any = {
        "Error": {"Code": "AccessDenied"},
        "ResponseMetadata": {"HTTPStatusCode": 403},
    }
    refused = boto.ClientError(response, "GetCallerIdentity")
    error = translate(op.GET_CALLER_IDENTITY, refused)
    assert isinstance(error, Denied)
    assert "None" not in str(error)
