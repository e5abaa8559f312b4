"""What was answered before: for stale reads, and for lists that come in short pages."""

import json
import threading
from collections.abc import Mapping

from dcp_engine.simulation.in_process import Reply
from dcp_engine.simulation.wire import AwsRequest, Wire

_TOKEN = "short-page-"

PAGED: Mapping[str, tuple[str, str]] = {
    "ec2:DescribeSpotFleetRequests": ("SpotFleetRequestConfigs", "NextToken"),
    "ec2:DescribeSpotFleetInstances": ("ActiveInstances", "NextToken"),
    "ec2:DescribeSpotFleetRequestHistory": ("HistoryRecords", "NextToken"),
    "ec2:DescribeInstances": ("Reservations", "NextToken"),
    "ec2:DescribeVolumes": ("Volumes", "NextToken"),
    "ec2:DescribeSpotPriceHistory": ("SpotPriceHistory", "NextToken"),
    "ecs:ListTaskDefinitions": ("taskDefinitionArns", "nextToken"),
    "ecs:ListContainerInstances": ("containerInstanceArns", "nextToken"),
    "cloudwatch:DescribeAlarms": ("MetricAlarms", "NextToken"),
    "cloudwatch:GetMetricData": ("MetricDataResults", "NextToken"),
    "logs:FilterLogEvents": ("events", "nextToken"),
    "logs:DescribeLogGroups": ("logGroups", "nextToken"),
    "logs:DescribeExportTasks": ("exportTasks", "nextToken"),
}
"""Paged operations: the member with the list, and the one with the token."""


class Recall:
    """Safe to use from several threads."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._lock = threading.Lock()
        self._last: dict[str, Reply] = {}
        self._rest: dict[str, Reply] = {}

    def keep(self, request: AwsRequest, reply: Reply) -> None:
        """Remember a good answer to a read."""
        if reply.status < 300 and _reads(request):
            with self._lock:
                self._last[_key(request)] = reply

    def before(self, request: AwsRequest, reply: Reply) -> Reply:
        """The last answer to the same question, or this one where there was none."""
        with self._lock:
            if _reads(request) and reply.status < 300:
                self._last.setdefault(_key(request), reply)
            return self._last.get(_key(request), reply)

    def empty_page(self, request: AwsRequest, reply: Reply) -> Reply:
        """A page with nothing on it, whose token brings the answer; others go as they are."""
        paged = PAGED.get(request.name)
        if paged is None or reply.status >= 300:
            return reply
        member, token_name = paged
        result = self._wire.result_of(request, reply)
        with self._lock:
            token = f"{_TOKEN}{len(self._rest)}"
            self._rest[token] = reply
        return self._wire.encode(request, {**result, member: [], token_name: token})

    def rest(self, request: AwsRequest) -> Reply | None:
        """The answer that a token of ours stands for."""
        paged = PAGED.get(request.name)
        token = request.params.get(paged[1]) if paged else None
        with self._lock:
            return self._rest.get(str(token))


def _reads(request: AwsRequest) -> bool:
    return request.operation.startswith(("Describe", "Get", "List"))


def _key(request: AwsRequest) -> str:
    # The moments between which something is wanted move from call to call.
    moments = {"StartTime", "EndTime", "startTime", "endTime"}
    params = {name: value for name, value in request.params.items() if name not in moments}
    asked = json.dumps(params, sort_keys=True, default=str)
    return f"{request.region} {request.name} {asked}"
