"""What CloudWatch has measured: whole periods, all pages, nothing made up."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from dcp_engine.errors import AwsError, Denied, Transient, Unreadable
from dcp_engine.ports import MetricQuery

ASK = "cloudwatch:GetMetricData"
NOON = datetime(2030, 5, 17, 12, tzinfo=UTC)
FIVE = timedelta(minutes=5)
CPU = MetricQuery(namespace="AWS/EC2", metric="CPUUtilization", dimensions=(("InstanceId", "i-1"),))
JOBS = MetricQuery(
    namespace="AWS/SQS",
    metric="NumberOfMessagesDeleted",
    dimensions=(("QueueName", "Exp1Queue"),),
    statistic="Sum",
)


def result(id_: str, values: dict[int, float], **more: Any) -> dict[str, Any]:
    """Values by the minute after noon."""
    return {
        "Id": id_,
        "Timestamps": [(NOON + timedelta(minutes=m)).timestamp() for m in values],
        "Values": list(values.values()),
        "StatusCode": "Complete",
        **more,
    }


def results(bench: Any, *found: dict[str, Any], **more: Any) -> Any:
    return bench.line.json({"MetricDataResults": list(found), **more})


def ask(bench: Any, *queries: MetricQuery, start: datetime = NOON, hours: float = 1.0) -> Any:
    return bench.aws.metrics.data(queries, start, start + timedelta(hours=hours), FIVE)


def at(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


def test_each_metric_has_its_values_in_order_over_all_pages(bench: Any) -> None:
    partial = {"StatusCode": "PartialData"}
    bench.line.on(
        ASK,
        results(bench, result("m0", {5: 2.5, 0: 1.0}, **partial), result("m1", {}), NextToken="a"),
        results(bench, result("m0", {10: 4.0}), result("m1", {0: 7.0}), result("other", {0: 9.0})),
    )
    assert ask(bench, CPU, JOBS) == {
        CPU: ((at(0), 1.0), (at(5), 2.5), (at(10), 4.0)),
        JOBS: ((at(0), 7.0),),
    }
    first, second = bench.line.params(ASK)
    assert second["NextToken"] == "a"
    asked = first["MetricDataQueries"][1]
    assert asked["MetricStat"] == {
        "Metric": {
            "Namespace": "AWS/SQS",
            "MetricName": "NumberOfMessagesDeleted",
            "Dimensions": [{"Name": "QueueName", "Value": "Exp1Queue"}],
        },
        "Period": 300,
        "Stat": "Sum",
    }


def test_a_metric_that_nobody_has_written_has_none_and_is_there(bench: Any) -> None:
    bench.line.on(ASK, results(bench))
    assert ask(bench, CPU, JOBS) == {CPU: (), JOBS: ()}


def test_only_whole_periods_are_asked_for(bench: Any) -> None:
    bench.line.on(ASK, results(bench))
    start = datetime(2030, 5, 17, 14, 7, 33, 5, tzinfo=timezone(timedelta(hours=2)))
    ask(bench, CPU, start=start)
    (asked,) = bench.line.params(ASK)
    assert asked["StartTime"] == at(5)
    assert asked["EndTime"] == at(65)


@pytest.mark.parametrize("hours", [0.0, 0.05, -1.0])
def test_less_than_a_period_is_not_asked_for(bench: Any, hours: float) -> None:
    """CloudWatch refuses a beginning that is not before the end."""
    assert ask(bench, CPU, hours=hours) == {CPU: ()}
    assert bench.line.calls == []


def test_nothing_is_not_asked_for(bench: Any) -> None:
    assert ask(bench) == {}
    assert bench.line.calls == []


def test_five_hundred_at_once_and_each_metric_once(bench: Any) -> None:
    queries = [
        MetricQuery(namespace="x", metric="y", dimensions=(("n", str(n)),)) for n in range(1001)
    ]
    bench.line.on(ASK, results(bench, result("m0", {0: 1.0})))
    found = ask(bench, *queries, queries[0])
    sizes = [len(asked["MetricDataQueries"]) for asked in bench.line.params(ASK)]
    assert sizes == [500, 500, 1]
    assert len(found) == 1001
    assert [found[queries[n]] for n in (0, 500, 1000)] == [((NOON, 1.0),)] * 3
    assert found[queries[1]] == ()
    ids = [query["Id"] for query in bench.line.params(ASK)[0]["MetricDataQueries"]]
    assert len(set(ids)) == 500
    assert all(id_[0].islower() for id_ in ids)


@pytest.mark.parametrize(
    "found",
    [
        {"Id": "m0", "Timestamps": [0.0], "Values": []},
        {"Id": "m0", "Timestamps": [], "Values": [1.0]},
        {"Id": "m0", "Values": [1.0]},
        result("m0", {0: 1.0}, StatusCode="InternalError"),
        result("m0", {0: 1.0}, StatusCode="Forbidden"),
        {"Timestamps": [], "Values": []},
    ],
)
def test_what_makes_no_sense_is_not_taken_for_nothing(bench: Any, found: dict[str, Any]) -> None:
    bench.line.on(ASK, results(bench, found))
    with pytest.raises(Unreadable):
        ask(bench, CPU)


@pytest.mark.parametrize("body", [{}, {"MetricDataResults": None}, {"MetricDataResults": [7]}])
def test_an_answer_without_results_is_none(bench: Any, body: dict[str, Any]) -> None:
    bench.line.on(ASK, bench.line.json(body))
    with pytest.raises(Unreadable):
        ask(bench, CPU)


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("Throttling", 400, Transient),
        ("AccessDenied", 403, Denied),
        ("InternalFailure", 500, Transient),
    ],
)
def test_a_refusal_is_no_measurement(
    bench: Any, code: str, status: int, expected: type[AwsError]
) -> None:
    bench.line.on(ASK, bench.line.error(ASK, code, status=status))
    with pytest.raises(expected):
        ask(bench, CPU)


def test_a_page_that_fails_fails_all_of_it(bench: Any) -> None:
    bench.line.on(
        ASK,
        results(bench, result("m0", {0: 1.0}), NextToken="a"),
        bench.line.error(ASK, "InternalFailure", status=500),
    )
    with pytest.raises(Transient):
        ask(bench, CPU)
