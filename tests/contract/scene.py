"""A run on an emulator, and AWS as the engine may use it for that run."""

import random
from datetime import timedelta
from typing import Any

import msgspec

from dcp_engine.aws.cloud import BotoAws, BotoCloud
from dcp_engine.clock import Clock
from dcp_engine.defaults import Settings
from dcp_engine.model import Fleet, Identities, Names, Run, State
from tests.contract.backends import Backend

_FAR_AWAY = 1e9


def cloud_on(clock: Clock) -> BotoCloud:
    """The way to whichever AWS the environment names."""
    return BotoCloud(
        profile=None,
        region=None,
        settings=Settings(end_unjoined=True),
        clock=clock,
        rng=random.Random(5),
    )


def names_of(app_name: str) -> Names:
    """The names of a run that shares nothing with a run of another name."""
    return Names(
        app_name=app_name,
        cluster=f"{app_name}-lab",
        queue=f"{app_name}Queue",
        bucket=f"{app_name.lower()}-bucket",
        log_group=app_name,
        clean_dashboard=True,
    )


class Scene:
    """A run of which nothing is there yet."""

    def __init__(self, backend: Backend, cloud: BotoCloud, app_name: str) -> None:
        self.backend = backend
        now = backend.now()
        self.machines: tuple[str, ...] = ()
        self.names = names_of(app_name)
        self.run = Run(
            id=f"{app_name}-0123abcd",
            names=self.names,
            account=backend.account,
            region=backend.region,
            registered_at=now,
            earliest_start=now - timedelta(hours=1),
            state=State.TEARDOWN,
            state_since=now,
            identities=Identities(),
        )
        self.aws: BotoAws = cloud.bind(
            lambda: self.run,
            lambda: self.machines,
            deadline=_FAR_AWAY,
            guard=lambda: None,
        )

    def client(self, service: str) -> Any:
        """To arrange and to look."""
        return self.backend.client(service)

    def record(self, **identities: Any) -> None:
        """Remember what was seen, as the engine does."""
        changed = msgspec.structs.replace(self.run.identities, **identities)
        self.run = msgspec.structs.replace(self.run, identities=changed)

    def watching(self) -> None:
        """Go back to when the machines work."""
        self.run = msgspec.structs.replace(self.run, state=State.RUNNING)

    def own_fleets(self, *fleet_ids: str) -> None:
        """Remember these fleets as the run's."""
        now = self.backend.now()
        fleets = tuple(Fleet(id=each, added_at=now, start_time=now) for each in fleet_ids)
        self.run = msgspec.structs.replace(self.run, fleets=fleets)

    def make_queue(self, name: str | None = None, **attributes: str) -> str:
        """A queue, the run's own unless named otherwise; its address."""
        answer = self.client("sqs").create_queue(
            QueueName=name or self.names.queue, Attributes=attributes
        )
        return str(answer["QueueUrl"])

    def make_cluster(self) -> None:
        """The run's cluster."""
        self.client("ecs").create_cluster(clusterName=self.names.cluster)

    def make_task_definition(self, family: str | None = None) -> str:
        """One more revision, of the run's own family unless named otherwise; its ARN."""
        answer = self.client("ecs").register_task_definition(
            family=family or self.names.task_family,
            containerDefinitions=[{"name": "w", "image": "worker", "cpu": 10, "memory": 100}],
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def make_service(self, desired: int) -> str:
        """The run's service, in its cluster; the ARN of its task definition."""
        revision = self.make_task_definition()
        self.client("ecs").create_service(
            cluster=self.names.cluster,
            serviceName=self.names.service,
            taskDefinition=revision,
            desiredCount=desired,
        )
        return revision

    def make_alarm(self, name: str, **watched: str) -> None:
        """An alarm as DCP's worker places it, on the given dimensions."""
        self.client("cloudwatch").put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/EC2",
            MetricName="CPUUtilization",
            Dimensions=[{"Name": key, "Value": value} for key, value in watched.items()],
            Statistic="Maximum",
            ComparisonOperator="LessThanThreshold",
            Threshold=1.0,
            Period=60,
            EvaluationPeriods=15,
            AlarmActions=[f"arn:aws:automate:{self.run.region}:ec2:terminate"],
        )
