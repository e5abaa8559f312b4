"""What CloudWatch has measured."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from dcp_engine.aws import operations as op
from dcp_engine.aws.answer import Answer, utc
from dcp_engine.aws.batches import batches
from dcp_engine.aws.edge import Edge
from dcp_engine.ports import MetricQuery
from dcp_engine.series import start_of

# Amazon CloudWatch API Reference, GetMetricData: up to 500 MetricDataQuery in one request.
_MOST = 500
_BROKEN = frozenset({"InternalError", "Forbidden"})


class _Result(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="Id")
    moments: tuple[datetime, ...] = msgspec.field(name="Timestamps", default=())
    values: tuple[float, ...] = msgspec.field(name="Values", default=())
    status: str = msgspec.field(name="StatusCode", default="Complete")


class _Results(msgspec.Struct, frozen=True):
    results: tuple[_Result, ...] = msgspec.field(name="MetricDataResults")


class CloudWatchMetrics:
    """`Metrics` by Amazon CloudWatch."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    def data(
        self, queries: Sequence[MetricQuery], start: datetime, end: datetime, period: timedelta
    ) -> Mapping[MetricQuery, tuple[tuple[datetime, float], ...]]:
        """Each metric's values by the beginning of their period, in order.

        A metric that nobody has ever written has none, and is no error. Both ends are brought to
        the beginning of a period (GetMetricData, `StartTime` and `EndTime`): of one that has only
        begun there would be a part, which looks like little.
        """
        start, end = start_of(utc(start), period), start_of(utc(end), period)
        found: dict[MetricQuery, dict[datetime, float]] = {query: {} for query in queries}
        if start >= end:
            return dict.fromkeys(found, ())
        for batch in batches(list(found), _MOST):
            pages = self._edge.pages(
                op.GET_METRIC_DATA,
                _results,
                MetricDataQueries=[_asked(f"m{n}", q, period) for n, q in enumerate(batch)],
                StartTime=start,
                EndTime=end,
                ScanBy="TimestampAscending",
            )
            by_id = {f"m{n}": query for n, query in enumerate(batch)}
            for page in pages:
                for result in page.results:
                    if result.id in by_id:
                        moments = map(utc, result.moments)
                        found[by_id[result.id]].update(zip(moments, result.values, strict=True))
        return {query: tuple(sorted(values.items())) for query, values in found.items()}


def _asked(id_: str, query: MetricQuery, period: timedelta) -> dict[str, Any]:
    return {
        "Id": id_,
        "MetricStat": {
            "Metric": {
                "Namespace": query.namespace,
                "MetricName": query.metric,
                "Dimensions": [{"Name": name, "Value": value} for name, value in query.dimensions],
            },
            "Period": int(period.total_seconds()),
            "Stat": query.statistic,
        },
        "ReturnData": True,
    }


def _results(answer: Answer) -> _Results:
    taken = answer.take(_Results)
    for result in taken.results:
        if len(result.moments) != len(result.values):
            raise answer.unreadable("a metric has more moments than values, or fewer")
        if result.status in _BROKEN:
            raise answer.unreadable(f"a metric came back as {result.status}")
    return taken
