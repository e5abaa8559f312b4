"""GetMetricData.

Source: CloudWatch API reference, GetMetricData (500 queries and 100,800 data points at most;
`StartTime` inclusive, `EndTime` exclusive; PartialData and a token where more follows; the periods
that are allowed, and for how long data of a minute and of five minutes are kept).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from dcp_engine.simulation.call import Call, Handler, page_of
from dcp_engine.simulation.measured import Datapoint
from dcp_engine.simulation.service_error import AwsError

MOST_POINTS = 100_800
_SHORT = frozenset({1, 5, 10, 20, 30})
_KEPT = ((timedelta(days=15), 300), (timedelta(days=63), 3600))
_STATISTICS = frozenset({"Average", "Sum", "Minimum", "Maximum", "SampleCount"})


def get_metric_data(call: Call) -> dict[str, Any]:
    """What the world knows of its services; what somebody has put is moto's."""
    queries, start, end, size = _asked(call)
    strangers = [query for query in queries if _series(call, query) is None]
    results = {query["Id"]: _result(call, query, start, end) for query in queries}
    if strangers:
        told = call.moto(MetricDataQueries=strangers, MaxDatapoints=None, NextToken=None)
        results.update({each["Id"]: each for each in told["MetricDataResults"]})
    points = [
        (id_, moment, value)
        for id_, result in results.items()
        for moment, value in zip(result["Timestamps"], result["Values"], strict=True)
    ]
    page, token = page_of(
        points,
        call.params.get("NextToken"),
        size,
        bad_token=AwsError("InvalidNextToken", "The token is not one that was given out."),
    )
    following = points[int(token.removeprefix("page-")) :] if token else []
    rest = {id_ for id_, _, _ in following}
    shown: dict[str, dict[str, Any]] = {
        id_: {
            "Id": id_,
            "Label": result.get("Label", id_),
            "Timestamps": [],
            "Values": [],
            "StatusCode": "PartialData" if id_ in rest else "Complete",
        }
        for id_, result in results.items()
    }
    for id_, moment, value in page:
        shown[id_]["Timestamps"].append(moment)
        shown[id_]["Values"].append(value)
    answer: dict[str, Any] = {"MetricDataResults": [*shown.values()], "Messages": []}
    if token is not None:
        answer["NextToken"] = token
    return answer


def _asked(call: Call) -> tuple[list[dict[str, Any]], datetime, datetime, int]:
    queries = list(call.params["MetricDataQueries"])
    start, end = call.moment("StartTime"), call.moment("EndTime")
    size = int(call.params.get("MaxDatapoints", MOST_POINTS))
    if len(queries) > 500:
        raise AwsError(
            "ValidationError", "The collection MetricDataQueries must not have a size over 500."
        )
    if len({query["Id"] for query in queries}) < len(queries):
        raise AwsError("ValidationError", "The values for MetricDataQueries.Id must be unique.")
    if start >= end:
        raise AwsError(
            "ValidationError",
            "The parameter StartTime must be less than the parameter EndTime.",
        )
    if not 1 <= size <= MOST_POINTS:
        raise AwsError("ValidationError", "MaxDatapoints must be between 1 and 100800.")
    for query in queries:
        period = int(query.get("MetricStat", {}).get("Period", 60))
        if period % 60 and period not in _SHORT:
            raise AwsError("ValidationError", "Period must be a multiple of 60.")
    return queries, start, end, size


def _series(call: Call, query: Mapping[str, Any]) -> Any:
    metric = query.get("MetricStat", {}).get("Metric", {})
    if query.get("MetricStat", {}).get("Stat") not in _STATISTICS:
        return None
    return call.world.measured.series(
        call.region,
        metric.get("Namespace", ""),
        metric.get("MetricName", ""),
        {each["Name"]: each["Value"] for each in metric.get("Dimensions", [])},
    )


def _result(call: Call, query: Mapping[str, Any], start: datetime, end: datetime) -> dict[str, Any]:
    series, found = _series(call, query), []
    if series is not None:
        stat = query["MetricStat"]
        span = timedelta(seconds=int(stat["Period"]))
        at = start.replace(second=0, microsecond=0)
        now = call.world.timeline.now()
        while at < end:
            points = list(series(at, min(at + span, end)))
            if points and _is_kept(now - at, span):
                found.append((at, _statistic(points, stat["Stat"])))
            at += span
    if call.params.get("ScanBy", "TimestampDescending") == "TimestampDescending":
        found.reverse()
    label = query.get("Label") or query.get("MetricStat", {}).get("Metric", {}).get("MetricName")
    return {
        "Id": query["Id"],
        "Label": label,
        "Timestamps": [moment for moment, _ in found],
        "Values": [value for _, value in found],
    }


def _is_kept(age: timedelta, span: timedelta) -> bool:
    return all(age < kept or span.total_seconds() >= period for kept, period in _KEPT)


def _statistic(points: Sequence[Datapoint], name: str) -> float:
    count = sum(point.count for point in points)
    total = sum(point.mean * point.count for point in points)
    match name:
        case "Sum":
            return total
        case "Minimum":
            return min(point.low for point in points)
        case "Maximum":
            return max(point.high for point in points)
        case "SampleCount":
            return count
        case _:
            return total / count


OPERATIONS: Mapping[str, Handler] = {"cloudwatch:GetMetricData": get_metric_data}
