"""Alarms of exactly the run's machines, and its one dashboard."""

from typing import Any

import pytest

from dcp_engine.errors import Denied, NotOurs, Unreadable
from dcp_engine.ports import AlarmFacts, QueueAlarm

LOOK, DELETE = "cloudwatch:DescribeAlarms", "cloudwatch:DeleteAlarms"
BOARD = "cloudwatch:DeleteDashboards"
ONE = "i-0aaaaaaaaaaaaaaa1"


# What DCP's worker places for its machine.
PLACED: dict[str, Any] = {
    "Namespace": "AWS/EC2",
    "MetricName": "CPUUtilization",
    "Statistic": "Maximum",
    "Period": 60,
    "EvaluationPeriods": 15,
    "Threshold": 1.0,
    "ComparisonOperator": "LessThanThreshold",
    "ActionsEnabled": True,
    "AlarmActions": [
        "arn:aws:swf:us-east-1:123456789012:action/actions/AWS_EC2.InstanceId.Terminate/1.0"
    ],
}
VISIBLE = "ApproximateNumberOfMessagesVisibleisZero_Exp1"
NOT_VISIBLE = "ApproximateNumberOfMessagesNotVisibleisZero_Exp1"
DISARM = "cloudwatch:DisableAlarmActions"


def alarm(name: str, **dimensions: str) -> dict[str, Any]:
    pairs = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    return {**PLACED, "AlarmName": name, "Dimensions": pairs}


def altered(bench: Any, **changes: Any) -> str | None:
    """What is said of the alarm with these changes; None for a key leaves it out."""
    entry = {**alarm(f"Exp1_{ONE}", InstanceId=ONE), **changes}
    entry = {key: value for key, value in entry.items() if value is not None}
    bench.line.on(LOOK, bench.line.json({"MetricAlarms": [entry]}))
    (found,) = bench.aws.alarms.of_machines()
    said: str | None = found.altered
    return said


def test_only_alarms_named_exactly_after_a_machine(bench: Any) -> None:
    line = bench.line
    line.on(
        LOOK,
        line.json(
            {
                "MetricAlarms": [
                    alarm(f"Exp1_{ONE}", InstanceId=ONE),
                    {"AlarmName": "Exp1_budget"},
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


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"AlarmActions": ["arn:aws:automate:us-east-1:ec2:terminate"]},
        {"AlarmActions": ["arn:aws-cn:automate:cn-north-1:ec2:terminate"]},
        {"AlarmActions": [*PLACED["AlarmActions"], "arn:aws:sns:us-east-1:123456789012:me"]},
        {"AlarmDescription": "mine"},
    ],
)
def test_an_alarm_as_the_worker_places_it(bench: Any, changes: dict[str, Any]) -> None:
    assert altered(bench, **changes) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"Namespace": "Custom"}, "Custom CPUUtilization instead of AWS/EC2 CPUUtilization"),
        ({"MetricName": "NetworkIn"}, "AWS/EC2 NetworkIn instead of AWS/EC2 CPUUtilization"),
        ({"Statistic": "Average"}, "statistic Average instead of statistic Maximum"),
        ({"Statistic": None, "ExtendedStatistic": "p90"}, "statistic p90 instead of"),
        ({"Threshold": 5.0}, "LessThanThreshold 5 instead of LessThanThreshold 1"),
        ({"ComparisonOperator": "GreaterThanThreshold"}, "GreaterThanThreshold 1 instead of"),
        ({"Period": 300}, "periods of 300 s instead of periods of 60 s"),
        ({"EvaluationPeriods": 60}, "60 of them instead of 15 of them"),
        ({"AlarmActions": []}, "it does not end the machine"),
        ({"AlarmActions": ["arn:aws:automate:us-east-1:ec2:stop"]}, "it does not end the machine"),
        ({"ActionsEnabled": False}, "its actions are switched off"),
        ({"Metrics": [{"Id": "e1"}], "Namespace": None, "Period": None}, "an expression"),
        ({"Period": 300, "Threshold": 2.0}, "LessThanThreshold 1, periods of 300 s"),
    ],
)
def test_what_somebody_altered_is_said(bench: Any, changes: dict[str, Any], said: str) -> None:
    assert said in (altered(bench, **changes) or "")


@pytest.mark.parametrize("key", sorted(PLACED))
def test_an_alarm_that_lacks_what_aws_always_tells_is_not_known(bench: Any, key: str) -> None:
    with pytest.raises(Unreadable):
        altered(bench, **{key: None})


def test_auto_monitors_two_alarms_are_asked_for_by_name(bench: Any) -> None:
    found = [
        {"AlarmName": VISIBLE, "ActionsEnabled": True},
        {"AlarmName": NOT_VISIBLE, "ActionsEnabled": False},
        {"AlarmName": f"{VISIBLE}0", "ActionsEnabled": True},
    ]
    bench.line.on(LOOK, bench.line.json({"MetricAlarms": found}))
    assert bench.aws.alarms.queue_alarms() == (
        QueueAlarm(name=VISIBLE, armed=True),
        QueueAlarm(name=NOT_VISIBLE, armed=False),
    )
    asked = {"AlarmNames": [VISIBLE, NOT_VISIBLE], "AlarmTypes": ["MetricAlarm"]}
    assert bench.line.params(LOOK) == [asked]


def test_whether_they_are_armed_must_be_told(bench: Any) -> None:
    bench.line.on(LOOK, bench.line.json({"MetricAlarms": [{"AlarmName": VISIBLE}]}))
    with pytest.raises(Unreadable):
        bench.aws.alarms.queue_alarms()


def test_they_are_disarmed_by_name_and_nothing_else_is(bench: Any) -> None:
    bench.line.on(DISARM, bench.line.raw(b""))
    bench.aws.alarms.disarm([VISIBLE, NOT_VISIBLE])
    assert bench.line.params(DISARM) == [{"AlarmNames": [VISIBLE, NOT_VISIBLE]}]
    with pytest.raises(NotOurs):
        bench.aws.alarms.disarm([f"Exp1_{ONE}"])
    assert bench.line.count(DISARM) == 1
