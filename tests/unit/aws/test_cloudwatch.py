"""Alarms of exactly the run's machines, and its one dashboard."""

from typing import Any

import pytest

from dcp_engine.errors import Denied, NotOurs
from dcp_engine.ports import AlarmFacts

LOOK, DELETE = "cloudwatch:DescribeAlarms", "cloudwatch:DeleteAlarms"
BOARD = "cloudwatch:DeleteDashboards"
ONE = "i-0aaaaaaaaaaaaaaa1"


def alarm(name: str, **dimensions: str) -> dict[str, Any]:
    pairs = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    return {"AlarmName": name, "Dimensions": pairs}


def test_only_alarms_named_exactly_after_a_machine(bench: Any) -> None:
    line = bench.line
    line.on(
        LOOK,
        line.json(
            {
                "MetricAlarms": [
                    alarm(f"Exp1_{ONE}", InstanceId=ONE),
                    alarm("Exp1_budget"),
                    alarm(f"Exp1_{ONE}_cpu"),
                    alarm(f"Exp1_2_{ONE}"),
                ],
                "NextToken": "a",
            }
        ),
        line.json({"MetricAlarms": [], "NextToken": "b"}),
        line.json(
            {
                "MetricAlarms": [
                    alarm("Exp1_i-0123abcd"),
                    alarm("Exp1_i-0000000f", InstanceId="i-0000000e"),
                ]
            }
        ),
    )
    assert bench.aws.alarms.of_machines() == (
        AlarmFacts(name=f"Exp1_{ONE}", instance_id=ONE),
        AlarmFacts(name="Exp1_i-0123abcd", instance_id="i-0123abcd"),
    )
    asked = {"AlarmNamePrefix": "Exp1_", "AlarmTypes": ["MetricAlarm"], "MaxRecords": 100}
    assert line.params(LOOK)[0] == asked


def test_alarms_are_deleted_a_hundred_at_a_time(bench: Any) -> None:
    names = [f"Exp1_i-{n:08x}" for n in range(250)]
    bench.line.on(DELETE, bench.line.raw(b""))
    bench.aws.alarms.delete([*names, names[0], *bench.run.names.queue_alarms])
    batches = [asked["AlarmNames"] for asked in bench.line.params(DELETE)]
    assert [len(batch) for batch in batches] == [100, 100, 52]
    asked = sorted(name for batch in batches for name in batch)
    assert asked == sorted([*names, *bench.run.names.queue_alarms])


def test_one_alarm_that_is_gone_does_not_keep_the_others(bench: Any) -> None:
    names = [f"Exp1_i-{n:08x}" for n in range(4)]
    gone = bench.line.error(DELETE, "ResourceNotFound", status=404)
    done = bench.line.raw(b"")
    bench.line.on(DELETE, gone, done, gone, done, gone)
    bench.aws.alarms.delete(names)
    asked = [call["AlarmNames"] for call in bench.line.params(DELETE)]
    assert asked == [names, names[:2], names[2:], names[2:3], names[3:]]


def test_no_alarms_are_not_asked_about(bench: Any) -> None:
    assert bench.aws.alarms.delete([]) is None
    assert bench.line.calls == []


def test_a_neighbours_alarm_keeps_the_whole_batch_back(bench: Any) -> None:
    with pytest.raises(NotOurs, match="Exp10_"):
        bench.aws.alarms.delete([f"Exp1_{ONE}", f"Exp10_{ONE}"])
    assert bench.line.calls == []


def test_being_denied_is_told(bench: Any) -> None:
    bench.line.on(DELETE, bench.line.error(DELETE, "AccessDenied", status=403))
    with pytest.raises(Denied, match="cloudwatch:DeleteAlarms"):
        bench.aws.alarms.delete([f"Exp1_{ONE}"])


def test_the_dashboard_of_exactly_the_runs_name(bench: Any) -> None:
    bench.line.on(BOARD, bench.line.json({}))
    assert bench.aws.alarms.delete_dashboard() is True
    assert bench.line.params(BOARD) == [{"DashboardNames": ["Exp1"]}]


def test_no_dashboard(bench: Any) -> None:
    bench.line.on(BOARD, bench.line.error(BOARD, "ResourceNotFound", status=404))
    assert bench.aws.alarms.delete_dashboard() is False
