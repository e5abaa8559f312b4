"""Machines that AWS takes back or does not have, and too few that are left."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from dcp_engine.builtin.troubles.capacity import few_machines, lost_capacity
from dcp_engine.builtin.troubles.scene import Known
from dcp_engine.defaults import Settings
from dcp_engine.model import Cheapest, Observation, Run
from dcp_engine.series import JOBS_DONE
from tests.unit.numbers import at
from tests.unit.runs import START, fleet
from tests.unit.troubles.scenes import roll, scene, work, working

HEALTHY = work(0, 121)
BACK = "Server.SpotInstanceTermination: Spot instance termination"


def taken_back(number: int, minutes: float = 100, reason: str = BACK) -> list[Any]:
    return [*roll(10), *roll(number, first=50, ended_at=at(minutes), reason=reason)]


def test_machines_that_aws_takes_back_are_told_of_with_its_words() -> None:
    words = lost_capacity(scene(HEALTHY, machines=taken_back(5)))
    assert isinstance(words, str)
    assert words.startswith("AWS took back 5 machines of Exp1 within 1 hour, and 10 are up.")
    assert f"AWS says: {BACK}. What they worked on comes back" in words


@pytest.mark.parametrize(
    "machines",
    [
        roll(10),
        taken_back(3),
        taken_back(5, minutes=55),
        taken_back(5, reason="Client.UserInitiatedShutdown: User initiated shutdown"),
    ],
    ids=["none", "few of them", "long ago", "ended by somebody"],
)
def test_a_machine_now_and_then_is_no_trouble(machines: list[Any]) -> None:
    assert lost_capacity(scene(HEALTHY, machines=machines)) is None


def test_a_fleet_that_has_far_less_than_it_requests_is_told_of_after_a_while() -> None:
    few = work(0, 121, machines=4, target=10)
    assert lost_capacity(scene(few, 55, machines=roll(4))) is None
    reasons = ("capacity-not-available.", "capacity-not-available")
    words = lost_capacity(scene(few, 75, machines=roll(4), reasons=reasons))
    assert isinstance(words, str)
    assert words.startswith(
        "The fleet of Exp1 has 4 of the 10 units of capacity that it requests, and had less than "
        "half of them for 1 hour and 10 minutes. AWS says: capacity-not-available. AWS goes on"
    )
    unsaid = lost_capacity(scene(few, 75, machines=roll(4)))
    assert isinstance(unsaid, str)
    assert "AWS does not say why" in unsaid
    more = [*few, *work(121, 140, machines=5, target=10)]
    assert lost_capacity(scene(more, 135, machines=roll(5))) is None


def test_a_fleet_that_has_nothing_at_all_is_another_trouble() -> None:
    none = work(0, 121, machines=0, target=10)
    assert lost_capacity(scene(none, machines=[])) is None


@pytest.mark.parametrize(("numbers", "minutes"), [([], 120.0), (HEALTHY, 300.0)])
def test_a_fleet_that_was_not_looked_at_lately_cannot_be_told_of(
    numbers: list[Any], minutes: float
) -> None:
    assert lost_capacity(scene(numbers, minutes)) is Known.NOT


def test_a_fleet_that_was_lowered_lacks_nothing() -> None:
    shrunk = [*HEALTHY, *work(121, 300, machines=4, target=1)]
    assert lost_capacity(scene(shrunk, 290, machines=roll(4))) is None


def test_without_a_job_left_nothing_is_missed() -> None:
    few = work(0, 121, machines=4, target=10)
    assert lost_capacity(scene(few, of=working(0, 0), machines=taken_back(5))) is None


def cheapest(acted: float | None = 15, **changes: Any) -> Run:
    mode = Cheapest(engaged_at=START, acted_at=None if acted is None else at(acted))
    done = (Observation(name=JOBS_DONE, value=40, at=at(115)),)
    return working(cheapest=mode, observations=done, **changes)


SLOW = work(0, 121, rate=1 / 3, in_flight=2, machines=1)


def test_few_machines_that_take_very_long_are_told_of_once_cheapest_mode_has_acted() -> None:
    slow = cheapest(visible=1500, in_flight=2, machines=1)
    words = few_machines(scene(SLOW, of=slow))
    assert isinstance(words, str)
    assert words.startswith("1502 jobs are left of Exp1, and 1 machine is up: at the present pace")
    assert few_machines(scene(SLOW, of=replace(slow, cheapest=None))) is None
    assert few_machines(scene(SLOW, of=cheapest(None, visible=1500, in_flight=2))) is None
    patient = Settings(few_machines_wait=timedelta(days=5))
    assert few_machines(scene(SLOW, of=slow, settings=patient)) is None
    assert few_machines(scene(SLOW, of=cheapest(visible=50, in_flight=2, machines=1))) is None
    assert few_machines(scene(SLOW, of=cheapest(visible=0, in_flight=0, machines=1))) is None


def test_before_ten_jobs_are_done_the_time_of_a_job_tells() -> None:
    first = replace(
        cheapest(visible=1500, in_flight=2, machines=1),
        observations=(Observation(name=JOBS_DONE, value=4, at=at(115)),),
    )
    assert isinstance(few_machines(scene(SLOW, of=first)), str)
    nothing = work(0, 121, rate=0, in_flight=2, machines=1)
    assert few_machines(scene(nothing, of=first)) is Known.NOT


def test_no_machine_at_all_is_told_of_after_half_an_hour() -> None:
    none = cheapest(machines=0, no_machine_since=at(85))
    assert few_machines(scene(SLOW, 110, of=none)) is None
    words = few_machines(scene(SLOW, 115, of=none))
    assert isinstance(words, str)
    assert words.startswith("420 jobs are left of Exp1 and no machine is up any more.")


def test_machines_that_are_not_known_are_not_few() -> None:
    unknown = replace(cheapest(visible=1500), fleets=(fleet(active=None),))
    assert few_machines(scene(SLOW, of=unknown)) is Known.NOT
