"""AWS as far as a steady run asks it anything, on this machine, with a set latency.

It stands in for the network and for AWS, so that a benchmark measures the engine and nothing else:
every answer takes the same time and is the same each time. Answers are encoded once by botocore's
own models and remembered, whole or in pieces, for the stub must never be what is measured.

    python -m benchmarks.stub --port 0 --latency 0.03

prints the port and then a line of JSON for each line that it reads: how often which operation was
asked since the last one.
"""

import argparse
import asyncio
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any, Final

from benchmarks.instance import instance
from benchmarks.pieces import LISTS, Pieces
from dcp_engine.simulation.service_error import AwsError
from dcp_engine.simulation.service_models import ServiceModels
from dcp_engine.simulation.wire import AwsRequest, Wire

ACCOUNT = "123456789012"
KEY = "testing"
CREATED = datetime(2030, 1, 1, tzinfo=UTC)


METHOD: Final = ":method"
PATH: Final = ":path"
# What is answered to these is not the same each time, or asked for the same but once.
_NOT_REMEMBERED: Final = frozenset(
    {*LISTS, "ec2:CreateTags", "cloudwatch:GetMetricData", "logs:FilterLogEvents"}
)


def queue_of(app_name: str) -> str:
    """The queue's name of a run."""
    return f"{app_name}Queue"


def fleet_of(app_name: str) -> str:
    """The fleet id of a run, which tells its name: `Exp12` has `sfr-…00000c`."""
    return f"sfr-00000000-0000-4000-8000-{int(app_name.removeprefix('Exp')):012x}"


def machine_of(fleet_id: str, index: int) -> str:
    """The instance id of a machine of a fleet."""
    return f"i-{int(fleet_id[-12:], 16):08x}{index:09x}"


class Answers:
    """What each operation answers; `machines` is how many each fleet has.

    Every fleet has `tags` until it is given others.
    """

    def __init__(self, machines: int, jobs: int, tags: Mapping[str, str] | None = None) -> None:
        self._machines = machines
        self._jobs = jobs
        self._tags: defaultdict[str, dict[str, str]] = defaultdict(lambda: {**(tags or {})})

    def to(self, request: AwsRequest) -> dict[str, Any]:
        """The answer. Raises AwsError for what no steady run asks."""
        act = getattr(self, f"_{request.operation}", None)
        if act is None:
            raise AwsError("InvalidAction", f"{request.operation} is not answered here.")
        answer: dict[str, Any] = act(request)
        return answer

    def _GetCallerIdentity(self, request: AwsRequest) -> dict[str, Any]:
        return {"Account": ACCOUNT, "UserId": "x", "Arn": f"arn:aws:iam::{ACCOUNT}:user/bench"}

    def _GetQueueUrl(self, request: AwsRequest) -> dict[str, Any]:
        name = request.params["QueueName"]
        return {"QueueUrl": f"http://127.0.0.1/{ACCOUNT}/{name}"}

    def _GetQueueAttributes(self, request: AwsRequest) -> dict[str, Any]:
        return {
            "Attributes": {
                "ApproximateNumberOfMessages": str(self._jobs),
                "ApproximateNumberOfMessagesNotVisible": str(self._machines),
                "ApproximateNumberOfMessagesDelayed": "0",
                "CreatedTimestamp": str(int(CREATED.timestamp())),
                "MessageRetentionPeriod": "1209600",
            }
        }

    def _DescribeSpotFleetRequests(self, request: AwsRequest) -> dict[str, Any]:
        return {
            "SpotFleetRequestConfigs": [
                {
                    "SpotFleetRequestId": fleet_id,
                    "SpotFleetRequestState": "active",
                    "SpotFleetRequestConfig": {
                        "TargetCapacity": self._machines,
                        "FulfilledCapacity": float(self._machines),
                        "Type": "maintain",
                        "IamFleetRole": "x",
                        "SpotPrice": "0.10",
                    },
                    "Tags": [
                        {"Key": key, "Value": value} for key, value in self._tags[fleet_id].items()
                    ],
                    "CreateTime": CREATED,
                }
                for fleet_id in request.params["SpotFleetRequestIds"]
            ]
        }

    def _DescribeSpotFleetInstances(self, request: AwsRequest) -> dict[str, Any]:
        fleet_id = request.params["SpotFleetRequestId"]
        found = [(fleet_id, n) for n in range(self._machines)]
        page, following = _page(found, request)
        return {
            "SpotFleetRequestId": fleet_id,
            "ActiveInstances": [
                {"InstanceId": machine_of(*one), "InstanceType": "m5.xlarge"} for one in page
            ],
            **following,
        }

    def _DescribeInstances(self, request: AwsRequest) -> dict[str, Any]:
        fleets = [
            value
            for one in request.params.get("Filters", [])
            if str(one["Name"]).startswith("tag:")
            for value in one["Values"]
        ]
        found = [(fleet_id, n) for fleet_id in fleets for n in range(self._machines)]
        page, following = _page(found, request)
        return {
            "Reservations": [
                {
                    "Instances": [
                        instance(
                            machine_of(fleet_id, n),
                            fleet_id,
                            f"Exp{int(fleet_id[-12:], 16)}Worker",
                            CREATED,
                        )
                    ]
                }
                for fleet_id, n in page
            ],
            **following,
        }

    def _CreateTags(self, request: AwsRequest) -> dict[str, Any]:
        for resource in request.params["Resources"]:
            self._tags[resource].update(
                (tag["Key"], tag["Value"]) for tag in request.params["Tags"]
            )
        return {}

    def _DescribeServices(self, request: AwsRequest) -> dict[str, Any]:
        return {
            "services": [
                {
                    "serviceName": name,
                    "status": "ACTIVE",
                    "desiredCount": self._machines,
                    "runningCount": self._machines,
                    "createdAt": CREATED,
                    "taskDefinition": f"arn:aws:ecs:us-east-1:{ACCOUNT}:task-definition/x:1",
                }
                for name in request.params["services"]
            ],
            "failures": [],
        }

    def _ListTaskDefinitions(self, request: AwsRequest) -> dict[str, Any]:
        return {"taskDefinitionArns": []}

    def _DescribeAlarms(self, request: AwsRequest) -> dict[str, Any]:
        return {"MetricAlarms": [], "CompositeAlarms": []}

    def _GetMetricData(self, request: AwsRequest) -> dict[str, Any]:
        return {
            "MetricDataResults": [
                {"Id": one["Id"], "Timestamps": [], "Values": [], "StatusCode": "Complete"}
                for one in request.params["MetricDataQueries"]
            ]
        }

    def _DescribeSpotPriceHistory(self, request: AwsRequest) -> dict[str, Any]:
        return {"SpotPriceHistory": []}

    def _DescribeVolumes(self, request: AwsRequest) -> dict[str, Any]:
        return {"Volumes": []}

    def _PutMetricAlarm(self, request: AwsRequest) -> dict[str, Any]:
        return {}

    def _ListContainerInstances(self, request: AwsRequest) -> dict[str, Any]:
        return {"containerInstanceArns": []}

    def _FilterLogEvents(self, request: AwsRequest) -> dict[str, Any]:
        return {"events": []}


def _page(
    found: list[tuple[str, int]], request: AwsRequest
) -> tuple[list[tuple[str, int]], dict[str, str]]:
    """The machines of one page, and the token of the next where there is one."""
    begin = int(request.params.get("NextToken") or 0)
    end = begin + int(request.params.get("MaxResults") or 1000)
    return found[begin:end], {"NextToken": str(end)} if end < len(found) else {}


class Stub:
    """The server's memory: answers by request, and how often each operation was asked."""

    def __init__(self, answers: Answers) -> None:
        self._wire = Wire(ServiceModels())
        self._pieces = Pieces(self._wire)
        self._answers = answers
        self._known: dict[tuple[str, str, bytes], tuple[str, bytes]] = {}
        self.asked: Counter[str] = Counter()

    def reply(self, headers: dict[str, str], body: bytes) -> bytes:
        """The whole HTTP answer."""
        scope = headers.get("authorization", "").partition("Credential=")[2].split(",")[0]
        what = headers.get("x-amz-target") or f"{headers[METHOD]} {headers[PATH]}"
        key = scope.partition("/")[2], what, body
        operation, answer = self._known.get(key) or self._made(headers, body)
        if operation not in _NOT_REMEMBERED:
            self._known[key] = operation, answer
        self.asked[operation] += 1
        return b"HTTP/1.1 " + answer.replace(b"\0", formatdate(usegmt=True).encode(), 1)

    def _made(self, headers: dict[str, str], body: bytes) -> tuple[str, bytes]:
        environ = {f"HTTP_{name.upper().replace('-', '_')}": v for name, v in headers.items()}
        asked = {"REQUEST_METHOD": headers[METHOD], "RAW_URI": headers[PATH]}
        request = self._wire.decode({**environ, **asked}, body)
        try:
            made = self._pieces.encode(request, self._answers.to(request))
        except AwsError as error:
            made = self._wire.encode_error(request, error)
        told = {name: v for name, v in made.headers.items() if name.lower() != "content-length"}
        lines = [f"{made.status} Stub", "Date: \0", f"Content-Length: {len(made.body)}"]
        lines += [f"{name}: {value}" for name, value in told.items()]
        body = b"" if headers[METHOD] == "HEAD" else made.body
        text = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
        return request.name, text


class Connection(asyncio.Protocol):
    """One connection, kept open; its requests are answered in their order."""

    def __init__(self, stub: Stub, latency: float) -> None:
        self._stub = stub
        self._latency = latency
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            first, *lines = head.decode("latin-1").split("\r\n")
            pairs = (line.partition(":") for line in lines)
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            headers[METHOD], headers[PATH], _ = first.split(" ")
            length = int(headers.get("content-length", "0"))
            if len(rest) < length:
                if not rest and "expect" in headers:
                    # The body of an object for S3 only comes when it is called for.
                    self._send(b"HTTP/1.1 100 Continue\r\n\r\n")
                return
            self._buffer = rest[length:]
            answer = self._stub.reply(headers, rest[:length])
            asyncio.get_running_loop().call_later(self._latency, self._send, answer)

    def _send(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


async def serve(stub: Stub, port: int, latency: float) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(stub, latency), "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(stub.asked), flush=True)
        stub.asked.clear()
    server.close()


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.03, help="seconds for every answer")
    parser.add_argument("--machines", type=int, default=4, help="of each fleet")
    parser.add_argument("--jobs", type=int, default=1000, help="waiting in each queue")
    parser.add_argument("--tags", type=json.loads, help="of every fleet, as JSON")
    given = parser.parse_args()
    stub = Stub(Answers(given.machines, given.jobs, given.tags))
    asyncio.run(serve(stub, given.port, given.latency))


if __name__ == "__main__":
    main()
