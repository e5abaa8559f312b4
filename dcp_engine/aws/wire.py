"""A look at the raw body of an answer before botocore parses it.

botocore turns some garbage into success: HTML or truncated JSON under HTTP 200 parses to a dict
with no keys, and for an operation whose answer carries nothing (DeleteQueue) that is all there
is to see. So a successful body must at least have the form of the service's protocol.
"""

import json
from typing import Any

from dcp_engine.aws.operations import EVERY_OPERATION
from dcp_engine.aws.taxonomy import unreadable


def check_body(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    """Handler of botocore's `before-parse` event; raises Unreadable for a foreign body."""
    body = response_dict.get("body")
    if not 200 <= response_dict["status_code"] < 301 or not isinstance(body, bytes):
        return
    service, name = operation_model.service_model.service_name, operation_model.name
    operation = next(
        (op for op in EVERY_OPERATION if (op.service, op.name) == (service, name)), None
    )
    if operation is None or not body.strip():
        return
    if not _has_form(operation_model.service_model.resolved_protocol, name, body):
        raise unreadable(operation, f"its body is not an answer of {service}")


def _has_form(protocol: str, name: str, body: bytes) -> bool:
    """Whether the body looks like what this protocol answers with."""
    # Amazon S3 API Reference, GetBucketPolicy: the policy as it is, a document of JSON.
    if protocol == "json" or name == "GetBucketPolicy":
        try:
            return isinstance(json.loads(body), dict)
        except ValueError:
            return False
    if protocol == "smithy-rpc-v2-cbor":
        return 0xA0 <= body[0] <= 0xBF  # RFC 8949, 3.1: a map
    if protocol in {"ec2", "query"}:
        return f"<{name}Response".encode() in body[:1000]
    # rest-xml: the other operations of S3 that are in use answer without a body.
    return name == "GetBucketEncryption" and b"<ServerSideEncryptionConfiguration" in body[:1000]
