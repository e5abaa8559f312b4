"""What the engine and its plugins need of AWS, as small protocols bound to one run.

`dcp_engine.aws` implements them. Every method raises only `AwsError`s (see `dcp_engine.errors`) or
`NotOurs`; a changing method first makes sure that what it is about to change is the run's own and
that the driver still holds the run. "Already gone" is success for every method that removes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from dcp_engine.access import Access
from dcp_engine.meter import Meter
from dcp_engine.model import Cancelled, Reading, Run

# An instance that is shutting down is not billed any more (Amazon EC2 User Guide, "Instance
# lifecycle"); one that EC2 does not list has been terminated for an hour or longer.
ENDED_STATES = frozenset({"shutting-down", "terminated"})


class QueueFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of GetQueueAttributes: the counts and what identifies the queue.

    `visibility` is how long a job that was handed out stays in flight before it waits again.
    """

    url: str
    created_at: datetime
    reading: Reading
    dead_letter_queue_arn: str | None = None
    retention: timedelta | None = None
    visibility_timeout: timedelta | None = None


class FleetFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of DescribeSpotFleetRequests. Capacities in weighted units.

    `observed_at` is when AWS said so, by its own clock, and `age` how long ago that was when it was
    handed out: another run may have asked.
    """

    id: str
    state: str
    type: str
    target: int
    fulfilled: float
    largest_weight: float = 1.0
    activity: str | None = None
    bid: float | None = None
    valid_until: datetime | None = None
    tags: Mapping[str, str] = {}
    observed_at: datetime
    age: timedelta = timedelta(0)


class MachineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of DescribeInstances.

    `name` is its tag of that name, empty where it has none. `reason` and `ended_at` tell why and
    when it left the state `running`, where AWS says so. `volumes` are those attached to it.
    """

    id: str
    fleet_id: str
    state: str
    type: str
    zone: str
    launched_at: datetime | None
    name: str = ""
    reason: str | None = None
    ended_at: datetime | None = None
    volumes: tuple[str, ...] = ()


class VolumeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A volume that is attached to one of the run's machines; `name` as in MachineFacts."""

    id: str
    instance_id: str
    name: str = ""


class SpotPrice(msgspec.Struct, frozen=True, kw_only=True):
    """What an instance type cost an hour in one zone from `at` on, in dollars."""

    type: str
    zone: str
    at: datetime
    dollars: float


class MetricQuery(msgspec.Struct, frozen=True, kw_only=True):
    """One metric of CloudWatch. `statistic` is Average, Sum, Minimum, Maximum or SampleCount."""

    namespace: str
    metric: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str = "Average"


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a log stream, by the clock of the machine that wrote it."""

    at: datetime
    stream: str
    text: str


class FleetTrouble(msgspec.Struct, frozen=True, kw_only=True):
    """A record of the fleet's history that tells why machines did not come."""

    at: datetime
    kind: str
    text: str


class ServiceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of DescribeServices. `status` is ACTIVE, DRAINING or INACTIVE."""

    status: str
    desired: int
    running: int
    created_at: datetime
    task_definition: str


class ClusterFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of DescribeClusters."""

    status: str
    services: int
    running_tasks: int
    pending_tasks: int
    container_instances: int

    @property
    def unused(self) -> bool:
        """Nothing of anybody is in it (Amazon ECS API reference, DeleteCluster)."""
        return not (
            self.services or self.running_tasks or self.pending_tasks or self.container_instances
        )


class ContainerInstance(msgspec.Struct, frozen=True, kw_only=True):
    """A machine as ECS knows it."""

    arn: str
    instance_id: str


class AlarmFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A metric alarm: its name and the machine it watches, if it watches one.

    `altered` says in words what differs from the alarm as the worker places it; None when nothing
    does.
    """

    name: str
    instance_id: str | None = None
    altered: str | None = None


class QueueAlarm(msgspec.Struct, frozen=True, kw_only=True):
    """One of Auto-Monitor's two alarms; while `armed` it does something when it goes off."""

    name: str
    armed: bool


class ExportFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One export task of CloudWatch Logs. `status` is PENDING, RUNNING, COMPLETED, FAILED, …"""

    id: str
    status: str
    group: str
    start: datetime
    end: datetime
    bucket: str
    prefix: str
    message: str | None = None


class Identity(Protocol):
    """Who we are to AWS."""

    def account(self) -> str:
        """The account of the present credentials (STS GetCallerIdentity)."""

    def key_fingerprint(self) -> str:
        """A one-way fingerprint of the present access key, to notice when it changes."""


class Queue(Protocol):
    """The run's queue."""

    def look(self, url: str | None) -> QueueFacts:
        """Count it; `url` is the one recorded earlier. Raises Missing when there is none."""

    def dead_letters(self, arn: str) -> int:
        """How many messages wait in the dead-letter queue."""

    def delete(self, url: str) -> None:
        """Delete it; takes up to 60 seconds to be seen (Amazon SQS API, DeleteQueue)."""


class Capacity(Protocol):
    """The run's spot fleets."""

    def describe(self, ids: Sequence[str]) -> Mapping[str, FleetFacts | None]:
        """What each is now; None for one that AWS does not know."""

    def lately(self, ids: Sequence[str]) -> Mapping[str, FleetFacts | None]:
        """What each is, or was within the last minute when another run asked after it.

        Never for what is about to be changed, or stopped: see `describe`.
        """

    def told(self, ids: Sequence[str]) -> Mapping[str, FleetFacts] | None:
        """The same without asking anything; None where it is not known of all of them."""

    def machines(self, fleet_id: str) -> tuple[str, ...]:
        """The instance ids that are active in it, all pages. Raises Missing."""

    def troubles(self, fleet_id: str, since: datetime) -> tuple[FleetTrouble, ...]:
        """What stood in its way, from its history (kept 48 h, up to 30 s late)."""

    def prices(
        self, types: Sequence[str], since: datetime, until: datetime
    ) -> tuple[SpotPrice, ...]:
        """The spot prices of these types (Linux) in every zone of the region, all pages.

        The first of each type and zone may be from before `since`: it was in force then.
        """

    def lower_target(self, fleet_id: str, target: int) -> tuple[int, int]:
        """Lower the requested capacity with `noTermination`; never raises it.

        Reads the fleet again first and on every retry; returns (before, after), which are equal
        when it already is that low. Raises Busy while AWS is still at an earlier change of it,
        Invalid where a fleet can never be modified, Missing when there is none.
        """

    def cancel(self, ids: Sequence[str]) -> Mapping[str, Cancelled]:
        """Cancel the fleets and terminate their machines; read each one's own answer."""

    def claim(self, fleet_ids: Sequence[str], value: str) -> None:
        """Put the mark of who drives them on the fleets, in place of any other."""

    def disclaim(self, fleet_ids: Sequence[str], value: str) -> None:
        """Take the mark away where it has exactly this value."""


class Machines(Protocol):
    """EC2 instances."""

    def names(self, fleet_id: str) -> frozenset[str]:
        """What the machines of a fleet are called, in whatever state they are."""

    def of_fleets(self, fleet_ids: Sequence[str]) -> Mapping[str, tuple[str, str]]:
        """Instance id → (fleet id, state), by the tag that EC2 puts on a fleet's machines."""

    def states(self, instance_ids: Iterable[str]) -> Mapping[str, str]:
        """Instance id → state; ids that EC2 no longer knows are left out."""

    def facts(self, fleet_ids: Sequence[str]) -> tuple[MachineFacts, ...]:
        """Everything of `of_fleets` and more, in every state that EC2 still shows."""

    def volumes(self, instance_ids: Sequence[str]) -> tuple[VolumeFacts, ...]:
        """The volumes that are attached to these machines and to no other."""

    def label(self, instance_ids: Sequence[str], volumes: Sequence[VolumeFacts]) -> None:
        """Give these the tag `Name` with the worker's name, in batches.

        Raises Missing when one of them is gone by now; then none of its batch is labelled.
        """

    def end_unjoined(self, instance_ids: Sequence[str]) -> tuple[str, ...]:
        """Terminate those of the run's machines that ECS does not know; returns which.

        ECS is asked right before: one that has joined the cluster meanwhile may be working. The
        one way to end a machine before TEARDOWN; raises NotOurs unless `end_unjoined` is set, and
        Missing, with nothing ended, when there is no such cluster.
        """

    def terminate(self, instance_ids: Sequence[str]) -> None:
        """Terminate exactly these, recorded as the run's."""


class Service(Protocol):
    """The run's ECS service, its task definitions and its cluster."""

    def describe(self) -> ServiceFacts | None:
        """The service, None when ECS does not know it."""

    def scale_to_zero(self) -> None:
        """Desired count 0."""

    def delete(self) -> None:
        """Delete it, from desired count 0."""

    def task_definitions(self) -> tuple[str, ...]:
        """The active revisions of exactly the run's family, all pages."""

    def deregister_task_definition(self, arn: str) -> None:
        """Deregister one recorded revision."""

    def cluster(self) -> ClusterFacts | None:
        """The cluster, None when ECS does not know it or it is INACTIVE."""

    def container_instances(self) -> tuple[ContainerInstance, ...]:
        """Every machine registered in the cluster, all pages."""

    def joined(self, instance_ids: Sequence[str]) -> frozenset[str]:
        """Those of these machines that are registered in the cluster, in whatever state.

        Raises Missing when there is no such cluster: then they may well work in another.
        """

    def deregister_container_instance(self, instance: ContainerInstance) -> None:
        """Deregister one of the run's own dead machines."""

    def delete_cluster(self) -> None:
        """Delete the cluster. Raises Busy when somebody uses it."""


class Alarms(Protocol):
    """CloudWatch alarms and the run's dashboard."""

    def of_machines(self) -> tuple[AlarmFacts, ...]:
        """Alarms named exactly `APP_NAME_<instance-id>`, all pages."""

    def of_these(self, instance_ids: Sequence[str]) -> tuple[AlarmFacts, ...]:
        """The idle alarms that these machines have, in batches of 100 names.

        One of that name that watches something else counts as altered.
        """

    def place(self, instance_id: str) -> None:
        """Give one of the run's machines its idle alarm, exactly as the worker would place it.

        CloudWatch allows only a few of these a second and account; pacing is the caller's.
        """

    def delete(self, names: Sequence[str]) -> None:
        """Delete alarms of the run, in batches of 100 (CloudWatch API, DeleteAlarms)."""

    def queue_alarms(self) -> tuple[QueueAlarm, ...]:
        """Those of Auto-Monitor's two alarms that are there."""

    def disarm(self, names: Sequence[str]) -> None:
        """Have those of Auto-Monitor's two alarms do nothing when they go off."""

    def delete_dashboard(self) -> bool:
        """Delete the dashboard of exactly the run's name; False when there was none."""


class Logs(Protocol):
    """Log groups and their way to the bucket."""

    def group_seen_at(self, group: str) -> datetime | None:
        """When a log group of exactly this name was there, by AWS's clock; None if it was not."""

    def groups_seen_at(self, groups: Sequence[str]) -> Mapping[str, datetime]:
        """The same of several, asked for together; those that were not there are left out.

        Their names have a beginning in common, as those of one run have.
        """

    def start_export(self, group: str, start: datetime, end: datetime, prefix: str) -> str:
        """Begin an export and return the task's id.

        Raises Busy while the account's one export slot is taken, Missing when there is no such
        group, Invalid when the bucket or its policy does not allow it.
        """

    def export(self, task_id: str) -> ExportFacts | None:
        """One export task."""

    def find_export(
        self, group: str, start: datetime, end: datetime, prefix: str
    ) -> ExportFacts | None:
        """An export with exactly these parameters that did not fail, the newest if several."""

    def search(
        self, group: str, pattern: str, start: datetime, end: datetime, *, most: int
    ) -> tuple[LogLine, ...]:
        """Up to `most` lines of a group that match a filter pattern, the oldest first.

        For the patterns see "Filter pattern syntax" in the Amazon CloudWatch Logs User Guide.
        Raises Missing when there is no such group.
        """


class Metrics(Protocol):
    """What CloudWatch has measured, of whatever there is."""

    def data(
        self, queries: Sequence[MetricQuery], start: datetime, end: datetime, period: timedelta
    ) -> Mapping[MetricQuery, tuple[tuple[datetime, float], ...]]:
        """Each metric's values by the beginning of their period, in order; empty where none.

        Only whole periods that lie in between: `start` and `end` are rounded down to one. The last
        ones may still be incomplete, since services tell CloudWatch some minutes late.
        Asked for in batches of 500 (Amazon CloudWatch API, GetMetricData), which AWS bills by the
        metric: about one cent for a thousand.
        """


class Bucket(Protocol):
    """The run's bucket."""

    def put(self, name: str, body: bytes, content_type: str) -> str:
        """Write one file of the run's account beside its logs; returns its key.

        Raises Denied, Missing.
        """

    def delete_monitor_file(self) -> bool:
        """Delete the monitor file that Auto-Monitor reads; False when there was none."""


class Aws(Protocol):
    """All of it, bound to one run."""

    @property
    def identity(self) -> Identity: ...
    @property
    def queue(self) -> Queue: ...
    @property
    def capacity(self) -> Capacity: ...
    @property
    def machines(self) -> Machines: ...
    @property
    def service(self) -> Service: ...
    @property
    def alarms(self) -> Alarms: ...
    @property
    def logs(self) -> Logs: ...
    @property
    def metrics(self) -> Metrics: ...
    @property
    def bucket(self) -> Bucket: ...
    @property
    def access(self) -> Access: ...


class Cloud(Protocol):
    """The way to AWS of one process: sessions, regions, retries."""

    @property
    def region(self) -> str | None:
        """The region that AWS's own configuration and our flags come to, if any."""

    def bind(
        self,
        run: Callable[[], Run],
        machines: Callable[[], Iterable[str]],
        *,
        deadline: float,
        guard: Callable[[], None],
        meter: Meter | None = None,
    ) -> Aws:
        """AWS as one run may use it.

        `run` and `machines` give the run and its recorded instance ids as they are at the moment
        of a call: what may be changed. `deadline` is a moment of `Clock.monotonic` after which
        nothing more is asked or retried. `guard` is called before every changing call and every
        retry of one; it raises when the driver may not change anything any more. `meter` counts
        what is asked.
        """

    def expect(self, runs: Iterable[Run]) -> None:
        """These runs will be looked at by this process: one question may be for all of them."""

    def hurry(self) -> None:
        """From now on a call that fails is tried again a few times only: somebody waits."""

    def forget_credentials(self) -> None:
        """Build the session anew at the next call: somebody may have logged in meanwhile."""

    def login_command(self) -> str:
        """The command that renews the credentials in use, for the person to type."""
