"""What the run makes of its machines: CPU and memory, jobs received and deleted, by CloudWatch.

Asked for by whole periods of five minutes, from where it stopped last, so nothing is missing after
a laptop slept and no period is counted twice. What is remembered is written in one commit with the
numbers.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec.structs import replace

from dcp_engine import series
from dcp_engine.defaults import Settings
from dcp_engine.hookspecs import Context, Duty, DutyResult, Observation, Sample, hookimpl
from dcp_engine.model import Names, State
from dcp_engine.ports import MetricQuery
from dcp_engine.series import start_of

_MINUTE: Final = timedelta(minutes=1)
_PERIOD: Final = timedelta(minutes=5)
_HOUR: Final = timedelta(hours=1)
# CloudWatch has a period's numbers some minutes after its end.
_LAG: Final = timedelta(minutes=5)
# SQS begins to report up to 15 minutes after a queue has become active (Amazon SQS Developer Guide,
# "Monitoring Amazon SQS queues using CloudWatch"). Its periods are asked for again until then.
_SETTLED: Final = timedelta(minutes=30)
# EC2 reports every five minutes (Amazon EC2 User Guide, "Basic monitoring"), and not at once.
_LATE: Final = 2 * _PERIOD
# So far back is looked after a sleep, by hours where it is longer than this; and for the queue as
# far as CloudWatch keeps periods of five minutes (Amazon CloudWatch User Guide, "Metrics
# retention").
_FURTHEST: Final = timedelta(days=1)
_BY_HOURS: Final = timedelta(hours=2)
_KEPT: Final = timedelta(days=60)

# What is older than this has been put together with its neighbours, and is not written once more.
_OF_RUN: Final = next(tier.age for tier in series.TIERS_OF_THE_RUN if tier.span > _PERIOD)
_OF_MACHINES: Final = series.TIERS_OF_A_MACHINE[0].age - _LATE

_Values = Mapping[MetricQuery, Sequence[tuple[datetime, float]]]


class _Known(msgspec.Struct, frozen=True, kw_only=True):
    """Counting began at `start`; the periods before `until` have been asked for.

    `deleted` messages are those before `settled`, whose numbers do not change any more. Until
    CloudWatch has given a number, `told` is False: how many were deleted is not known then.
    """

    start: datetime
    until: datetime
    settled: datetime
    deleted: float = 0.0
    told: bool = False


@hookimpl
def duties(settings: Settings) -> Sequence[Duty]:
    return [
        Duty(
            name="use",
            states=frozenset({State.PENDING, State.RUNNING, State.DRAINING}),
            every=settings.watch_interval,
            run=measure,
        )
    ]


def measure(context: Context) -> DutyResult | None:
    """Ask CloudWatch for every period that has ended since the last time."""
    run = context.run
    if not (run.jobs_seen or run.machines_seen):
        return None
    now = context.clock.now()
    known = _known(context)
    end = start_of(now - _LAG, _PERIOD)
    if end <= known.until:
        return None
    recent = known.until - _LATE if now - known.until < _OF_MACHINES else known.until
    recent = max(recent, end - _FURTHEST)
    machines = {
        _cpu_of(machine.instance_id): machine.instance_id
        for machine in context.roll()
        if machine.ended_at is None or machine.ended_at > recent
    }
    values = _asked(context, list(machines), known, recent, end)
    deleted = [
        (at, value) for at, value in values[_deleted(run.names)] if known.settled <= at < end
    ]
    settled = max(known.settled, min(end, start_of(now - _SETTLED, _PERIOD)))
    told = known.told or bool(deleted)
    after = replace(
        known,
        until=end,
        settled=settled,
        deleted=known.deleted + sum(value for at, value in deleted if at < settled),
        told=told,
    )
    done = round(known.deleted + sum(value for _, value in deleted))
    since = known.settled if now - known.settled < _OF_RUN else known.until
    return DutyResult(
        samples=[
            *_of_run(run.names, values, since, end),
            *_of_machines(machines, values, recent, end),
        ],
        observations=(
            [Observation(name=series.JOBS_DONE, value=done, unit="jobs", at=end)] if told else []
        ),
        memory=msgspec.to_builtins(after),
    )


def _known(context: Context) -> _Known:
    start = start_of(context.run.earliest_start, _PERIOD)
    if context.memory:
        known = msgspec.convert(context.memory, _Known)
        # Counting begins anew where the run began earlier than was known, and where the clock is
        # set right that was ahead: CloudWatch tells all of it once more.
        if known.start <= start and known.until <= context.clock.now():
            return known
    return _Known(start=start, until=start, settled=start)


def _asked(
    context: Context,
    machines: Sequence[MetricQuery],
    known: _Known,
    recent: datetime,
    end: datetime,
) -> _Values:
    """What CloudWatch says of the run since `known.settled`, and of the machines since `recent`."""
    of_run = _queries(context.run.names)
    begin = max(known.settled, end - _KEPT)
    data = context.aws.metrics.data
    if end - begin <= _BY_HOURS:
        return data([*of_run, *machines], min(begin, recent), end, _PERIOD)
    values = {query: list(found) for query, found in data([*of_run], begin, end, _PERIOD).items()}
    first, last = start_of(recent + _HOUR, _HOUR), start_of(end, _HOUR)
    for since, until, period in (
        (recent, min(first, end), _PERIOD),
        (first, last, _HOUR),
        (max(first, last), end, _PERIOD),
    ):
        if machines and since < until:
            for query, found in data(machines, since, until, period).items():
                values.setdefault(query, []).extend(found)
    return values


def _of_run(names: Names, values: _Values, since: datetime, end: datetime) -> list[Sample]:
    moments: dict[datetime, dict[str, float]] = {}
    for query, name in _queries(names).items():
        for at, value in values[query]:
            if since <= at < end:
                moments.setdefault(at, {})[name] = _by_minute(query, value)
    return [Sample(at=at, values=found) for at, found in sorted(moments.items())]


def _of_machines(
    machines: Mapping[MetricQuery, str], values: _Values, since: datetime, end: datetime
) -> list[Sample]:
    return [
        Sample(subject=instance_id, at=at, values={series.CPU: value})
        for query, instance_id in machines.items()
        for at, value in values.get(query, ())
        if since <= at < end
    ]


def _by_minute(query: MetricQuery, value: float) -> float:
    return value / (_PERIOD / _MINUTE) if query.statistic == "Sum" else value


def _queries(names: Names) -> dict[MetricQuery, str]:
    """What is asked of the run as a whole, and the name of the numbers that come of it.

    The service's use is of what its tasks reserve, the cluster's of all that is in it, other runs'
    machines too (Amazon ECS Developer Guide, "Service utilization metrics", "Cluster utilization
    metrics").
    """
    cluster = (("ClusterName", names.cluster),)
    service = (*cluster, ("ServiceName", names.service))
    return {
        _deleted(names): series.DELETED,
        _of_queue(names, "NumberOfMessagesReceived"): series.RECEIVED,
        _of_queue(names, "NumberOfMessagesSent"): series.SENT,
        _of_ecs(service, "CPUUtilization"): series.SERVICE_CPU,
        _of_ecs(service, "MemoryUtilization"): series.SERVICE_MEMORY,
        _of_ecs(cluster, "CPUUtilization"): series.CLUSTER_CPU,
        _of_ecs(cluster, "MemoryUtilization"): series.CLUSTER_MEMORY,
    }


def _deleted(names: Names) -> MetricQuery:
    return _of_queue(names, "NumberOfMessagesDeleted")


def _of_queue(names: Names, metric: str) -> MetricQuery:
    return MetricQuery(
        namespace="AWS/SQS",
        metric=metric,
        dimensions=(("QueueName", names.queue),),
        statistic="Sum",
    )


def _of_ecs(dimensions: tuple[tuple[str, str], ...], metric: str) -> MetricQuery:
    return MetricQuery(namespace="AWS/ECS", metric=metric, dimensions=dimensions)


def _cpu_of(instance_id: str) -> MetricQuery:
    return MetricQuery(
        namespace="AWS/EC2", metric="CPUUtilization", dimensions=(("InstanceId", instance_id),)
    )
