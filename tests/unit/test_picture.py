"""A picture of a run is of the latest moment that is known of, whatever a clock says."""

from datetime import timedelta

from dcp_engine.model import State
from dcp_engine.picture import picture
from tests.unit.numbers import at, count
from tests.unit.runs import START, run


def until(state: State, minutes: float) -> float:
    """Up to which minute a run's picture tells, by a clock that says so many minutes."""
    there = run(state, state_since=START)
    numbers = [count(minute, 10) for minute in range(61)]
    drawn = picture(there, machines=(), events=(), numbers=numbers, now=at(minutes))
    return (drawn.until - START) / timedelta(minutes=1)


def test_a_live_run_is_shown_as_it_is_now() -> None:
    assert until(State.RUNNING, 75) == 75


def test_a_clock_that_was_set_back_takes_nothing_away() -> None:
    assert until(State.RUNNING, -300) == 60


def test_an_ended_run_is_shown_up_to_its_end() -> None:
    assert until(State.EXPORTED, 600) == 0
    assert until(State.EXPORTED, -300) == 0
