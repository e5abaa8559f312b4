"""CloudWatch within AWS's limits."""

import json

import pytest

from dcp_engine.simulation.launch import make_queue_alarm
from dcp_engine.simulation.server import SimulatedAws

from .conftest import Client
from .helpers import refusal


@pytest.fixture(scope="module", autouse=True)
def many_alarms(aws: SimulatedAws) -> None:
    for number in reversed(range(130)):
        make_queue_alarm(aws, f"Many_{number:03d}", "queue")


def names(client: Client, **given: object) -> list[str]:
    answer = client("cloudwatch").describe_alarms(AlarmNamePrefix="Many_", **given)
    return [alarm["AlarmName"] for alarm in answer["MetricAlarms"]]


def test_alarms_come_50_at_a_time_in_order(client: Client) -> None:
    assert names(client) == [f"Many_{n:03d}" for n in range(50)]
    assert len(names(client, MaxRecords=100)) == 100
    pages = client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix="Many_")
    assert sum(len(page["MetricAlarms"]) for page in pages) == 130


def test_no_more_than_100_records_or_names(client: Client) -> None:
    cloudwatch = client("cloudwatch")
    assert refusal(lambda: names(client, MaxRecords=101))[0] == "ValidationError"
    some = [f"Many_{n:03d}" for n in range(101)]
    assert refusal(lambda: cloudwatch.delete_alarms(AlarmNames=some))[0] == "ValidationError"
    assert names(client)[0] == "Many_000"


def test_unknown_alarms_are_ignored(client: Client) -> None:
    client("cloudwatch").delete_alarms(AlarmNames=["Many_129", "never-there"])
    pages = client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix="Many_")
    assert sum(len(page["MetricAlarms"]) for page in pages) == 129


def test_a_new_alarm_has_no_data(client: Client) -> None:
    answer = client("cloudwatch").describe_alarms(AlarmNames=["Many_000"])
    assert answer["MetricAlarms"][0]["StateValue"] == "INSUFFICIENT_DATA"


def test_as_many_dashboards_as_possible_are_deleted(client: Client) -> None:
    cloudwatch = client("cloudwatch")
    body = json.dumps({"widgets": []})
    for name in ("First", "Second"):
        cloudwatch.put_dashboard(DashboardName=name, DashboardBody=body)
    wanted = ["never-there", "First"]
    code, status = refusal(lambda: cloudwatch.delete_dashboards(DashboardNames=wanted))
    assert (code, status) == ("ResourceNotFound", 404)
    left = [each["DashboardName"] for each in cloudwatch.list_dashboards()["DashboardEntries"]]
    assert left == ["Second"]
