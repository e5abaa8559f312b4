"""The table as a whole: whatever was seen, no row fails, and a healthy run is left in peace."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from dcp_engine.answers import LONGEST_TEXT
from dcp_engine.builtin.troubles.scene import Dead, Scene
from dcp_engine.builtin.troubles.survey import troubles
from dcp_engine.builtin.troubles.table import TABLE
from dcp_engine.defaults import Settings
from dcp_engine.model import Cheapest, Machine, Run, State
from dcp_engine.series import Bucket, Spread
from tests.unit.numbers import at
from tests.unit.runs import START, fleet, reading, run
from tests.unit.troubles.scenes import QUEUE, roll, scene, work, working

NAMES = st.sampled_from(
    ["visible", "in-flight", "delayed", "deleted", "received", "machines", "target", "fulfilled"]
)
NUMBER = st.floats(0, 1e5)


@st.composite
def buckets(draw: st.DrawFn) -> Bucket:
    low, mean, high = sorted(draw(st.tuples(NUMBER, NUMBER, NUMBER)))
    names = draw(st.sets(NAMES, max_size=8))
    return Bucket(
        at=at(draw(st.integers(-900, 900))),
        span=draw(st.sampled_from([0, 5, 30, 120])) * timedelta(minutes=1),
        values={name: Spread(mean, low, high, draw(st.integers(1, 9))) for name in names},
    )


@st.composite
def runs(draw: st.DrawFn) -> Run:
    return run(
        draw(st.sampled_from([State.PENDING, State.RUNNING, State.DRAINING])),
        reading=draw(st.none() | st.builds(reading, st.integers(0, 99), st.integers(0, 99))),
        fleets=draw(
            st.lists(
                st.builds(
                    fleet,
                    active=st.none() | st.integers(0, 9),
                    target=st.none() | st.integers(0, 9),
                    fulfilled=st.none() | st.floats(0, 9),
                ),
                max_size=2,
            ).map(tuple)
        ),
        cheapest=draw(st.none() | st.just(Cheapest(engaged_at=START, acted_at=START))),
        identities=draw(st.sampled_from([QUEUE, replace(QUEUE, queue_visibility=None)])),
        no_machine_since=draw(st.sampled_from([None, START])),
    )


@st.composite
def machines(draw: st.DrawFn) -> Machine:
    ended = draw(st.none() | st.integers(0, 200).map(at))
    reason = draw(st.sampled_from([None, "", "Server.SpotInstanceTermination: no capacity"]))
    return roll(1, first=draw(st.integers(0, 99)), ended_at=ended, reason=reason)[0]


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    return Scene(
        run=draw(runs()),
        now=at(draw(st.integers(-60, 400))),
        settings=Settings(),
        numbers=sorted(draw(st.lists(buckets(), max_size=10)), key=lambda bucket: bucket.at),
        machines=draw(st.lists(machines(), max_size=5)),
        standing=draw(st.frozensets(st.sampled_from([row.name for row in TABLE]))),
        dead=draw(st.none() | st.just(Dead(first=1, count=3, grew_at=START))),
        full=draw(st.none() | st.just({"i-0000": "99 % of the disk /"})),
        reasons=draw(st.sampled_from([(), ("no capacity",)])),
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenes())
def test_whatever_was_seen_no_row_fails_and_none_says_more_than_is_kept(scene: Scene) -> None:
    for words in troubles(scene).values():
        assert words is None or 40 < len(words) <= LONGEST_TEXT


@pytest.mark.parametrize("cloudwatch", [True, False], ids=["CloudWatch", "counts alone"])
@pytest.mark.parametrize(
    ("machines", "each", "job"),
    [(1, 1, 5), (3, 1, 40), (10, 2, 10), (100, 4, 90), (1000, 16, 6)],
    ids=str,
)
def test_a_healthy_run_is_left_in_peace_at_every_look(
    machines: int, each: int, job: int, cloudwatch: bool
) -> None:
    """So many machines that come within half an hour, hold so many jobs, and take so long each."""
    hands = machines * each
    rate = hands / job
    left = hands + rate * 400
    numbers = [
        *work(0, 20, rate=0, in_flight=0, machines=0, target=machines, left=left),
        *work(20, 20 + job, rate=0, in_flight=hands, machines=machines, left=left),
        *work(20 + job, 420, rate=rate, in_flight=hands, machines=machines, left=left),
    ]
    if not cloudwatch:
        numbers = [bucket for bucket in numbers if "deleted" not in bucket.values]
    for minutes in range(0, 420, 10):
        last = [b for b in numbers if b.at <= at(minutes) and "visible" in b.values][-1]
        now = reading(
            int(last.values["visible"].mean), int(last.values["in-flight"].mean), at=minutes * 60
        )
        up = machines if minutes >= 20 else 0
        there = working(machines=up, reading=now, identities=QUEUE)
        found = troubles(scene(numbers, minutes, of=there, machines=roll(up), full={}))
        assert not [words for words in found.values() if words], minutes
