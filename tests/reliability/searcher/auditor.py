"""Looks at every request as it arrives, and holds the changing ones against the truth.

What the engine believes is asked from its store, what is true from the simulation itself; nothing
of the engine's own gate is used.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from dcp_engine.aws.operations import OPERATIONS
from dcp_engine.model import Lease, Run, State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import Launch, queue_alarm_names
from dcp_engine.simulation.machines import Machine
from dcp_engine.simulation.request_log import RecordedRequest
from dcp_engine.simulation.server import SimulatedAws

CHANGES = frozenset(operation.label for operation in OPERATIONS if operation.changes)
WHILE_WATCHED = frozenset(
    {
        "ec2:ModifySpotFleetRequest",
        "ec2:CreateTags",
        "ec2:DeleteTags",
        "cloudwatch:PutMetricAlarm",
        "cloudwatch:DeleteAlarms",
        "cloudwatch:DisableAlarmActions",
    }
)
"""What may be changed before the run is torn down."""


class Witness(Protocol):
    """What the auditor is told of the world around the requests."""

    driving: list[int]
    """Ids of the processes in whose tick we are, the innermost last."""

    def run(self) -> Run:
        """The run as it is in the store."""

    def lease(self) -> Lease | None:
        """The lease that is in force."""

    def machine_ids(self) -> Iterable[str]:
        """Every machine that the store has recorded."""

    def jobs_left(self) -> int | None:
        """How many jobs the queue truly holds; None where there is no queue."""

    def untrue(self) -> bool:
        """Whether the next count of the queue is going to be untrue."""


_UNTRUE = frozenset(kind.name for kind in (Fault.STALE, Fault.ZERO_COUNTS))
"""Faults whose answers look good and are not the truth."""
_HARMLESS = frozenset(kind.name for kind in (Fault.TRICKLES, Fault.SHORT_PAGES, Fault.ITEM_FAILED))
"""Faults after which a count of a queue is what it would have been."""


@dataclass
class Look:
    """A count of the run's queue."""

    record: RecordedRequest
    at: datetime
    jobs: int | None
    """The truth; None: there was no queue."""
    untrue: bool

    @property
    def answered(self) -> bool:
        """Whether AWS gave its answer, be it that there is no such queue."""
        return self.record.fault in {None, *_UNTRUE, *_HARMLESS}

    @property
    def honest(self) -> bool:
        """Whether the answer was the truth."""
        return self.record.fault in {None, *_HARMLESS} and not self.untrue


class Auditor:
    """Everything that is wrong is put into `wrongs`, in words."""

    def __init__(self, aws: SimulatedAws, launch: Launch, witness: Witness) -> None:
        self._aws = aws
        self._launch = launch
        self._witness = witness
        self._begin = aws.requests.begin
        self.wrongs: list[str] = []
        self.looks: list[Look] = []
        self._all: list[RecordedRequest] = []
        self.changes = 0
        self.in_tick: list[RecordedRequest] = []
        """The requests since `new_tick`."""
        self.cancelled = False
        """Whether the fleets were asked to be cancelled since the run was last seen to work."""
        aws.requests.begin = self._arrived  # type: ignore[method-assign]

    @property
    def requests(self) -> int:
        """How many requests have come."""
        return len(self._all)

    @property
    def faults(self) -> int:
        """How many requests a fault has struck."""
        return sum(record.fault is not None for record in self._all)

    def new_tick(self) -> None:
        """Forget the last tick's requests."""
        self.in_tick = []

    def _arrived(self, record: RecordedRequest) -> None:
        self._begin(record)
        self._all.append(record)
        self.in_tick.append(record)
        if record.name == "sqs:GetQueueAttributes" and self._is_own_queue(record.params):
            witness = self._witness
            look = Look(record, record.at, witness.jobs_left(), witness.untrue())
            self.looks.append(look)
        if record.name not in CHANGES:
            return
        self.changes += 1
        with self._aws.world.timeline.lock:
            for complaint in self._complaints(record, self._witness.run()):
                self.wrongs.append(f"{record.name} {dict(record.params)}: {complaint}")

    def _is_own_queue(self, params: Mapping[str, Any]) -> bool:
        return str(params.get("QueueUrl")).rpartition("/")[2] == self._launch.queue_name

    def _complaints(self, record: RecordedRequest, run: Run) -> Iterable[str]:
        lease, driving = self._witness.lease(), self._witness.driving
        if not driving:
            yield "nobody drives"
        elif record.name != "ec2:DeleteTags" and (lease is None or lease.holder.pid != driving[-1]):
            yield f"process {driving[-1]} changes something while the lease is {lease}"
        if record.region != run.region:
            yield f"the run's region is {run.region}"
        if run.state is State.EXPORTED and record.name != "ec2:DeleteTags":
            yield "the run has ended"
        if run.state.watches and record.name not in WHILE_WATCHED:
            yield f"the run is {run.state}"
        check = self._checks().get(record.name)
        if check is None:
            yield "nobody has thought about whose resources this may change"
        else:
            yield from check(record.params, run)

    def _checks(self) -> Mapping[str, Callable[[Mapping[str, Any], Run], Iterable[str]]]:
        names = self._launch
        service = {"cluster": names.cluster, "service": names.service}
        return {
            "ec2:ModifySpotFleetRequest": self._modify,
            "ec2:CancelSpotFleetRequests": self._cancel,
            "ec2:TerminateInstances": self._terminate,
            "ec2:CreateTags": self._tags,
            "ec2:DeleteTags": self._tags,
            "ecs:UpdateService": partial(_exactly, own={**service, "desiredCount": 0}),
            "ecs:DeleteService": partial(_exactly, own=service),
            "ecs:DeleteCluster": partial(_exactly, own={"cluster": names.cluster}),
            "ecs:DeregisterTaskDefinition": self._task_definition,
            "ecs:DeregisterContainerInstance": self._container_instance,
            "cloudwatch:PutMetricAlarm": self._new_alarm,
            "cloudwatch:DeleteAlarms": self._alarms,
            "cloudwatch:DisableAlarmActions": partial(
                _among, key="AlarmNames", own=queue_alarm_names(names.app_name)
            ),
            "cloudwatch:DeleteDashboards": partial(
                _exactly, own={"DashboardNames": [names.dashboard]}
            ),
            "sqs:DeleteQueue": self._queue,
            "logs:CreateExportTask": self._export,
            "s3:PutObject": self._account,
            "s3:DeleteObject": partial(
                _exactly,
                own={
                    "Bucket": names.bucket,
                    "Key": f"monitors/{names.app_name}SpotFleetRequestId.json",
                },
            ),
        }

    def _modify(self, params: Mapping[str, Any], run: Run) -> Iterable[str]:
        fleet = self._aws.world.fleets.find(params["SpotFleetRequestId"])
        if fleet is None or fleet.fleet_id not in run.fleet_ids:
            yield "that fleet is not the run's"
        elif int(params["TargetCapacity"]) > fleet.target:
            yield f"the target would rise from {fleet.target}"
        if params.get("ExcessCapacityTerminationPolicy") != "noTermination":
            yield "machines could end by this"
        if run.state is State.TEARDOWN:
            yield "the run is being torn down"

    def _cancel(self, params: Mapping[str, Any], run: Run) -> Iterable[str]:
        yield from _among(params, run, key="SpotFleetRequestIds", own=run.fleet_ids)
        if params.get("TerminateInstances") is not True:
            yield "its machines would run on"
        jobs = self._witness.jobs_left()
        last = self.looks[-1] if self.looks else None
        if jobs and not self.cancelled and run.abort_requested_at is None and last and last.honest:
            yield f"{jobs} jobs were there when the queue was counted last"
        self.cancelled = True

    def _terminate(self, params: Mapping[str, Any], run: Run) -> Iterable[str]:
        yield from _among(params, run, key="InstanceIds", own=self._witness.machine_ids())
        for instance_id in params["InstanceIds"]:
            machine = self._aws.world.machines.find(instance_id)
            if machine is None or machine.fleet_id not in run.fleet_ids:
                yield f"{instance_id} is no machine of the run's fleets"

    def _tags(self, params: Mapping[str, Any], run: Run) -> Iterable[str]:
        if [tag["Key"] for tag in params["Tags"]] != ["Name"]:
            yield from _among(params, run, key="Resources", own=run.fleet_ids)
            return
        volumes = self._aws.client("ec2").describe_volumes()["Volumes"]
        behind = {
            v["VolumeId"]: v["Attachments"][0]["InstanceId"] for v in volumes if v["Attachments"]
        }
        machines = {behind.get(resource, resource) for resource in params["Resources"]}
        if machines - {*self._launch.instance_ids}:
            yield "that is not a machine of the run's, nor a volume of one"
        if params["Tags"][0]["Value"] != f"{self._launch.app_name}Worker":
            yield "that is not the worker's name"
        if not run.state.watches:
            yield f"the run is {run.state}"

    def _new_alarm(self, params: Mapping[str, Any], run: Run) -> Iterable[str]:
        own = {f"{self._launch.app_name}_{i}": i for i in self._launch.instance_ids}
        watched = [{"Name": "InstanceId", "Value": own.get(params["AlarmName"])}]
        if params["AlarmName"] not in own or list(params["Dimensions"]) != watched:
            yield "that is not the idle alarm of a machine of the run's"
        if not run.state.watches:
            yield f"the run is {run.state}"

    def _account(self, params: Mapping[str, Any], run: Run) -> Iterable[str]:
        folder = f"exportedlogs/{self._launch.log_group}/{run.id}/"
        files = [f"{folder}{name}" for name in ("report.html", "summary.json", "monitor.json")]
        if params["Bucket"] != self._launch.bucket or params["Key"] not in files:
            yield "that is not where the account of the run goes"
        if run.state is not State.TEARDOWN:
            yield f"the run is {run.state}"

    def _alarms(self, params: Mapping[str, Any], run: Run) -> Iterable[str]:
        own = {f"{self._launch.app_name}_{i}": i for i in self._launch.instance_ids}
        pair = queue_alarm_names(self._launch.app_name)
        for name in params["AlarmNames"]:
            if name not in own:
                if name not in pair or run.state.watches:
                    yield f"{name} is not to go"
                continue
            machine = self._aws.world.machines.find(own[name])
            if machine is not None and machine.alive:
                yield f"the machine that {name} watches is alive"

    def _task_definition(self, params: Mapping[str, Any], run: Run) -> Iterable[str]:
        name = str(params["taskDefinition"]).rpartition("/")[2]
        if name.rpartition(":")[0] != self._launch.task_family:
            yield "that is another family"
        yield from _among(
            {"taskDefinition": [params["taskDefinition"]]},
            run,
            key="taskDefinition",
            own=run.identities.task_definitions,
        )

    def _container_instance(self, params: Mapping[str, Any], run: Run) -> Iterable[str]:
        arn = str(params["containerInstance"])
        listed = self._aws.world.moto.backend("ecs", run.region).container_instances
        found = [
            each.ec2_instance_id
            for each in listed.get(self._launch.cluster, {}).values()
            if each.container_instance_arn == arn
        ]
        for instance_id in found:
            machine = self._aws.world.machines.find(instance_id)
            if not self._is_dead_own(machine):
                yield f"{instance_id} behind it is not one of the run's dead machines"

    def _is_dead_own(self, machine: Machine | None) -> bool:
        return (
            machine is not None and machine.fleet_id in self._launch.fleet_ids and not machine.alive
        )

    def _queue(self, params: Mapping[str, Any], run: Run) -> Iterable[str]:
        if not self._is_own_queue(params):
            yield "that is not the run's queue"
        if run.keep_queue:
            yield "a person asked to keep it"
        jobs = self._witness.jobs_left()
        last = self.looks[-1] if self.looks else None
        if jobs and run.abort_requested_at is None and last and last.honest:
            yield f"{jobs} jobs were in it when it was counted last"

    def _export(self, params: Mapping[str, Any], run: Run) -> Iterable[str]:
        groups = (self._launch.log_group, self._launch.per_instance_log_group)
        if params["logGroupName"] not in groups:
            yield "that is not the run's log group"
        if params["destination"] != self._launch.bucket:
            yield "that is not the run's bucket"
        if params["destinationPrefix"] != f"exportedlogs/{params['logGroupName']}":
            yield "that is not where its logs go"


def _exactly(params: Mapping[str, Any], run: Run, *, own: Mapping[str, Any]) -> Iterable[str]:
    if dict(params) != dict(own):
        yield f"only {dict(own)} is the run's"


def _among(params: Mapping[str, Any], run: Run, *, key: str, own: Iterable[str]) -> Iterable[str]:
    strangers = set(params[key]) - set(own)
    if strangers or not params[key]:
        yield f"{sorted(strangers)} is not the run's"
