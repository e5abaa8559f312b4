"""Tags on spot fleet requests, and alarms whose actions are switched off and on."""

from functools import partial
from pathlib import Path

import pytest

from dcp_engine.simulation.launch import launch_run, queue_alarm_names
from dcp_engine.simulation.server import SimulatedAws

from .conftest import Client
from .helpers import refusal


@pytest.fixture(scope="module")
def fleet(aws: SimulatedAws, tmp_path_factory: pytest.TempPathFactory) -> str:
    directory: Path = tmp_path_factory.mktemp("files")
    launch = launch_run(aws, "Tagged", jobs=0, machines=1, directory=directory, auto_monitor=True)
    return launch.fleet_id


def tags(client: Client, fleet: str) -> dict[str, str]:
    answer = client("ec2").describe_spot_fleet_requests(SpotFleetRequestIds=[fleet])
    (shown,) = answer["SpotFleetRequestConfigs"]
    return {tag["Key"]: tag["Value"] for tag in shown["Tags"]}


def test_a_tag_is_made_overwritten_and_taken_away(client: Client, fleet: str) -> None:
    ec2 = client("ec2")
    before = tags(client, fleet)
    for value in ("one", "two"):
        ec2.create_tags(Resources=[fleet], Tags=[{"Key": "driver", "Value": value}])
        assert tags(client, fleet) == {**before, "driver": value}
    ec2.delete_tags(Resources=[fleet], Tags=[{"Key": "driver", "Value": "one"}])
    assert tags(client, fleet)["driver"] == "two"
    ec2.delete_tags(Resources=[fleet], Tags=[{"Key": "driver", "Value": "two"}])
    assert tags(client, fleet) == before
    ec2.create_tags(Resources=[fleet], Tags=[{"Key": "driver", "Value": "three"}])
    ec2.delete_tags(Resources=[fleet], Tags=[{"Key": "driver"}])
    assert tags(client, fleet) == before


def test_an_unknown_fleet_fails_the_call_for_all(client: Client, fleet: str) -> None:
    before = tags(client, fleet)
    wanted = [fleet, "sfr-00000000-0000-4000-8000-000000000000"]
    for call in (client("ec2").create_tags, client("ec2").delete_tags):
        code, _ = refusal(partial(call, Resources=wanted, Tags=[{"Key": "a", "Value": "b"}]))
        assert code == "InvalidSpotFleetRequestId.NotFound"
    assert tags(client, fleet) == before


def test_aws_own_tags_are_reserved(client: Client, fleet: str) -> None:
    mine = [{"Key": "aws:mine", "Value": "b"}]
    code, _ = refusal(lambda: client("ec2").create_tags(Resources=[fleet], Tags=mine))
    assert code == "InvalidParameterValue"


def test_alarms_are_switched_off_and_on_by_name(client: Client, fleet: str) -> None:
    cloudwatch = client("cloudwatch")
    first, second = queue_alarm_names("Tagged")

    def armed() -> dict[str, bool]:
        found = cloudwatch.describe_alarms(AlarmNames=[first, second])["MetricAlarms"]
        return {alarm["AlarmName"]: alarm["ActionsEnabled"] for alarm in found}

    assert armed() == {first: True, second: True}
    cloudwatch.disable_alarm_actions(AlarmNames=[first, "never-there"])
    assert armed() == {first: False, second: True}
    cloudwatch.enable_alarm_actions(AlarmNames=[first])
    assert armed() == {first: True, second: True}
