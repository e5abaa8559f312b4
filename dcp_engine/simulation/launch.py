"""Plays DCP's part: setup, submitJob, startCluster, and the monitor file that it writes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from dcp_engine.simulation.fleets import Fleet
from dcp_engine.simulation.machines import Kill
from dcp_engine.simulation.runs import RunPlan, RunStats, Scenario
from dcp_engine.simulation.server import SimulatedAws

_BATCH = 10
"""SQS takes up to ten messages in a SendMessageBatch."""


@dataclass
class Launch:
    """A run that was launched: its names, and what has become of it."""

    app_name: str
    cluster: str
    service: str
    task_family: str
    queue_name: str
    queue_url: str
    dead_letter_queue: str
    bucket: str
    log_group: str
    dashboard: str | None
    monitor_file: Path
    monitor_key: str | None
    """The monitor file's copy in the bucket, which Auto-Monitor puts there."""
    weights: tuple[float, ...]
    clean_dashboard: bool
    start_time: int
    """Milliseconds since 1970."""
    plan: RunPlan
    _aws: SimulatedAws
    jobs_sent: list[str] = field(default_factory=list)
    """The ids of all jobs that were submitted."""

    @property
    def fleet_ids(self) -> list[str]:
        """Every fleet of the run, oldest first."""
        return self.plan.fleet_ids

    @property
    def fleet_id(self) -> str:
        """The fleet that the monitor file names."""
        return self.plan.fleet_ids[-1]

    @property
    def fleet(self) -> Fleet:
        """That fleet, with its knobs (`capacity_limit`, `launch_error`)."""
        return self._aws.world.fleets[self.fleet_id]

    @property
    def per_instance_log_group(self) -> str:
        """The log group of the machines' metrics."""
        return self.plan.per_instance_log_group

    @property
    def stats(self) -> RunStats:
        """What the workers did."""
        return self.plan.stats

    @property
    def killed_while_working(self) -> list[Kill]:
        """Machines of this run that lost a job to an API call or a fleet's policy."""
        return [k for k in self._aws.world.killed_while_working if k.fleet_id in self.fleet_ids]

    @property
    def instance_ids(self) -> list[str]:
        """Every machine the run ever had, oldest first."""
        with self._aws.world.timeline.lock:
            machines = self._aws.world.machines.all()
        return [m.instance_id for m in machines if m.fleet_id in self.fleet_ids]

    @property
    def live_instance_ids(self) -> list[str]:
        """The machines that are pending or running now."""
        with self._aws.world.timeline.lock:
            machines = self._aws.world.machines.all()
        return [m.instance_id for m in machines if m.fleet_id in self.fleet_ids and m.alive]

    @property
    def alarm_names(self) -> list[str]:
        """The alarms that its machines, and Auto-Monitor, place."""
        names = [f"{self.app_name}_{instance_id}" for instance_id in self.instance_ids]
        if self.monitor_key is not None:
            names += queue_alarm_names(self.app_name)
        return names

    def all_jobs_done(self) -> bool:
        """Whether every job was finished at least once."""
        return all(self.stats.jobs_done[job] > 0 for job in self.jobs_sent)

    def send_jobs(self, count: int) -> list[str]:
        """Submit more jobs; their ids."""
        sqs = self._aws.light_client("sqs")
        first = len(self.jobs_sent)
        ids = [f"{self.app_name}-job-{index:05d}" for index in range(first, first + count)]
        for start in range(0, count, _BATCH):
            sqs.send_message_batch(
                QueueUrl=self.queue_url,
                Entries=[
                    {
                        "Id": str(offset),
                        "MessageBody": json.dumps({"job": job, "index": first + start + offset}),
                    }
                    for offset, job in enumerate(ids[start : start + _BATCH])
                ],
            )
        self.jobs_sent += ids
        return ids

    def start_another_fleet(self, machines: int, *, weights: tuple[float, ...] = (1.0,)) -> str:
        """Start the cluster again, as DCP does it: a new fleet, and a rewritten monitor file."""
        fleet_id = _start_fleet(self._aws, self.plan, machines, weights)
        self.start_time = _milliseconds(self._aws)
        write_monitor_file(self)
        return fleet_id


def queue_alarm_names(app_name: str) -> list[str]:
    """The two alarms on the queue that `startCluster` makes with Auto-Monitor."""
    return [
        f"ApproximateNumberOfMessagesVisibleisZero_{app_name}",
        f"ApproximateNumberOfMessagesNotVisibleisZero_{app_name}",
    ]


def launch_run(
    aws: SimulatedAws,
    app_name: str,
    *,
    jobs: int,
    machines: int,
    directory: Path,
    cluster: str = "default",
    queue: str | None = None,
    dead_letter_queue: str | None = None,
    bucket: str | None = None,
    log_group: str | None = None,
    visibility_timeout: int = 600,
    max_receive_count: int = 3,
    weights: tuple[float, ...] = (1.0,),
    target: int | None = None,
    auto_monitor: bool = False,
    dashboard: bool = True,
    clean_dashboard: bool = True,
    task_revisions: int = 3,
    scenario: Scenario | None = None,
    types: tuple[str, ...] = ("m5.xlarge",),
    valid_until: datetime | None = None,
) -> Launch:
    """Set up, submit and start a run whose machines will really work it off.

    `machines` is the service's desired count, and the fleet's target capacity unless `target`
    says otherwise (capacity is in weighted units); `weights` makes one launch specification each,
    of the `types` in turn. `valid_until` is when the fleet ends by itself.
    The machines start as soon as the world moves. Nothing of this is recorded in `aws.requests`.
    """
    plan = RunPlan(
        app_name=app_name,
        region=aws.region,
        queue_name=queue or f"{app_name}Queue",
        cluster=cluster,
        service=f"{app_name}Service",
        bucket=(bucket_name := bucket or f"{app_name.lower().replace('_', '-')}-bucket"),
        log_group=log_group or app_name,
        fleet_ids=[],
        scenario=scenario or Scenario(),
        types=types,
    )
    dead_letters = dead_letter_queue or f"{app_name}DeadMessages"
    queue_url = _make_queues(aws, plan, dead_letters, visibility_timeout, max_receive_count)
    _make_ecs(aws, plan, task_revisions, machines)
    make_bucket(aws, bucket_name)
    for group in (plan.log_group, plan.per_instance_log_group):
        make_log_group(aws, group)
    if dashboard:
        body = json.dumps({"widgets": []})
        aws.light_client("cloudwatch").put_dashboard(DashboardName=app_name, DashboardBody=body)
    launch = Launch(
        app_name=app_name,
        cluster=cluster,
        service=plan.service,
        task_family=f"{app_name}Task",
        queue_name=plan.queue_name,
        queue_url=queue_url,
        dead_letter_queue=dead_letters,
        bucket=bucket_name,
        log_group=plan.log_group,
        dashboard=app_name if dashboard else None,
        monitor_file=directory / f"{app_name}SpotFleetRequestId.json",
        monitor_key=f"monitors/{app_name}SpotFleetRequestId.json" if auto_monitor else None,
        weights=weights,
        clean_dashboard=clean_dashboard,
        start_time=_milliseconds(aws),
        plan=plan,
        _aws=aws,
    )
    launch.send_jobs(jobs)
    _start_fleet(aws, plan, machines if target is None else target, weights, valid_until)
    if auto_monitor:
        _make_queue_alarms(aws, plan)
    directory.mkdir(parents=True, exist_ok=True)
    write_monitor_file(launch)
    return launch


def monitor_values(launch: Launch) -> dict[str, str]:
    """What `startCluster` writes; every value is a string."""
    return {
        "MONITOR_FLEET_ID": launch.fleet_id,
        "MONITOR_APP_NAME": launch.app_name,
        "MONITOR_ECS_CLUSTER": launch.cluster,
        "MONITOR_QUEUE_NAME": launch.queue_name,
        "MONITOR_BUCKET_NAME": launch.bucket,
        "MONITOR_LOG_GROUP_NAME": launch.log_group,
        "MONITOR_START_TIME": str(launch.start_time),
        "CLEAN_DASHBOARD": str(launch.clean_dashboard),
    }


def write_monitor_file(launch: Launch) -> None:
    """Write the monitor file, and its copy in the bucket where there is to be one."""
    text = json.dumps(monitor_values(launch))
    launch.monitor_file.write_text(text, encoding="utf-8")
    if launch.monitor_key is not None:
        launch._aws.light_client("s3").put_object(
            Bucket=launch.bucket, Key=launch.monitor_key, Body=text.encode()
        )


def make_bucket(aws: SimulatedAws, name: str, region: str | None = None) -> None:
    """A bucket whose policy lets CloudWatch Logs export to it."""
    s3 = aws.light_client("s3")
    elsewhere = {} if region is None else {"LocationConstraint": region}
    s3.create_bucket(Bucket=name, **({"CreateBucketConfiguration": elsewhere} if elsewhere else {}))
    principal: Mapping[str, Any] = {"Service": f"logs.{aws.region}.amazonaws.com"}
    statements = [
        {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource}
        for action, resource in (
            ("s3:GetBucketAcl", f"arn:aws:s3:::{name}"),
            ("s3:PutObject", f"arn:aws:s3:::{name}/*"),
        )
    ]
    policy = {"Version": "2012-10-17", "Statement": statements}
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))


def make_log_group(aws: SimulatedAws, name: str) -> None:
    """A log group; nothing happens where it exists."""
    try:
        aws.light_client("logs").create_log_group(logGroupName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
            raise


def register_task(aws: SimulatedAws, family: str) -> str:
    """Register one more revision of a task definition; its ARN."""
    answer = aws.light_client("ecs").register_task_definition(
        family=family,
        containerDefinitions=[
            {"name": family, "image": "cellprofiler/simulated", "cpu": 1000, "memory": 4096}
        ],
    )
    return str(answer["taskDefinition"]["taskDefinitionArn"])


def make_queue_alarm(aws: SimulatedAws, name: str, queue_name: str) -> None:
    """An alarm on a queue's counts, of the kind Auto-Monitor makes."""
    aws.light_client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[{"Name": "QueueName", "Value": queue_name}],
        Statistic="Average",
        Period=300,
        EvaluationPeriods=1,
        Threshold=0.0,
        ComparisonOperator="LessThanOrEqualToThreshold",
    )


def request_fleet(
    aws: SimulatedAws,
    app_name: str,
    target: int,
    weights: tuple[float, ...] = (1.0,),
    *,
    types: tuple[str, ...] = ("m5.xlarge",),
    valid_until: datetime | None = None,
) -> str:
    """Request a spot fleet the way `startCluster` does; its id."""
    config: dict[str, Any] = {
        "IamFleetRole": f"arn:aws:iam::{aws.account}:role/aws-ec2-spot-fleet-tagging-role",
        "TargetCapacity": target,
        "Type": "maintain",
        "AllocationStrategy": "lowestPrice",
        "SpotPrice": "0.20",
        "TerminateInstancesWithExpiration": True,
        "LaunchSpecifications": [
            {
                "ImageId": "ami-0123456789abcdef0",
                "InstanceType": types[number % len(types)],
                "WeightedCapacity": weight,
            }
            for number, weight in enumerate(weights)
        ],
        "TagSpecifications": [
            {
                "ResourceType": "spot-fleet-request",
                "Tags": [{"Key": "Name", "Value": f"{app_name}SpotFleet"}],
            }
        ],
    }
    if valid_until is not None:
        config["ValidUntil"] = valid_until
    answer = aws.light_client("ec2").request_spot_fleet(SpotFleetRequestConfig=config)
    return str(answer["SpotFleetRequestId"])


def _start_fleet(
    aws: SimulatedAws,
    plan: RunPlan,
    target: int,
    weights: tuple[float, ...],
    valid_until: datetime | None = None,
) -> str:
    world = aws.world
    with world.timeline.lock:
        fleet_id = request_fleet(
            aws, plan.app_name, target, weights, types=plan.types, valid_until=valid_until
        )
        plan.fleet_ids.append(fleet_id)
        world.workers.plans[fleet_id] = plan
        fleet = world.fleets[fleet_id]
        fleet.capacity_limit = plan.scenario.capacity_limit
        fleet.launch_error = plan.scenario.launch_error
    return fleet_id


def _make_queues(
    aws: SimulatedAws,
    plan: RunPlan,
    dead_letters: str,
    visibility_timeout: int,
    max_receive_count: int,
) -> str:
    sqs = aws.light_client("sqs")
    dead_url = sqs.create_queue(QueueName=dead_letters)["QueueUrl"]
    dead = sqs.get_queue_attributes(QueueUrl=dead_url, AttributeNames=["QueueArn"])
    redrive = {
        "deadLetterTargetArn": dead["Attributes"]["QueueArn"],
        "maxReceiveCount": str(max_receive_count),
    }
    attributes = {
        "VisibilityTimeout": str(visibility_timeout),
        "MessageRetentionPeriod": "1209600",
        "RedrivePolicy": json.dumps(redrive),
    }
    answer = sqs.create_queue(QueueName=plan.queue_name, Attributes=attributes)
    return str(answer["QueueUrl"])


def _make_ecs(aws: SimulatedAws, plan: RunPlan, task_revisions: int, machines: int) -> None:
    ecs = aws.light_client("ecs")
    ecs.create_cluster(clusterName=plan.cluster)
    task = [register_task(aws, f"{plan.app_name}Task") for _ in range(max(1, task_revisions))][-1]
    service = {"cluster": plan.cluster, "desiredCount": machines, "taskDefinition": task}
    try:
        ecs.create_service(serviceName=plan.service, **service)
    except ClientError as error:
        # `setup` takes a service that is there for its own.
        if "not idempotent" not in str(error):
            raise
        ecs.update_service(service=plan.service, **service)


def _make_queue_alarms(aws: SimulatedAws, plan: RunPlan) -> None:
    for name in queue_alarm_names(plan.app_name):
        make_queue_alarm(aws, name, plan.queue_name)


def _milliseconds(aws: SimulatedAws) -> int:
    return int(aws.clock.now().timestamp() * 1000)
