"""Idle alarms: which there are of these machines, and placing one as the worker does."""

from typing import Any

import pytest

from dcp_engine.errors import Busy, Denied, Invalid, NotOurs, Transient, Unreadable
from dcp_engine.model import State
from dcp_engine.ports import AlarmFacts
from tests.unit.aws.test_cloudwatch import PLACED, alarm

LOOK, PUT = "cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm"
ONE, TWO = "i-0aaaaaaaaaaaaaaa1", "i-0aaaaaaaaaaaaaaa2"
STRANGER = "i-0bbbbbbbbbbbbbbbb"


def alarms(bench: Any, *entries: dict[str, Any], **more: Any) -> Any:
    return bench.line.json({"MetricAlarms": list(entries), **more})


def test_those_of_these_machines_by_name(bench: Any) -> None:
    bench.line.on(
        LOOK,
        alarms(bench, alarm(f"Exp1_{ONE}", InstanceId=ONE), NextToken="a"),
        alarms(bench, {**alarm(f"Exp1_{TWO}", InstanceId=TWO), "ActionsEnabled": False}),
    )
    assert bench.aws.alarms.of_these([ONE, TWO, ONE]) == (
        AlarmFacts(name=f"Exp1_{ONE}", instance_id=ONE),
        AlarmFacts(name=f"Exp1_{TWO}", instance_id=TWO, altered="its actions are switched off"),
    )
    asked = bench.line.params(LOOK)
    assert asked[0]["AlarmNames"] == [f"Exp1_{ONE}", f"Exp1_{TWO}"]
    assert asked[0]["AlarmTypes"] == ["MetricAlarm"]
    assert "AlarmNamePrefix" not in asked[0]
    assert asked[1]["NextToken"] == "a"


def test_a_hundred_names_at_once_and_never_all_alarms(bench: Any) -> None:
    bench.line.on(LOOK, alarms(bench))
    assert bench.aws.alarms.of_these([]) == ()
    assert bench.line.calls == []
    assert bench.aws.alarms.of_these([f"i-{n:017x}" for n in range(201)]) == ()
    assert [len(asked["AlarmNames"]) for asked in bench.line.params(LOOK)] == [100, 100, 1]


def test_one_that_watches_another_machine_is_there_and_altered(bench: Any) -> None:
    """Else it would be taken for missing, and overwritten."""
    bench.line.on(LOOK, alarms(bench, alarm(f"Exp1_{ONE}", InstanceId=STRANGER)))
    (found,) = bench.aws.alarms.of_these([ONE])
    assert (found.instance_id, found.altered) == (ONE, f"it watches {STRANGER}")
    assert bench.aws.alarms.of_machines() == ()


def test_a_neighbours_that_comes_along_is_left_out(bench: Any) -> None:
    bench.line.on(LOOK, alarms(bench, alarm(f"Exp10_{ONE}", InstanceId=ONE), {"AlarmName": "x"}))
    assert bench.aws.alarms.of_these([ONE]) == ()


@pytest.mark.parametrize(
    "body", [{}, {"MetricAlarms": None}, {"MetricAlarms": [{}]}, {"MetricAlarms": ["x"]}]
)
def test_what_says_nothing_is_not_taken_for_none(bench: Any, body: dict[str, Any]) -> None:
    bench.line.on(LOOK, bench.line.json(body))
    with pytest.raises(Unreadable):
        bench.aws.alarms.of_these([ONE])


def test_it_is_placed_as_the_worker_places_it(bench: Any) -> None:
    bench.watching()
    bench.line.on(PUT, bench.line.raw(b""))
    bench.aws.alarms.place(ONE)
    (asked,) = bench.line.params(PUT)
    usual = {key: value for key, value in PLACED.items() if key != "ActionsEnabled"}
    assert asked == {
        **usual,
        "AlarmName": f"Exp1_{ONE}",
        "Dimensions": [{"Name": "InstanceId", "Value": ONE}],
    }


@pytest.mark.parametrize(
    ("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_the_action_is_of_the_runs_own_region(bench: Any, region: str, partition: str) -> None:
    bench.watching()
    bench.moved(region=region)
    bench.line.on(PUT, bench.line.raw(b""))
    bench.aws.alarms.place(ONE)
    (action,) = bench.line.params(PUT)[0]["AlarmActions"]
    assert action.startswith(f"arn:{partition}:swf:{region}:123456789012:action/")


@pytest.mark.parametrize("state", [State.TEARDOWN, State.EXPORTED])
def test_none_is_placed_when_the_work_is_over(bench: Any, state: State) -> None:
    bench.moved(state=state)
    with pytest.raises(NotOurs):
        bench.aws.alarms.place(ONE)
    assert bench.line.calls == []


def test_a_stranger_gets_none(bench: Any) -> None:
    bench.watching()
    for stranger in (STRANGER, "i-1", "", f"{ONE}\n", "i-0AAAAAAAAAAAAAAA1"):
        with pytest.raises(NotOurs):
            bench.aws.alarms.place(stranger)
    assert bench.line.calls == []


@pytest.mark.parametrize(
    ("code", "status", "expected", "tries"),
    [
        ("Throttling", 400, Transient, 8),
        ("LimitExceeded", 400, Busy, 1),
        ("LimitExceededFault", 400, Busy, 1),
        ("AccessDenied", 403, Denied, 1),
        ("ValidationError", 400, Invalid, 1),
        ("InternalFailure", 500, Transient, 8),
    ],
)
def test_what_cloudwatch_refuses(
    bench: Any, code: str, status: int, expected: type[Exception], tries: int
) -> None:
    """A quota that is used up is not made room in by asking again."""
    bench.watching()
    bench.line.on(PUT, bench.line.error(PUT, code, status=status))
    with pytest.raises(expected):
        bench.aws.alarms.place(ONE)
    assert bench.line.count(PUT) == tries
