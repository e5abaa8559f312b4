"""Machines that never join: told of with their number, ended only where that is asked for."""

from collections.abc import Sequence
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from dcp_engine.builtin import unjoined
from dcp_engine.defaults import Settings
from dcp_engine.errors import Transient
from dcp_engine.hookspecs import DutyResult
from dcp_engine.model import Machine, Problem
from dcp_engine.ports import ClusterFacts
from tests.unit.builtin.watched import MINUTE, Watched, machine
from tests.unit.runs import START

END_THEM = Settings(end_unjoined=True)
PROBLEM = "unjoined-machines"


class Ecs:
    """A cluster, and what is asked about it."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.asked: list[list[str]] = []
        self.ended: list[list[str]] = []
        self.silent = False
        self.there = True

    def joined(self, instance_ids: Sequence[str]) -> frozenset[str]:
        self.asked.append(list(instance_ids))
        if self.silent:
            raise Transient("ecs:ListContainerInstances", "ServerException", "busy")
        return frozenset(self.known & {*instance_ids})

    def cluster(self) -> ClusterFacts | None:
        facts = ClusterFacts(
            status="ACTIVE", services=1, running_tasks=1, pending_tasks=0, container_instances=1
        )
        return facts if self.there else None

    def end_unjoined(self, instance_ids: Sequence[str]) -> tuple[str, ...]:
        left = [i for i in instance_ids if i not in self.known]
        self.ended.append(left)
        return tuple(left)


def watched(*machines: Machine, settings: Settings | None = None) -> tuple[Watched, Ecs]:
    ecs = Ecs()
    aws = SimpleNamespace(service=ecs, machines=ecs)
    return Watched(unjoined.look, aws, *machines, settings=settings), ecs


def ids(*numbers: int) -> list[str]:
    return [machine(n).instance_id for n in numbers]


def problem(result: DutyResult) -> str:
    words = result.problems[PROBLEM]
    assert words is not None
    return words


def test_nothing_is_asked_while_no_machine_is_old_enough() -> None:
    rig, ecs = watched(*map(machine, range(3)))
    rig.tick(20)
    assert ecs.asked == []


def test_those_that_joined_are_asked_after_once() -> None:
    rig, ecs = watched(*map(machine, range(3)))
    ecs.known = {*ids(0, 1, 2)}
    rig.tick(600)
    assert ecs.asked == [ids(0, 1, 2)]
    # ECS may forget an agent that it has lost sight of; the machine may be working.
    ecs.known = set()
    rig.tick(600)
    assert len(ecs.asked) == 1
    assert all(result.problems == {PROBLEM: None} for result in rig.results)


def test_those_that_did_not_are_told_of_until_they_have() -> None:
    rig, ecs = watched(*map(machine, range(6)))
    ecs.known = {*ids(0)}
    rig.clock.advance(1260)
    said = problem(rig.do())
    assert said.startswith(
        "5 machines of Exp1 have been up for more than 20 minutes and never joined the ECS cluster "
        f"default: {', '.join(ids(1, 2, 3))} and 2 more, the first since 2030-01-01 12:00 UTC."
    )
    ecs.known |= {*ids(1, 2, 3, 4)}
    rig.clock.advance(600)
    assert problem(rig.do()).startswith("1 machine of Exp1 has been up")
    assert ecs.asked[1] == ids(1, 2, 3, 4, 5)
    rig.end(*ids(5))
    assert rig.do().problems == {PROBLEM: None}
    assert len(ecs.asked) == 2


def test_new_ones_are_asked_after_beside_the_old() -> None:
    rig, ecs = watched(machine(1))
    rig.tick(35)
    rig.machines_there.append(machine(2, began=rig.clock.now()))
    rig.tick(30)
    assert ecs.asked[-1] == ids(1, 2)
    assert "2 machines" in problem(rig.results[-1])


def test_where_ecs_cannot_be_read_nothing_is_concluded() -> None:
    rig, ecs = watched(machine(1))
    ecs.silent = True
    rig.clock.advance(1260)
    for _ in range(3):
        with pytest.raises(Transient):
            rig.do()
    ecs.silent = False
    ecs.known = {*ids(1)}
    assert rig.do().problems == {PROBLEM: None}


def test_as_the_settings_are_none_is_ended() -> None:
    rig, ecs = watched(machine(1), machine(2))
    ecs.known = {*ids(1)}
    rig.tick(600)
    assert ecs.ended == []
    assert rig.told == []


def test_where_that_is_asked_for_they_are_ended_at_the_second_look() -> None:
    rig, ecs = watched(machine(1), machine(2), machine(3), settings=END_THEM)
    ecs.known = {*ids(1)}
    rig.clock.advance(1260)
    assert "What is still missing at the next look is ended" in problem(rig.do())
    assert ecs.ended == []
    rig.clock.advance(600)
    assert rig.do().problems == {PROBLEM: None}
    assert ecs.ended == [ids(2, 3)]
    ((kind, text, data),) = rig.told
    assert (kind, data["count"]) == ("unjoined", 2)
    assert text == (
        "Ending 2 machines that never joined the cluster default: "
        f"{', '.join(ids(2, 3))}. The settings ask for that (end_unjoined)."
    )
    rig.end(*ids(2, 3))
    rig.clock.advance(600)
    (seen,) = rig.do().observations
    assert (seen.name, seen.value, seen.unit) == ("unjoined machines ended", 2, "machines")
    rig.tick(60)
    assert ecs.ended == [ids(2, 3)]
    assert len(rig.told) == 1


def test_where_none_has_joined_none_is_ended() -> None:
    """The run's file may name another cluster than the one in which all of them work."""
    rig, ecs = watched(*map(machine, range(3)), settings=END_THEM)
    rig.tick(600)
    assert ecs.ended == []
    assert "no machine of this run has joined" in problem(rig.results[-1])


def test_where_the_cluster_is_not_there_none_is_ended() -> None:
    rig, ecs = watched(machine(1), settings=END_THEM)
    ecs.known = {*ids(1)}
    rig.tick(35)
    rig.machines_there.append(machine(2, began=rig.clock.now()))
    ecs.there = False
    rig.tick(120)
    assert ecs.ended == []
    assert "1 machine" in problem(rig.results[-1])


def test_one_that_joins_at_the_last_moment_is_spared() -> None:
    rig, ecs = watched(*map(machine, range(3)), settings=END_THEM)
    ecs.known = {*ids(0)}
    rig.clock.advance(1260)
    rig.do()
    late = ids(1)[0]
    asked = ecs.end_unjoined

    def just_then(instance_ids: Sequence[str]) -> tuple[str, ...]:
        ecs.known.add(late)
        return asked(instance_ids)

    ecs.end_unjoined = just_then  # type: ignore[method-assign]  # it joins between two calls
    rig.clock.advance(600)
    assert rig.do().problems == {PROBLEM: None}
    rig.tick(120)
    assert late not in {i for call in ecs.ended for i in call}
    assert late not in rig.remembered["waiting"]


def test_a_process_that_dies_before_the_call_goes_on_and_tells_it_once() -> None:
    rig, ecs = watched(machine(1), machine(2), settings=END_THEM)
    ecs.known = {*ids(1)}
    rig.clock.advance(1260)
    rig.do()
    ends = ecs.end_unjoined

    def dies(instance_ids: Sequence[str]) -> tuple[str, ...]:
        raise KeyboardInterrupt

    ecs.end_unjoined = dies  # type: ignore[method-assign]  # the process dies there
    with pytest.raises(KeyboardInterrupt):
        rig.do()
    ecs.end_unjoined = ends  # type: ignore[method-assign]
    rig.do()
    assert ecs.ended == [ids(2)]
    assert len(rig.told) == 1


def test_what_is_said_to_do_goes_by_the_settings() -> None:
    for settings, said in (
        (Settings(), "One that idles for 15 minutes is ended by its alarm and replaced."),
        (Settings(ensure_alarms=False), "Nothing ends them but you"),
    ):
        rig, _ = watched(machine(1), settings=settings)
        rig.clock.advance(1260)
        assert said in problem(rig.do())


def test_a_whole_fleet_that_never_joins_is_remembered_within_what_a_duty_may_remember() -> None:
    rig, ecs = watched(*(machine(n, began=START - 30 * MINUTE) for n in range(5000)))
    rig.tick(30)
    assert "5000 machines" in problem(rig.results[-1])
    assert len(ecs.asked) == 3


def test_that_they_are_ended_and_replaced_is_no_end_of_it() -> None:
    """Their alarms end both after half an hour, and two others come that do not join either."""
    rig, ecs = watched(machine(1), machine(2))
    rig.clock.advance(1260)
    standing = Problem(name=PROBLEM, text=problem(rig.do()), since=rig.clock.now())
    rig.run = replace(rig.run, problems=(standing,))
    rig.clock.advance(600)
    rig.end(*ids(1, 2))
    rig.machines_there += [machine(n, began=rig.clock.now()) for n in (3, 4)]
    assert rig.do().problems == {}
    rig.clock.advance(1260)
    assert problem(rig.do()).startswith("2 machines of Exp1 have been up for more than 20 minutes")
    rig.end(*ids(3, 4))
    rig.machines_there.append(machine(5, began=rig.clock.now()))
    ecs.known = {*ids(5)}
    assert rig.do().problems == {}
    rig.clock.advance(1260)
    assert rig.do().problems == {PROBLEM: None}


def test_with_no_machine_for_long_it_does_not_matter_any_more() -> None:
    rig, _ = watched(machine(1))
    rig.clock.advance(1260)
    standing = Problem(name=PROBLEM, text=problem(rig.do()), since=rig.clock.now())
    rig.end(*ids(1))
    rig.run = replace(rig.run, problems=(standing,), no_machine_since=rig.clock.now())
    rig.clock.advance(600)
    assert rig.do().problems == {}
    rig.clock.advance(1200)
    assert rig.do().problems == {PROBLEM: None}
