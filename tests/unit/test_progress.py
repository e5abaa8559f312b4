"""How far, how fast, and when it ends: what is told, and what is left unknown."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from dcp_engine import rates
from dcp_engine.model import Identities, Observation, Run, State
from dcp_engine.progress import Progress, job_time, progress_of
from dcp_engine.series import JOBS_DONE, RUN, Bucket, Spread, thinned
from tests.unit.numbers import HOUR, MINUTE, at, count, deleted, machines, seen
from tests.unit.runs import START, fleet, reading, run


def working(**changes: Any) -> Run:
    """A run with three machines, 60 jobs waiting and 3 in flight, counted after two hours."""
    facts: dict[str, Any] = {"reading": reading(60, 3, at=7200), "dead_letters": 0}
    return run(State.RUNNING, **{**facts, **changes})


def done(jobs: float, minutes: float = 115) -> tuple[Observation, ...]:
    return (Observation(name=JOBS_DONE, value=jobs, unit="jobs", at=at(minutes)),)


def sent(jobs_a_minute: float, *, since: float, until: float) -> list[Bucket]:
    """What CloudWatch tells of the jobs that were submitted from one minute to another."""
    return [seen(minute, sent=jobs_a_minute) for minute in range(int(since), int(until), 5)]


STEADY = [
    *(count(minute, 63 + (120 - minute) * 0.5, 3) for minute in range(121)),
    *deleted(0.5, since=0, until=115),
    *machines(3, since=0, until=121),
]
"""Half a job a minute on three machines, for two hours."""


def test_nothing_is_known_of_a_run_that_was_never_counted() -> None:
    assert progress_of(run(), [], START) == Progress()
    assert Progress().share is None


def test_one_count_alone_tells_what_is_left_and_that_none_was_seen_to_go() -> None:
    now = progress_of(working(), [count(120, 60, 3)], at(120))
    assert now == Progress(done=0, left=63, by_counts=True)
    assert now.share == 0


def test_what_is_done_is_cloudwatchs_number() -> None:
    now = progress_of(working(observations=done(57)), STEADY, at(120))
    assert (now.done, now.left, now.by_counts) == (57, 63, False)
    assert now.share == 57 / 120
    assert now.rate == pytest.approx(30)


def test_an_old_number_of_cloudwatchs_gives_way_to_the_queues_counts() -> None:
    now = progress_of(working(observations=done(2, minutes=80)), STEADY, at(120))
    assert (now.done, now.by_counts) == (63, True)


def test_a_job_that_was_done_and_deleted_twice_is_done_once() -> None:
    """CloudWatch tells of 70 deleted messages of the 63 jobs that are gone."""
    numbers = sorted([*STEADY, *sent(0, since=0, until=115)], key=lambda bucket: bucket.at)
    now = progress_of(working(observations=done(70)), numbers, at(120))
    assert (now.done, now.left, now.by_counts) == (63, 63, False)


def test_what_cloudwatch_has_not_told_of_yet_is_done_all_the_same() -> None:
    numbers = sorted([*STEADY, *sent(0, since=0, until=115)], key=lambda bucket: bucket.at)
    assert progress_of(working(observations=done(50)), numbers, at(120)).done == 63


def test_jobs_that_are_submitted_as_fast_as_others_are_done_count() -> None:
    """The queue's counts stand still, at 63, while a job a minute comes and another goes."""
    numbers = [
        *(count(minute, 60, 3) for minute in range(121)),
        *sent(1, since=0, until=120),
        *deleted(1, since=0, until=120),
    ]
    numbers.sort(key=lambda bucket: bucket.at)
    assert progress_of(working(observations=done(120)), numbers, at(120)).done == 120


def test_what_was_submitted_in_the_period_of_the_first_count_is_in_that_count() -> None:
    numbers = [*sent(20, since=0, until=5), *(count(minute, 100) for minute in range(3, 60))]
    there = working(reading=reading(100, 0, at=3600), observations=done(0, minutes=55))
    assert progress_of(there, numbers, at(60)).done == 0


def test_what_was_done_before_the_first_count_is_done() -> None:
    """Registered an hour late, when 30 of 100 jobs were done; 10 more are by now."""
    numbers = [
        *deleted(0.5, since=0, until=60),
        *sent(0, since=0, until=60),
        count(60, 70),
        count(79, 60),
        *deleted(0.5, since=60, until=75),
        *sent(0, since=60, until=75),
    ]
    numbers.sort(key=lambda bucket: bucket.at)
    there = working(reading=reading(60, 0, at=79 * 60), observations=done(37.5, minutes=75))
    assert progress_of(there, numbers, at(80)).done == 40


def test_a_number_is_as_old_as_the_count_that_it_belongs_to() -> None:
    """Nobody looked for a week: what was done and what was left belong together all the same."""
    now = progress_of(working(observations=done(57)), STEADY, at(7 * 24 * 60))
    assert (now.done, now.left) == (57, 63)
    assert (now.rate, now.ends) == (None, None)


def test_the_dead_and_the_lost_are_not_done() -> None:
    counts = [count(0, 100), count(120, 60, 3)]
    dead = progress_of(working(dead_letters=7, unworked_fall=5), counts, at(120))
    assert dead.done == 100 - 63 - 7 - 5


def test_where_the_dead_are_not_known_the_done_are_not_either() -> None:
    unknown = working(
        dead_letters=None,
        identities=Identities(queue_created_at=START, dead_letter_queue_arn="arn:aws:sqs:x:1:dead"),
    )
    assert progress_of(unknown, [count(0, 100), count(120, 60, 3)], at(120)).done is None
    none = working(dead_letters=None, identities=Identities(queue_created_at=START))
    assert progress_of(none, [count(0, 100), count(120, 60, 3)], at(120)).done == 37


def test_counts_that_have_been_thinned_still_tell_how_many_jobs_there_were() -> None:
    """The mean of an hour in which 60 of 100 jobs were done is 70; there were 100 at its begin."""
    counts = [count(minute, 100 - minute, 0) for minute in range(61)]
    old = thinned(counts, START + timedelta(days=5))
    assert len(old) < 3
    late = working(reading=reading(40, 0, at=3600))
    assert progress_of(late, old, START + timedelta(days=5)).done == 60


def test_jobs_that_were_submitted_in_between_do_not_slow_it_down() -> None:
    counts = [
        *(count(minute, 50 - minute) for minute in range(40)),
        *(count(minute, 240 - minute) for minute in range(40, 121)),
    ]
    now = progress_of(working(reading=reading(120, 0, at=7200)), counts, at(120))
    assert now.rate == pytest.approx(60)
    assert now.by_counts


def test_jobs_that_outlast_the_visibility_timeout_take_longer_than_that() -> None:
    """Five machines with two jobs each, an hour for each job, ten minutes of it in flight."""
    numbers = [
        seen(0, visible=90, in_flight=10, delayed=0, machines=5),
        *(count(minute, 90, 10 / 6) for minute in range(1, 241)),
        *machines(5, since=10, until=241),
        *deleted(10 / 60, since=0, until=240),
    ]
    numbers.sort(key=lambda bucket: bucket.at)
    short = job_time(numbers, at(240), visibility=10 * MINUTE)
    assert short is not None
    assert short / MINUTE == pytest.approx(60)
    # Without that, all that is known is that each machine has one in hand while jobs wait.
    one_each = job_time(numbers, at(240), visibility=60 * MINUTE)
    assert one_each is not None
    assert one_each / MINUTE == pytest.approx(30)


def test_a_few_jobs_are_looked_for_further_back() -> None:
    slow = deleted(1 / 60, since=0, until=720)
    now = progress_of(working(reading=reading(60, 3, at=720 * 60)), slow, at(721))
    assert now.rate == pytest.approx(1)


def test_a_rate_of_nothing_is_nothing_and_has_no_end() -> None:
    now = progress_of(working(observations=done(57)), deleted(0, since=0, until=115), at(120))
    assert (now.rate, now.ends) == (0, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"observations": done(9)},
        {"fleets": (fleet(active=0),)},
        {"reading": reading(0, 0, at=7200)},
        {"state": State.TEARDOWN},
    ],
    ids=["fewer than ten jobs", "no machine", "nothing left", "over"],
)
def test_no_end_is_told(changes: dict[str, Any]) -> None:
    other = replace(working(observations=done(57)), **changes)
    assert progress_of(other, STEADY, at(120)).ends is None


def test_the_end_is_a_range_around_what_the_rate_says() -> None:
    now = progress_of(working(observations=done(57)), STEADY, at(120))
    assert now.ends is not None
    earliest, latest = now.ends
    likely = at(120) + 63 / 30 * HOUR
    assert at(120) < earliest < likely < latest < likely + 3 * HOUR


def test_a_fleet_that_changes_widens_the_range() -> None:
    steady = progress_of(working(observations=done(57)), STEADY, at(120)).ends
    grows = working(observations=done(57), fleets=(fleet(target=9),))
    shrinks = working(observations=done(57), fleets=(fleet(target=1),))
    assert steady is not None
    for other in (grows, shrinks):
        ends = progress_of(other, STEADY, at(120)).ends
        assert ends is not None
        assert ends[0] <= steady[0]
        assert ends[1] >= steady[1]
        assert ends != steady


def test_with_fewer_machines_it_takes_as_much_longer() -> None:
    steady = progress_of(working(observations=done(57)), STEADY, at(120)).ends
    fewer = working(observations=done(57), fleets=(fleet(active=1, target=1, fulfilled=1.0),))
    ends = progress_of(fewer, STEADY, at(120)).ends
    assert steady is not None
    assert ends is not None
    assert ends[0] - at(120) == pytest.approx(3 * (steady[0] - at(120)), abs=MINUTE)


def test_an_end_that_is_years_away_is_none() -> None:
    slow = deleted(1 / 60, since=0, until=720)
    never = working(reading=reading(10**9, 0, at=720 * 60), observations=done(12, 720))
    assert progress_of(never, slow, at(721)).ends is None


def test_the_time_of_a_job_is_what_is_in_flight_by_what_is_done() -> None:
    """Three in flight, and half a job a minute: each takes six minutes."""
    assert progress_of(working(), STEADY, at(120)).job_time == 6 * MINUTE


def test_the_time_of_a_job_is_the_median_of_the_hours() -> None:
    odd = [
        *(count(minute, 99, 30 if minute < 60 else 3) for minute in range(300)),
        *deleted(0.5, since=0, until=300),
    ]
    assert progress_of(working(), odd, at(305)).job_time == 6 * MINUTE


def test_without_cloudwatch_the_counts_tell_the_time_of_a_job() -> None:
    counts = [count(minute, 120 - minute, 4) for minute in range(121)]
    time = progress_of(working(reading=reading(0, 4, at=7200)), counts, at(120)).job_time
    assert time is not None
    assert time.total_seconds() == pytest.approx(240)


def test_numbers_of_the_future_are_not_believed() -> None:
    """The clock was set back: what seems to come later was seen before."""
    assert progress_of(working(), STEADY, at(-1)).rate is None


NUMBERS = st.sampled_from(
    ["visible", "in-flight", "delayed", "deleted", "received", "machines", "target", "fulfilled"]
)
NUMBER = st.floats(0, 1e6)


@st.composite
def spreads(draw: st.DrawFn) -> Spread:
    low, mean, high = sorted(draw(st.tuples(NUMBER, NUMBER, NUMBER)))
    return Spread(mean, low, high, draw(st.integers(1, 50)))


BUCKETS = st.lists(
    st.builds(
        Bucket,
        at=st.integers(-600, 900).map(at),
        span=st.sampled_from([0, 5, 30, 120]).map(lambda minutes: minutes * MINUTE),
        values=st.dictionaries(NUMBERS, spreads(), max_size=8),
        subject=st.just(RUN),
    ),
    max_size=12,
).map(lambda buckets: sorted(buckets, key=lambda bucket: bucket.at))
LEFT = st.integers(0, 10**6)


def with_left(left: int, seen_done: int | None) -> Run:
    return working(
        reading=reading(left, 0, at=7200),
        observations=() if seen_done is None else done(seen_done),
    )


@settings(max_examples=50, deadline=None)
@given(BUCKETS, LEFT, st.none() | st.integers(0, 10**6))
def test_nothing_is_negative_and_every_range_is_one(
    numbers: list[Bucket], left: int, seen_done: int | None
) -> None:
    now = progress_of(with_left(left, seen_done), numbers, at(120))
    assert now.left == left
    assert now.done is None or now.done >= 0
    assert now.rate is None or now.rate >= 0
    assert now.job_time is None or now.job_time >= timedelta(0)
    assert now.share is None or 0 <= now.share <= 1
    assert now.ends is None or at(120) <= now.ends[0] <= now.ends[1]


@settings(max_examples=50, deadline=None)
@given(BUCKETS, LEFT, LEFT)
def test_the_more_is_left_the_later_it_ends_and_the_less_is_done(
    numbers: list[Bucket], one: int, other: int
) -> None:
    fewer, more = sorted((one, other))
    sooner, later = (progress_of(with_left(left, 50), numbers, at(120)) for left in (fewer, more))
    assert sooner.rate == later.rate
    if sooner.ends and later.ends:
        assert sooner.ends[0] <= later.ends[0]
        assert sooner.ends[1] <= later.ends[1]
    counted = [progress_of(with_left(left, None), numbers, at(120)).share for left in (fewer, more)]
    if None not in counted and fewer:
        assert counted[0] >= counted[1]  # type: ignore[operator]  # both are there


@settings(max_examples=50, deadline=None)
@given(BUCKETS, st.integers(0, 60 * 24 * 40))
def test_thinning_breaks_nothing(numbers: list[Bucket], minutes: int) -> None:
    kept = thinned(numbers, at(minutes))
    now = progress_of(working(), kept, at(120))
    counted = any(rates.most(b) is not None for b in kept if b.at <= at(120))
    assert (now.done is None) == (not counted)
    assert now.done is None or now.done >= 0
    assert now.ends is None or now.ends[0] <= now.ends[1]
