"""The stub's answers in pieces are those that are encoded whole."""

import pytest

from benchmarks.pieces import Pieces
from benchmarks.stub import Answers, fleet_of
from dcp_engine.simulation.service_models import ServiceModels
from dcp_engine.simulation.wire import AwsRequest, Wire

FLEETS = [fleet_of(f"Exp{n}") for n in (0, 1, 70_000)]


@pytest.fixture(scope="module")
def wire() -> Wire:
    return Wire(ServiceModels())


def of_machines(**more: object) -> AwsRequest:
    name = "tag:aws:ec2spot:fleet-request-id"
    params = {"Filters": [{"Name": name, "Values": FLEETS}], **more}
    return AwsRequest("ec2", "DescribeInstances", "us-east-1", "key", params)


@pytest.mark.parametrize(
    "request_",
    [
        of_machines(),
        of_machines(MaxResults=5),
        of_machines(MaxResults=5, NextToken="5"),
        of_machines(NextToken="900"),
        AwsRequest(
            "ec2",
            "DescribeSpotFleetRequests",
            "us-east-1",
            "key",
            {"SpotFleetRequestIds": FLEETS},
        ),
    ],
)
def test_they_are_the_same(wire: Wire, request_: AwsRequest) -> None:
    answers = Answers(machines=3, jobs=7, tags={"a": "1 & 2"})
    told = AwsRequest(
        "ec2",
        "CreateTags",
        "us-east-1",
        "key",
        {"Resources": FLEETS[1:2], "Tags": [{"Key": "b", "Value": FLEETS[0]}]},
    )
    pieces = Pieces(wire)
    for _ in range(2):
        answer = answers.to(request_)
        assert pieces.encode(request_, answer).body == wire.encode(request_, answer).body
        answers.to(told)
