"""botocore's exceptions and AWS's error codes, brought to the one taxonomy of `dcp_engine.errors`.

Every service spells the same things its own way. A code that is not listed is judged by its HTTP
status; an error that carries no code of AWS's at all came from something in between (a proxy, a
load balancer) and says nothing about the resource.
"""

import re

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from dcp_engine.aws.operations import Operation
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

# botocore's own retry tables (data/_retry.json, retries/standard.py) list most of these.
THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestThrottling",
        "RequestThrottlingException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "ThrottlingExceptions",
        "TooManyRequests",
        "TooManyRequestsException",
        "LimitExceeded",
        "LimitExceededFault",
    }
)
SERVER_TROUBLE = frozenset(
    {
        "ConflictException",
        "IDPCommunicationError",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "InternalServiceFault",
        "OperationAborted",
        "OperationAbortedException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ResourceConflict",
        "ServerException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Unavailable",
        # ECS: a change of the cluster is under way; nobody need be using it.
        "UpdateInProgressException",
    }
)
CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "InvalidToken",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
    }
)
DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AccountProblem",
        "AllAccessDisabled",
        "AuthorizationError",
        "AuthorizationErrorException",
        "Blocked",
        "NotAuthorized",
        "OptInRequired",
        "PendingVerification",
        "UnauthorizedAccess",
        "UnauthorizedException",
        "UnauthorizedOperation",
    }
)
MISSING = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "ClusterNotFoundException",
        "DashboardNotFoundError",
        "InvalidInstanceID.NotFound",
        "InvalidSpotFleetRequestId.NotFound",
        "InvalidVolume.NotFound",
        "NoSuchBucket",
        "NoSuchBucketPolicy",
        "NoSuchEntity",
        "NoSuchKey",
        "QueueDoesNotExist",
        "ResourceNotFound",
        "ResourceNotFoundException",
        # Amazon ECS API Reference, UpdateService: the service is INACTIVE, that is deleted.
        "ServiceNotActiveException",
        "ServerSideEncryptionConfigurationNotFoundError",
        "ServiceNotFoundException",
    }
)
# Where a general code means something of its own, told by the operation and by AWS's words.
BY_WORDS: tuple[tuple[str, str, str, type[AwsError]], ...] = (
    ("CreateExportTask", "LimitExceededException", "", Busy),
    # CloudWatch's quota of alarms in a region: asking again at once would not make room.
    ("PutMetricAlarm", "LimitExceeded", "", Busy),
    ("PutMetricAlarm", "LimitExceededFault", "", Busy),
    ("CreateExportTask", "ResourceNotFoundException", "bucket", Invalid),
    ("DeleteService", "InvalidParameterException", "scaled above 0", Busy),
    ("DeregisterContainerInstance", "InvalidParameterException", "not found", Missing),
    ("DeregisterContainerInstance", "InvalidParameterException", "not registered", Missing),
    ("DeregisterTaskDefinition", "ClientException", "inactive", Missing),
    ("DeregisterTaskDefinition", "ClientException", "unable to describe", Missing),
)
NO_CREDENTIALS = (
    boto.ConfigParseError,
    boto.CredentialRetrievalError,
    boto.InvalidConfigError,
    boto.LoginError,
    boto.MetadataRetrievalError,
    boto.MissingDependencyException,
    boto.NoAuthTokenError,
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.ProfileNotFound,
    boto.RefreshWithMFAUnsupportedError,
    boto.SSOError,
    boto.TokenRetrievalError,
    boto.UnknownCredentialError,
    # botocore asks for an MFA code on a terminal that is not there.
    EOFError,
)
# Amazon S3 API Reference, HeadBucket: a refusal tells the bucket's region too.
TELLING = ("date", "x-amz-bucket-region")
# A connection that is slow to come about, as on a busy computer, is another matter.
NO_LINE = (boto.EndpointConnectionError, boto.ProxyConnectionError)
BROKEN_LINE = (boto.ConnectionError, boto.HTTPClientError)
BROKEN_ANSWER = (
    ResponseParserError,
    boto.ChecksumError,
    boto.FlexibleChecksumError,
    boto.IncompleteReadError,
)


def translate(operation: Operation, error: Exception) -> AwsError:  # noqa: PLR0911
    """What went wrong, in the engine's taxonomy and in words. Secrets never get into the text."""
    kind = type(error).__name__
    if isinstance(error, AwsError):
        return error
    if isinstance(error, boto.ClientError):
        answered = _answered(operation, error)
        answered.told = _told(error)
        return answered
    if isinstance(error, boto.ProfileNotFound):
        named = error.kwargs.get("profile")
        return Credentials(
            operation.label,
            kind,
            f"there is no profile {named!r} in your AWS configuration. Give --profile or "
            "AWS_PROFILE a name that `aws configure list-profiles` shows",
        )
    if isinstance(error, NO_CREDENTIALS):
        return Credentials(operation.label, kind, f"{_CREDENTIALS} (botocore's reason: {kind}).")
    if isinstance(error, BROKEN_ANSWER):
        return unreadable(operation, "the answer is damaged", kind)
    if isinstance(error, BROKEN_LINE):
        return (Unreachable if isinstance(error, NO_LINE) else Transient)(
            operation.label,
            kind,
            "AWS could not be reached or did not answer in time, so nothing is known. If this "
            "lasts, check this computer's network, proxy and region",
        )
    if isinstance(error, ValueError) and "endpoint" in str(error).lower():
        return Invalid(
            operation.label,
            kind,
            "the address in AWS_ENDPOINT_URL (or endpoint_url in your AWS configuration) is not a "
            "web address like http://127.0.0.1:5000; correct it, or unset it to reach AWS itself",
        )
    if isinstance(error, boto.NoRegionError):
        return Invalid(
            operation.label,
            kind,
            "no AWS region is set: give --region, or set AWS_DEFAULT_REGION or a region in the "
            "profile",
        )
    if isinstance(error, boto.BotoCoreError):
        return Invalid(operation.label, kind, f"the request could not be made: {plain(str(error))}")
    # botocore's parsers trip over foreign bodies in many ways (KeyError, AttributeError, …).
    return unreadable(operation, "the answer could not be taken apart", kind)


def unreadable(operation: Operation, why: str, code: str = "UnreadableAnswer") -> Unreadable:
    """An answer came and does not say what it has to: not known."""
    return Unreadable(operation.label, code, f"AWS's answer could not be read: {why}")


def plain(message: str) -> str:
    """AWS's words, safe to show: one line, no control characters, no key ids, not too long."""
    text = re.sub(r"[\x00-\x20\x7f-\x9f]+", " ", message).strip()
    text = text.partition("Encoded authorization failure message")[0].strip()
    text = re.sub(r"\b(?:AKIA|ASIA|AIDA|AROA)[A-Z0-9]{8,}", "[key id]", text)
    text = re.sub(r"//[^/@\s]+@", "//", text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


_LONGEST = 400
_CREDENTIALS = (
    "AWS does not accept the present credentials, or there are none. Nothing was read or changed, "
    "and nothing can be until somebody logs in; machines that run keep running and cost money"
)


def _answered(operation: Operation, error: boto.ClientError) -> AwsError:
    """An answer with an error status."""
    details = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = re.sub(r"[^\w.\-]+", " ", str(details.get("Code") or "")).strip()[:100]
    message = plain(str(details.get("Message") or ""))
    said = f" AWS said: {message}" if message else ""
    kind = _kind(operation, code, message, status)
    if error.operation_name != operation.name and not issubclass(kind, Transient):
        # The credentials are fetched by a call of their own (AssumeRole, GetRoleCredentials, …).
        where = re.sub(r"\W+", "", str(error.operation_name))
        return Credentials(operation.label, code, f"{_CREDENTIALS} (refused at {where}).")
    if issubclass(kind, Credentials):
        if code == "RequestTimeTooSkewed":
            return Credentials(
                operation.label, code, "this computer's clock is wrong, so AWS refuses: set it"
            )
        # AWS's own words may quote the signed request, so they stay out.
        return Credentials(operation.label, code, f"{_CREDENTIALS}.")
    words = {
        Transient: "AWS is too busy or had a failure of its own, so nothing is known.",
        Throttled: "AWS is asked too often by this account, so nothing is known.",
        Unreadable: f"an answer that is not AWS's own came (HTTP {status}), perhaps a proxy's.",
        Busy: "something else holds this at present; it is tried again later.",
        Missing: "AWS says that it does not exist.",
        Denied: "the credentials work but do not allow this; "
        + (
            f"grant {operation.permission}."
            if operation.permission
            else "it needs no permission, so a policy of the organisation forbids it."
        ),
        Invalid: "AWS will not accept this request as it stands.",
    }
    if kind is Unreadable:
        said = ""
    if operation.name.startswith("Head") and kind is Invalid and code.isdigit():
        said = " AWS gives no reason; expired credentials look like this too."
    return kind(operation.label, code or f"HTTP {status}", f"{words[kind]}{said}")


def _told(error: boto.ClientError) -> dict[str, str]:
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return {name: plain(str(headers[name])) for name in TELLING if name in headers}


def _kind(operation: Operation, code: str, message: str, status: int) -> type[AwsError]:  # noqa: PLR0911
    lower = message.lower()
    for name, special, words, kind in BY_WORDS:
        if operation.name == name and code == special and words in lower:
            return kind
    if code.startswith("ClusterContains"):
        return Busy
    if code in THROTTLED or "rate exceeded" in lower or "too many concurrent" in lower:
        return Throttled
    if code in SERVER_TROUBLE or status == 429 or status >= 500:
        return Transient
    if code in CREDENTIALS:
        return Credentials
    if code in DENIED:
        return Denied
    if code in MISSING:
        return Missing
    if not code or code.isdigit():
        return _bodiless(operation, status)
    if status in {401, 403}:
        return Denied
    return Invalid


def _bodiless(operation: Operation, status: int) -> type[AwsError]:
    """Without a code only HEAD is AWS's own (Amazon S3 API Reference, HeadObject: no body)."""
    if operation.name not in {"HeadObject", "HeadBucket"}:
        return Unreadable
    return {403: Denied, 404: Missing, 400: Invalid}.get(status, Unreadable)
