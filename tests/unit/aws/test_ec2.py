"""Machines: found by filter, ended by exactly their ids."""

from typing import Any

import pytest

from dcp_engine.errors import Denied, Missing, NotOurs, Unreadable

LOOK, STOP = "ec2:DescribeInstances", "ec2:TerminateInstances"
TAG = "aws:ec2spot:fleet-request-id"
FLEET = "sfr-00000000-0000-4000-8000-000000000001"
ONE, TWO = "i-0aaaaaaaaaaaaaaa1", "i-0aaaaaaaaaaaaaaa2"


def instance(instance_id: str, state: str = "running", fleet: str | None = None) -> str:
    tag = f"<item><key>{TAG}</key><value>{fleet}</value></item>" if fleet else ""
    return (
        f"<item><instanceId>{instance_id}</instanceId>"
        f"<instanceState><code>16</code><name>{state}</name></instanceState>"
        f"<tagSet><item><key>Name</key><value>Exp1Worker</value></item>{tag}</tagSet></item>"
    )


def page(bench: Any, *instances: str, token: str = "") -> Any:
    inner = "".join(f"<item><instancesSet>{one}</instancesSet></item>" for one in instances)
    return bench.line.ec2(
        "DescribeInstances",
        f"<reservationSet>{inner}</reservationSet><nextToken>{token}</nextToken>",
    )


def stopped(bench: Any) -> Any:
    return bench.line.ec2("TerminateInstances", "<instancesSet/>")


def test_the_machines_of_fleets_in_every_state(bench: Any) -> None:
    bench.line.on(
        LOOK,
        page(bench, instance(ONE, fleet=FLEET), token="a"),
        page(
            bench, instance(TWO, "terminated", FLEET), instance("i-x"), instance("i-y", fleet="z")
        ),
    )
    found = bench.aws.machines.of_fleets([FLEET])
    assert found == {ONE: (FLEET, "running"), TWO: (FLEET, "terminated")}
    asked = bench.line.params(LOOK)[0]
    assert asked["Filters"] == [{"Name": f"tag:{TAG}", "Values": [FLEET]}]
    assert asked["MaxResults"] == 1000


def test_states_leave_out_what_ec2_forgot(bench: Any) -> None:
    bench.line.on(LOOK, page(bench, instance(ONE, "shutting-down"), instance("i-x")))
    assert bench.aws.machines.states([ONE, TWO]) == {ONE: "shutting-down"}
    asked = bench.line.params(LOOK)[0]
    assert "InstanceIds" not in asked
    assert asked["Filters"] == [{"Name": "instance-id", "Values": [ONE, TWO]}]


def test_a_filter_holds_two_hundred_values(bench: Any) -> None:
    bench.line.on(LOOK, page(bench))
    assert bench.aws.machines.states([f"i-{n:017x}" for n in range(401)]) == {}
    sizes = [len(asked["Filters"][0]["Values"]) for asked in bench.line.params(LOOK)]
    assert sizes == [200, 200, 1]


def test_nobody_is_not_asked_for_as_everybody(bench: Any) -> None:
    assert bench.aws.machines.states([]) == {}
    assert bench.aws.machines.of_fleets([]) == {}
    assert bench.aws.machines.terminate([]) is None
    assert bench.line.calls == []


def test_a_machine_without_a_state_is_unreadable(bench: Any) -> None:
    bench.line.on(LOOK, page(bench, f"<item><instanceId>{ONE}</instanceId></item>"))
    with pytest.raises(Unreadable):
        bench.aws.machines.states([ONE])


def test_recorded_machines_are_terminated(bench: Any) -> None:
    bench.line.on(STOP, stopped(bench))
    bench.aws.machines.terminate([ONE, TWO, ONE])
    assert bench.line.params(STOP) == [{"InstanceIds": [ONE, TWO]}]


def test_one_forgotten_machine_does_not_keep_the_others_running(bench: Any) -> None:
    bench.line.on(STOP, bench.line.error(STOP, "InvalidInstanceID.NotFound"), stopped(bench))
    bench.line.on(LOOK, page(bench, instance(TWO)))
    bench.aws.machines.terminate([ONE, TWO])
    assert bench.line.params(STOP)[1] == {"InstanceIds": [TWO]}


def test_machines_that_are_all_forgotten_are_done_with(bench: Any) -> None:
    bench.line.on(STOP, bench.line.error(STOP, "InvalidInstanceID.NotFound"))
    bench.line.on(LOOK, page(bench))
    assert bench.aws.machines.terminate([ONE, TWO]) is None
    assert bench.line.count(STOP) == 1


def test_an_answer_that_contradicts_itself_is_passed_on(bench: Any) -> None:
    bench.line.on(STOP, bench.line.error(STOP, "InvalidInstanceID.NotFound"))
    bench.line.on(LOOK, page(bench, instance(ONE)))
    with pytest.raises(Missing):
        bench.aws.machines.terminate([ONE])
    assert bench.line.count(STOP) == 1


def test_no_more_than_a_thousand_at_once(bench: Any) -> None:
    bench.machines = tuple(f"i-{n:017x}" for n in range(1001))
    bench.line.on(STOP, stopped(bench))
    bench.aws.machines.terminate(list(bench.machines))
    assert [len(asked["InstanceIds"]) for asked in bench.line.params(STOP)] == [1000, 1]


def test_a_stranger_is_not_terminated_along(bench: Any) -> None:
    with pytest.raises(NotOurs, match="i-0bbbbbbbbbbbbbbbb"):
        bench.aws.machines.terminate([ONE, "i-0bbbbbbbbbbbbbbbb"])
    assert bench.line.calls == []


def test_being_denied_is_told(bench: Any) -> None:
    bench.line.on(STOP, bench.line.error(STOP, "UnauthorizedOperation", status=403))
    with pytest.raises(Denied):
        bench.aws.machines.terminate([ONE])
