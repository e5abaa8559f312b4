"""Reads AWS requests off the wire and writes replies onto it, by botocore's own service models."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

import botocore.parsers
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.serialize import get_serializer_class
from werkzeug.datastructures import Headers, MultiDict

from dcp_engine.simulation.in_process import Reply
from dcp_engine.simulation.service_error import AwsError
from dcp_engine.simulation.service_models import ServiceModels

_CREDENTIAL = re.compile(r"Credential=([^/\s,]+)/\d+/([^/]+)/([^/]+)/aws4_request")
_SERVICE_OF_SIGNING_NAME: Mapping[str, str] = {"monitoring": "cloudwatch"}
_MODELLED = frozenset({"cloudwatch", "ec2", "ecs", "iam", "logs", "sqs", "sts"})


@dataclass(frozen=True)
class AwsRequest:
    """What a request asks for."""

    service: str
    """boto3's name of the service, or `unknown` for an unsigned request."""
    operation: str
    """As in the API, such as `DescribeSpotFleetRequests`; empty where it can't be told."""
    region: str
    access_key: str
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`service:Operation`, for example `sqs:GetQueueAttributes`."""
        return f"{self.service}:{self.operation}"


class Wire:
    """Decodes requests and encodes answers."""

    def __init__(self, models: ServiceModels) -> None:
        self._models = models

    def decode(self, environ: Mapping[str, Any], body: bytes) -> AwsRequest:
        """What the request asks for; its signature is believed, not checked."""
        credential = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
        if credential is None:
            return AwsRequest("unknown", "", "", "")
        access_key, region, signing_name = credential.groups()
        service = _SERVICE_OF_SIGNING_NAME.get(signing_name, signing_name)
        if service == "s3":
            operation, params = _s3_request(environ)
        else:
            form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
            target = environ.get("HTTP_X_AMZ_TARGET", "")
            operation = target.rpartition(".")[2] or form.get("Action", "")
            params = self._params(service, operation, environ, form, body)
        return AwsRequest(service, operation, region, access_key, params)

    def _params(
        self,
        service: str,
        operation: str,
        environ: Mapping[str, Any],
        form: Mapping[str, str],
        body: bytes,
    ) -> Mapping[str, Any]:
        if service not in _MODELLED or not operation:
            return {}
        model = self._models.operation(service, operation)
        parser = PROTOCOL_PARSERS[self._models.protocol(service)](model)
        parsed: Mapping[str, Any] = parser.parse(
            {
                "method": environ.get("REQUEST_METHOD", "POST"),
                "values": MultiDict(form),
                "headers": Headers(),
                "body": body,
                "url_path": environ.get("PATH_INFO", "/"),
                "url_params": {},
            }
        )
        return parsed

    def encode(self, request: AwsRequest, result: Mapping[str, Any]) -> Reply:
        """The reply that carries `result`, keyed as in boto3."""
        model = self._models.operation(request.service, request.operation)
        serializer = get_serializer_class(request.service, self._models.protocol(request.service))
        serialized = serializer(operation_model=model).serialize(result)
        text = serialized["body"]
        return Reply(
            serialized["status_code"],
            dict(serialized["headers"]),
            text.encode() if isinstance(text, str) else text,
        )

    def result_of(self, request: AwsRequest, reply: Reply) -> dict[str, Any]:
        """What boto3 would make of a reply (`ResponseMetadata` left out)."""
        model = self._models.operation(request.service, request.operation)
        parser = botocore.parsers.create_parser(self._models.protocol(request.service))
        raw = {"body": reply.body, "headers": reply.headers, "status_code": reply.status}
        parsed: dict[str, Any] = parser.parse(raw, model.output_shape)
        parsed.pop("ResponseMetadata", None)
        return parsed

    def encode_error(self, request: AwsRequest, error: AwsError) -> Reply:
        """The reply that carries an error, the way the service's protocol does."""
        if request.service == "ec2":
            return _xml(
                error.status,
                f"<Response><Errors><Error>{_code(error)}</Error></Errors>"
                "<RequestID>simulated</RequestID></Response>",
            )
        if request.service == "s3":
            return _xml(error.status, f"<Error>{_code(error)}</Error>")
        if request.service not in _MODELLED or self._models.protocol(request.service) == "query":
            return _xml(
                error.status,
                f"<ErrorResponse><Error>{_code(error)}</Error>"
                "<RequestId>simulated</RequestId></ErrorResponse>",
            )
        shape_name, query_code = self._spellings(request.service, error.code)
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amzn-ErrorType": shape_name}
        if "awsQueryCompatible" in self._models.service(request.service).metadata:
            headers["x-amzn-query-error"] = f"{query_code};Sender"
        body = json.dumps({"__type": shape_name, "message": error.message})
        return Reply(error.status, headers, body.encode())

    def _spellings(self, service: str, code: str) -> tuple[str, str]:
        for shape in self._models.service(service).error_shapes:
            if code in (shape.name, shape.error_code):
                return shape.name, shape.error_code
        return code, code


def _code(error: AwsError) -> str:
    return f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"


def _xml(status: int, content: str) -> Reply:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{content}'
    return Reply(status, {"Content-Type": "text/xml"}, body.encode())


_BUCKET_SUBRESOURCES: Mapping[tuple[str, str], str] = {
    ("GET", "location"): "GetBucketLocation",
    ("GET", "policy"): "GetBucketPolicy",
    ("GET", "encryption"): "GetBucketEncryption",
    ("PUT", "encryption"): "PutBucketEncryption",
    ("PUT", "policy"): "PutBucketPolicy",
    ("DELETE", "policy"): "DeleteBucketPolicy",
    ("POST", "delete"): "DeleteObjects",
    ("GET", "list-type"): "ListObjectsV2",
    ("GET", "versions"): "ListObjectVersions",
}
_BUCKET_OPERATIONS: Mapping[str, str] = {
    "GET": "ListObjects",
    "PUT": "CreateBucket",
    "HEAD": "HeadBucket",
    "DELETE": "DeleteBucket",
}
_OBJECT_OPERATIONS: Mapping[str, str] = {
    "GET": "GetObject",
    "PUT": "PutObject",
    "HEAD": "HeadObject",
    "DELETE": "DeleteObject",
}


def _s3_request(environ: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """S3 says what it wants by method, path and query; other calls than these have no name here."""
    method = environ.get("REQUEST_METHOD", "GET")
    path = environ.get("RAW_URI") or environ.get("REQUEST_URI") or environ.get("PATH_INFO", "/")
    bucket, _, key = unquote(path.partition("?")[0]).lstrip("/").partition("/")
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    if not bucket:
        return "ListBuckets", {}
    if key:
        return _OBJECT_OPERATIONS.get(method, ""), {"Bucket": bucket, "Key": key, **query}
    for name in query:
        operation = _BUCKET_SUBRESOURCES.get((method, name))
        if operation is not None:
            return operation, {"Bucket": bucket, **query}
    return _BUCKET_OPERATIONS.get(method, ""), {"Bucket": bucket, **query}
