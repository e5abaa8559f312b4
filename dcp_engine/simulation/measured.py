"""What AWS's services tell CloudWatch of themselves, worked out when somebody asks.

Source: the pages on metrics of each service. Amazon SQS developer guide, "Available CloudWatch
metrics for Amazon SQS" (every minute); Amazon ECS developer guide, "Amazon ECS CloudWatch metrics"
(every minute; use as a share of what is registered, or of what the service reserves); Amazon EC2
user guide, "CloudWatch metrics that are available for your instances" and "Manage detailed
monitoring" (every five minutes, unless it is switched on).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from zlib import crc32

from dcp_engine.simulation.machine_log import used
from dcp_engine.simulation.machines import Machine, Machines
from dcp_engine.simulation.placement import Placement, ServiceKey
from dcp_engine.simulation.queue_log import QueueLog, between
from dcp_engine.simulation.queues import Queues
from dcp_engine.simulation.spans import Span, filled
from dcp_engine.simulation.timeline import Timeline

MINUTE = timedelta(minutes=1)
_BASIC = timedelta(minutes=5)


@dataclass(frozen=True)
class Datapoint:
    """One that was published: `count` values from a moment on."""

    at: datetime
    mean: float
    low: float
    high: float
    count: int = 1


Series = Callable[[datetime, datetime], Iterator[Datapoint]]
"""What was published from a moment on and before another one, as far as it is known by now."""


@dataclass
class Measured:
    """Looks into the world's own records."""

    timeline: Timeline
    machines: Machines
    placement: Placement
    queues: Queues
    seed: int

    def series(
        self, region: str, namespace: str, metric: str, dimensions: Mapping[str, str]
    ) -> Series | None:
        """A metric of a service; None for one that the world knows nothing of."""
        known = self._known(region, namespace, metric, dimensions)
        if known is None:
            return None
        step, value = known

        def published(start: datetime, end: datetime) -> Iterator[Datapoint]:
            late = timedelta(seconds=self.timeline.timings.metric_lag)
            at = datetime.fromtimestamp(start.timestamp() // 60 * 60, UTC)
            at += (datetime(1970, 1, 1, tzinfo=UTC) - at) % step
            while at < end and at + step + late <= self.timeline.now():
                values = [
                    found
                    for minute in range(step // MINUTE)
                    if (found := value(at + minute * MINUTE)) is not None
                ]
                if values:
                    mean = sum(values) / len(values)
                    yield Datapoint(at, mean, min(values), max(values), len(values))
                at += step

        return published

    def _known(
        self, region: str, namespace: str, metric: str, dimensions: Mapping[str, str]
    ) -> tuple[timedelta, Callable[[datetime], float | None]] | None:
        """How often a metric is published, and its value in the minute from a moment on."""
        found: Callable[[datetime], float | None] | None = None
        step = MINUTE
        match namespace, metric, sorted(dimensions.items()):
            case "AWS/EC2", "CPUUtilization", [("InstanceId", instance_id)]:
                machine = self.machines.find(instance_id)
                if machine is not None and machine.region == region:
                    step, found = _BASIC, partial(self._cpu, machine)
            case "AWS/SQS", _, [("QueueName", name)] if metric in _OF_QUEUES:
                log = self.queues.log(region, name)
                if log is not None:
                    found = partial(self._of_queue, region, name, log, metric)
            case "AWS/ECS", _, [("ClusterName", cluster)] if metric in _OF_CLUSTERS:
                spans = self.placement.joined.get((region, cluster), {})
                found = partial(self._of_cluster, spans, metric)
            case "AWS/ECS", _, [("ClusterName", cluster), ("ServiceName", service)] if (
                metric in _OF_CLUSTERS
            ):
                spans = self.placement.placed.get(ServiceKey(region, cluster, service), {})
                found = partial(self._of_cluster, spans, metric)
        return None if found is None else (step, found)

    def _cpu(self, machine: Machine, at: datetime) -> float | None:
        """Per cent of a machine's processors that were busy."""
        if not _up(machine, at):
            return None
        works = filled(machine.worked, at, at + MINUTE)
        busy = 60 + 35 * self._noise(machine.instance_id, at, "busy")
        idle = 0.1 + 0.5 * self._noise(machine.instance_id, at, "idle")
        return works * busy + (1 - works) * idle

    def _memory(self, machine: Machine, at: datetime) -> float | None:
        """Per cent of a machine's memory that were in use."""
        if not _up(machine, at):
            return None
        works = filled(machine.worked, at, at + MINUTE)
        full = used(_jobs_before(machine, at), fills=machine.memory_fills)
        return max(4.0 + works * (30 + 15 * self._noise(machine.instance_id, at, "memory")), full)

    def _of_cluster(
        self, spans: Mapping[str, Sequence[Span]], metric: str, at: datetime
    ) -> float | None:
        measure = self._cpu if metric == "CPUUtilization" else self._memory
        values = [
            value
            for instance_id, stays in spans.items()
            if filled(stays, at, at + MINUTE) > 0
            and (machine := self.machines.find(instance_id)) is not None
            and (value := measure(machine, at)) is not None
        ]
        return sum(values) / len(values) if values else None

    def _of_queue(
        self, region: str, name: str, log: QueueLog, metric: str, at: datetime
    ) -> float | None:
        end = at + MINUTE
        if end <= log.created or (log.ended is not None and at >= log.ended):
            return None
        if metric == "NumberOfMessagesDeleted":
            return between(log.deleted, at, end)
        if metric == "NumberOfMessagesSent":
            return between(log.sent, at, end)
        if metric == "NumberOfMessagesReceived":
            return between(log.received, at, end)
        there = self.queues.sent_before(region, name, end)
        left = log.oldest_left_after(end)
        oldest = min([*there, *([left] if left else [])], default=None)
        return 0.0 if oldest is None else (end - oldest).total_seconds()

    def _noise(self, instance_id: str, at: datetime, what: str) -> float:
        """A number from 0 to 1 that is always the same for the same."""
        text = f"{self.seed} {instance_id} {at.timestamp():.0f} {what}"
        return crc32(text.encode()) / 2**32


_OF_CLUSTERS = frozenset({"CPUUtilization", "MemoryUtilization"})
_OF_QUEUES = frozenset(
    {
        "NumberOfMessagesSent",
        "NumberOfMessagesReceived",
        "NumberOfMessagesDeleted",
        "ApproximateAgeOfOldestMessage",
    }
)


def _up(machine: Machine, at: datetime) -> bool:
    began, ended = machine.running_at, machine.ended_at
    return began is not None and began < at + MINUTE and (ended is None or at < ended)


def _jobs_before(machine: Machine, at: datetime) -> int:
    return sum(1 for span in machine.worked if span.end is not None and span.end <= at)
