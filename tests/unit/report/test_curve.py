"""Lines with gaps where nothing was known."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from dcp_engine import series
from dcp_engine.report.axis import Scale, TimeAxis
from dcp_engine.report.curve import band, coarser, line, pieces, points, stairs
from dcp_engine.series import Bucket, Spread
from tests.unit.report.pictures import MINUTE, seen
from tests.unit.runs import START

AXIS = TimeAxis(start=START, end=START + timedelta(minutes=100))
SCALE = Scale(top=10.0, step=2.5)


def counts(minutes: Sequence[float], value: float = 5.0) -> list[Bucket]:
    return [seen(START + n * MINUTE, visible=value) for n in minutes]


def sizes(buckets: Sequence[Bucket]) -> list[int]:
    return [len(part) for part in pieces(points(buckets, "visible"))]


def test_nothing_known_is_no_line() -> None:
    assert pieces([]) == []
    assert line([], AXIS, SCALE) == stairs([], AXIS, SCALE) == band([], AXIS, SCALE) == ""
    assert points(counts([1, 2]), "delayed") == []


def test_one_number_is_a_dot() -> None:
    parts = pieces(points(counts([50]), "visible"))
    assert line(parts, AXIS, SCALE) == "M5000,500h0"
    assert stairs(parts, AXIS, SCALE) == "M5000,500H5000"


def test_two_numbers_are_a_line_however_far_apart() -> None:
    parts = pieces(points(counts([0, 90]), "visible"))
    assert line(parts, AXIS, SCALE) == "M0,500L9000,500"


@pytest.mark.parametrize(
    ("minutes", "parts"),
    [
        (range(60), [60]),
        ([*range(20), *range(30, 60)], [20, 30]),
        ([*range(20), 40, *range(60, 80)], [20, 1, 20]),
        ([*range(20), *range(22, 40)], [38]),
        ([*range(0, 60, 10), *range(80, 140, 10)], [12]),
        ([*range(0, 60, 10), *range(90, 150, 10)], [6, 6]),
    ],
    ids=[
        "each minute",
        "ten minutes missing",
        "one between two gaps",
        "two missing",
        "thirty of every ten",
        "forty of every ten",
    ],
)
def test_what_is_missing_for_long_is_a_gap(minutes: Sequence[int], parts: list[int]) -> None:
    assert sizes(counts(minutes)) == parts


def test_counting_less_often_is_no_gap() -> None:
    assert sizes(counts([*range(60), *range(69, 200, 10), *range(200, 260)])) == [134]


@pytest.mark.parametrize("hours", [3, 30, 300])
def test_a_gap_stays_one_when_the_numbers_grow_coarser(hours: int) -> None:
    there = [*range(24 * 60), *range(31 * 60, 60 * 60)]
    now = START + timedelta(hours=60 + hours)
    thinned = series.thinned(counts(there), now)
    assert len(thinned) < len(there)
    parts = pieces(points(thinned, "visible"))
    assert len(parts) == 2
    assert parts[0][-1].at < START + timedelta(hours=24) <= parts[1][0].at + timedelta(hours=8)


def test_a_number_that_was_not_told_is_a_gap_in_its_own_line_alone() -> None:
    told = [seen(START + n * MINUTE, visible=1.0, delayed=0.0) for n in range(60)]
    untold = [seen(START + n * MINUTE, delayed=0.0) for n in range(20, 40)]
    buckets = [*told[:20], *untold, *told[40:]]
    assert [len(p) for p in pieces(points(buckets, "visible"))] == [20, 20]
    assert [len(p) for p in pieces(points(buckets, "delayed"))] == [60]


def test_zero_is_drawn_at_the_bottom_and_is_no_gap() -> None:
    parts = pieces(points(counts([0, 50, 100], value=0.0), "visible"))
    assert line(parts, AXIS, SCALE) == "M0,1000L5000,1000 10000,1000"


def test_stairs_hold_until_the_next_and_bend_only_where_the_number_changes() -> None:
    buckets = [*counts([0, 10, 20], 5.0), *counts([30, 40], 10.0)]
    parts = pieces(points(buckets, "visible"))
    assert stairs(parts, AXIS, SCALE) == "M0,500H1000H2000H3000V0H4000H4000"


def test_several_numbers_as_one_show_their_range() -> None:
    wide = Bucket(
        at=START + 40 * MINUTE,
        span=20 * MINUTE,
        values={"visible": Spread(5.0, 2.5, 10.0, 9)},
    )
    parts = pieces(points([wide], "visible"))
    assert line(parts, AXIS, SCALE) == "M5000,500h0"
    assert band(parts, AXIS, SCALE) == "M5000,0L5000,750z"
    assert band(pieces(points(counts(range(9)), "visible")), AXIS, SCALE) == ""


def test_coarser_keeps_the_mean_the_peaks_and_the_gaps() -> None:
    buckets = [
        seen(START + n * MINUTE, visible=100.0 if n == 7 else 1.0)
        for n in [*range(60), *range(120, 180)]
    ]
    fewer = coarser(points(buckets, "visible"), 10 * MINUTE)
    assert len(fewer) == 12
    assert max(point.spread.high for point in fewer) == 100.0
    assert sum(point.spread.mean * point.spread.count for point in fewer) == pytest.approx(219.0)
    assert [len(part) for part in pieces(fewer)] == [6, 6]
