"""When the day is over that other people's plugins have at a run's end."""

from datetime import datetime, timedelta

from msgspec.structs import replace

from dcp_engine import answers, stop
from dcp_engine.allowance import _FLEETS, FIRST_TRIED, LOGS, THIRD_PARTY_LIMIT, over_at
from dcp_engine.model import Ended, Run, Step
from tests.unit.runs import START, run

DAY = THIRD_PARTY_LIMIT
HOUR = timedelta(hours=1)


def torn_down(*steps: Step, machines_ended_at: datetime | None = START) -> Run:
    return replace(run(), steps=steps, machines_ended_at=machines_ended_at)


def tried(name: str, at: datetime | None) -> Step:
    return Step(name=name, first_at=at)


def exporting(**first: datetime) -> Step:
    moments = {name: moment.timestamp() for name, moment in first.items()}
    return Step(name="logs", progress={"Exp1": {"end": 0.0}, "Exp2": {FIRST_TRIED: moments}})


def test_it_begins_with_the_machines_end_and_not_before_anybody_tried() -> None:
    assert over_at(torn_down(), ["a"]) is None
    assert over_at(torn_down(tried("a", None)), ["a"]) is None
    assert over_at(torn_down(tried("a", START - HOUR)), ["a"]) == START + DAY
    assert over_at(torn_down(tried("a", START), machines_ended_at=None), ["a"]) is None


def test_a_computer_that_slept_does_not_use_it_up() -> None:
    monday = START + 2 * DAY
    assert over_at(torn_down(tried("a", monday)), ["a"]) == monday + DAY


def test_it_begins_once_for_all() -> None:
    both = torn_down(tried("a", START + 5 * HOUR), tried("b", START + 2 * HOUR))
    assert over_at(both, ["a", "b"]) == START + 2 * HOUR + DAY
    with_exporter = torn_down(tried("a", START + 5 * HOUR), exporting(x=START + HOUR))
    assert over_at(with_exporter, ["a"]) == START + HOUR + DAY


def test_what_is_ours_does_not_begin_it() -> None:
    assert over_at(torn_down(tried("queue", START)), []) is None


def test_a_waived_end_of_the_machines_is_one() -> None:
    waived = Step(name="fleets", ended=Ended.WAIVED, ended_at=START + HOUR)
    found = torn_down(waived, tried("a", START), machines_ended_at=None)
    assert over_at(found, ["a"]) == START + HOUR + DAY


def test_a_part_of_it() -> None:
    assert over_at(torn_down(tried("a", START)), ["a"], 0.5) == START + DAY / 2


def test_the_names_are_those_of_the_engine() -> None:
    assert _FLEETS == stop.FLEETS
    assert {_FLEETS, LOGS} < answers.OF_THE_ENGINE["teardown_steps"]
