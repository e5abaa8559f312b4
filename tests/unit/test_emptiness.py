"""When a queue may be believed to be empty."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dcp_engine.defaults import Settings
from dcp_engine.emptiness import add_reading, confirmed_empty, confirmed_missing, need
from dcp_engine.model import Reading
from tests.unit.runs import START, reading

SETTINGS = Settings()


def window(readings: Sequence[Reading], settings: Settings = SETTINGS) -> tuple[Reading, ...]:
    kept: tuple[Reading, ...] = ()
    for one in readings:
        kept = add_reading(kept, one, settings)
    return kept


def empty_every(seconds: float, count: int) -> list[Reading]:
    return [reading(at=i * seconds) for i in range(count)]


def test_three_zero_readings_over_three_minutes_are_enough() -> None:
    assert confirmed_empty(window(empty_every(90, 3)), SETTINGS)


def test_two_are_not() -> None:
    assert not confirmed_empty(window(empty_every(180, 2)), SETTINGS)


def test_many_in_too_short_a_time_are_not() -> None:
    assert not confirmed_empty(window(empty_every(10, 18)), SETTINGS)
    assert confirmed_empty(window(empty_every(10, 19)), SETTINGS)


def test_a_fast_poll_still_sees_the_whole_window() -> None:
    assert confirmed_empty(window(empty_every(1, 181)), SETTINGS)


def test_one_job_of_any_kind_starts_the_window_again() -> None:
    for job in (reading(1, at=120), reading(0, 1, at=120), reading(0, 0, 1, at=120)):
        readings = [reading(at=0), reading(at=60), job, reading(at=180), reading(at=240)]
        assert not confirmed_empty(window(readings), SETTINGS)
        later = [*readings, reading(at=300), reading(at=360)]
        assert confirmed_empty(window(later), SETTINGS)


def test_a_long_gap_starts_the_window_again() -> None:
    slept = [reading(at=0), reading(at=60), reading(at=60 + 1860), reading(at=2000)]
    assert not confirmed_empty(window(slept), SETTINGS)


def test_a_gap_of_three_times_the_usual_starts_the_window_again() -> None:
    readings = [*empty_every(60, 3), reading(at=120 + 181), reading(at=120 + 241)]
    assert not confirmed_empty(window(readings), SETTINGS)
    assert confirmed_empty(window([*empty_every(60, 3), reading(at=120 + 179)]), SETTINGS)


def test_cron_every_five_minutes_is_a_usual_spacing_of_its_own() -> None:
    assert confirmed_empty(window(empty_every(300, 3)), SETTINGS)


def test_time_running_backwards_starts_the_window_again() -> None:
    readings = [reading(at=0), reading(at=100), reading(at=90), reading(at=200)]
    assert not confirmed_empty(window(readings), SETTINGS)


def test_short_durations_are_not_upset_by_whole_seconds() -> None:
    quick = Settings(poll_interval=timedelta(milliseconds=200), empty_window=timedelta(seconds=2))
    assert confirmed_empty(window([reading(at=i // 5) for i in range(11)], quick), quick)


def test_the_window_stays_small() -> None:
    kept = window([reading(1, at=i) for i in range(5000)])
    assert len(kept) < 20


def test_need_is_the_largest_of_the_latest_readings() -> None:
    readings = [reading(50, at=0), reading(5, 3, 2, at=60), reading(4, at=120), reading(2, at=180)]
    assert need(window(readings), SETTINGS) == 10


def test_need_is_unknown_without_enough_readings() -> None:
    assert need(window([reading(5, at=0), reading(5, at=60)]), SETTINGS) is None


def test_missing_takes_as_long_as_empty() -> None:
    moments = [START + timedelta(seconds=s) for s in (0, 60, 120, 180)]
    assert not confirmed_missing(moments[:3], SETTINGS)
    assert confirmed_missing(moments, SETTINGS)


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 1), st.floats(0, 4000)),
        min_size=1,
        max_size=60,
    )
)
def test_emptiness_is_never_confirmed_from_fewer_or_closer_zeros(
    steps: list[tuple[int, int, int, float]],
) -> None:
    at, readings = 0.0, []
    for visible, in_flight, delayed, gap in steps:
        at += gap
        readings.append(reading(visible, in_flight, delayed, at=at))
    if confirmed_empty(window(readings), SETTINGS):
        zeros = []
        for one in reversed(readings):
            if not one.empty:
                break
            zeros.append(one)
        assert len(zeros) >= SETTINGS.empty_readings
        assert zeros[0].at - zeros[-1].at >= SETTINGS.empty_window
        last_gaps = [later.at - earlier.at for later, earlier in pairwise(zeros)]
        assert last_gaps[0] <= timedelta(minutes=30)
