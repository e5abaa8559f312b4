"""The two emulators behind one face: to arrange, to look, and to let time pass."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any, Protocol

import boto3
from botocore.config import Config

from dcp_engine.clock import SystemClock
from dcp_engine.simulation.launch import request_fleet
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.contract.ministack import ACCOUNT, REGION, ROOT, Ministack

FLEET_TAG = "aws:ec2spot:fleet-request-id"


class Backend(Protocol):
    """One emulator."""

    name: str
    account: str
    region: str
    clock: VirtualClock
    """The engine's own."""

    def client(self, service: str) -> Any:
        """To arrange and to look, as somebody who may do anything."""

    def environment(self) -> dict[str, str]:
        """What leads any AWS SDK to it."""

    def now(self) -> datetime:
        """Its own time."""

    def wait(self, seconds: float) -> None:
        """Let it come to rest, as it would within that time."""

    def fleet(self, machines: int) -> tuple[str, list[str]]:
        """The id of a fleet, and its running machines."""

    def tags(self, fleet_id: str) -> dict[str, str]:
        """The tags of a fleet."""


class OnSimulation:
    """The project's own, on a virtual clock."""

    name = "simulation"

    def __init__(self, simulated: SimulatedAws, clock: VirtualClock) -> None:
        self.simulated = simulated
        self.clock = clock
        self.account = simulated.account
        self.region = simulated.region

    def client(self, service: str) -> Any:
        return self.simulated.light_client(service)

    def environment(self) -> dict[str, str]:
        return self.simulated.environment()

    def now(self) -> datetime:
        return self.clock.now()

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def fleet(self, machines: int) -> tuple[str, list[str]]:
        fleet_id = request_fleet(self.simulated, "Exp", machines)
        self.wait(300)
        ec2 = self.client("ec2")
        active = ec2.describe_spot_fleet_instances(SpotFleetRequestId=fleet_id)["ActiveInstances"]
        return fleet_id, [instance["InstanceId"] for instance in active]

    def tags(self, fleet_id: str) -> dict[str, str]:
        answer = self.client("ec2").describe_spot_fleet_requests(SpotFleetRequestIds=[fleet_id])
        return _plain(answer["SpotFleetRequestConfigs"][0]["Tags"])


class OnMinistack:
    """The one by others, in real time; whatever it does is done at once."""

    name = "ministack"
    account = ACCOUNT
    region = REGION

    def __init__(self, ministack: Ministack) -> None:
        self.clock = VirtualClock()
        self._endpoint_url = ministack.endpoint_url
        self._fleets = 0
        session: Any = boto3.Session(
            aws_access_key_id=ROOT, aws_secret_access_key=ROOT, region_name=REGION
        )
        config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30)

        @cache
        def client(service: str) -> Any:
            return session.client(service, endpoint_url=ministack.endpoint_url, config=config)

        self._client: Callable[[str], Any] = client

    def client(self, service: str) -> Any:
        return self._client(service)

    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self._endpoint_url,
            "AWS_ACCESS_KEY_ID": ROOT,
            "AWS_SECRET_ACCESS_KEY": ROOT,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def now(self) -> datetime:
        return SystemClock().now().astimezone(UTC)

    def wait(self, seconds: float) -> None:
        return

    def fleet(self, machines: int) -> tuple[str, list[str]]:
        """It has no fleets; what is left of one are machines with its tag, which AWS places."""
        self._fleets += 1
        fleet_id = f"sfr-00000000-0000-4000-8000-{self._fleets:012}"
        ec2 = self.client("ec2")
        started = ec2.run_instances(
            ImageId="ami-0123456789abcdef0", MinCount=machines, MaxCount=machines
        )
        ids = [instance["InstanceId"] for instance in started["Instances"]]
        ec2.create_tags(Resources=ids, Tags=[{"Key": FLEET_TAG, "Value": fleet_id}])
        return fleet_id, ids

    def tags(self, fleet_id: str) -> dict[str, str]:
        wanted = {"Name": "resource-id", "Values": [fleet_id]}
        return _plain(self.client("ec2").describe_tags(Filters=[wanted])["Tags"])

    def make_user(self, name: str) -> tuple[str, str]:
        """Key id and secret of a new user, who may do nothing."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]

    def allow(self, name: str, policy: dict[str, Any]) -> None:
        """Make that the user's one policy."""
        self.client("iam").put_user_policy(
            UserName=name, PolicyName="only", PolicyDocument=json.dumps(policy)
        )


def _plain(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}
