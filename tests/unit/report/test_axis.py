"""Where moments and numbers stand."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest

from dcp_engine.report.axis import _WIDTHS, HEIGHT, WIDTH, Scale, Tick, TimeAxis

NOON = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


def axis(lasts: timedelta, start: datetime = NOON) -> TimeAxis:
    return TimeAxis(start=start, end=start + lasts)


def test_a_moment_stands_where_its_time_is_and_one_outside_at_the_edge() -> None:
    day = axis(timedelta(days=1))
    assert [day.x(NOON + timedelta(hours=n)) for n in (0, 6, 24)] == [0, WIDTH // 4, WIDTH]
    assert day.x(NOON - timedelta(days=400)) == 0
    assert day.x(NOON + timedelta(days=400)) == WIDTH


def test_a_single_moment_has_a_second_around_it() -> None:
    found = TimeAxis.around([NOON])
    assert found.x(NOON) == 0
    assert found.end - found.start == timedelta(seconds=1)


def test_the_axis_has_all_moments_in_it() -> None:
    moments = [NOON + timedelta(hours=3), NOON, NOON + timedelta(hours=1)]
    assert TimeAxis.around(moments) == axis(timedelta(hours=3))


@pytest.mark.parametrize(
    ("lasts", "labels"),
    [
        (timedelta(seconds=4), ["1 Jan, 12:00:01", "12:00:02", "12:00:03"]),
        (timedelta(minutes=50), ["1 Jan, 12:10", "12:20", "12:30", "12:40"]),
        (
            timedelta(hours=20),
            ["1 Jan, 15:00", "18:00", "21:00", "2 Jan, 00:00", "03:00", "06:00"],
        ),
        (timedelta(days=7), [f"{day} Jan" for day in range(2, 9)]),
        (timedelta(days=700), ["7 Feb", "30 May", "19 Sep", "9 Jan", "1 May", "21 Aug"]),
    ],
    ids=lambda value: str(value) if isinstance(value, timedelta) else "",
)
def test_round_moments_are_named_and_a_new_day_by_its_date(
    lasts: timedelta, labels: list[str]
) -> None:
    assert [tick.label for tick in axis(lasts).ticks()] == labels


@pytest.mark.parametrize("seconds", [1, 59, 3600, 86_400, 10**6, 10**8, 10**9])
def test_never_many_names(seconds: int) -> None:
    ticks = axis(timedelta(seconds=seconds)).ticks()
    assert len(ticks) <= 16
    assert all(0 <= tick.percent <= 100 for tick in ticks)


def test_names_are_utc_wherever_a_moment_is_from() -> None:
    tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
    ours, theirs = axis(timedelta(hours=2)), axis(timedelta(hours=2), tokyo)
    assert ours.ticks() == theirs.ticks()


@pytest.mark.parametrize(
    ("percent", "label", "leaning"),
    [
        (1, "12:00", "first"),
        (10, "12:00", ""),
        (10, "1 Jan, 12:00:00", "first"),
        (50, "1 Jan, 12:00:00", ""),
        (90, "12:00", ""),
        (95, "12:00", "last"),
        (85, "1 Jan, 12:00:00", "last"),
    ],
)
def test_a_label_leans_inwards_where_the_edge_would_cut_it(
    percent: float, label: str, leaning: str
) -> None:
    assert Tick(percent=percent, label=label).leaning == leaning


@pytest.mark.parametrize("lasts", [timedelta(seconds=80), timedelta(hours=30), timedelta(days=5)])
@pytest.mark.parametrize(("width", "pixels"), _WIDTHS.items())
def test_no_label_lies_on_another_at_any_width(lasts: timedelta, width: str, pixels: int) -> None:
    shown = [tick for tick in axis(lasts).ticks() if width not in tick.hidden]
    assert len(shown) >= 2
    for one, other in pairwise(shown):
        ends = {"first": len(one.label) * 7.0, "last": 0.0}.get(one.leaning, len(one.label) * 3.5)
        begins = {"first": 0.0, "last": len(other.label) * 7.0}
        space = (other.percent - one.percent) * pixels / 100
        assert ends + begins.get(other.leaning, len(other.label) * 3.5) < space, (one, other)


def test_where_labels_go_the_dates_stay() -> None:
    days = axis(timedelta(hours=30), NOON - timedelta(hours=6)).ticks()
    dated = [tick for tick in days if "," in tick.label]
    assert len(dated) == 2
    assert not any(tick.hidden for tick in dated)
    assert any("narrow" in tick.hidden for tick in days)


@pytest.mark.parametrize(
    ("highest", "labels"),
    [
        (0, ["0", "1"]),
        (1, ["0", "1", "2"]),
        (3, ["0", "1", "2", "3", "4"]),
        (384, ["0", "100", "200", "300", "400"]),
        (40_000, ["0", "20,000", "40,000", "60,000"]),
    ],
)
def test_numbers_of_things_have_no_fractions(highest: float, labels: list[str]) -> None:
    assert [tick.label for tick in Scale.up_to(highest, whole=True).ticks()] == labels


@pytest.mark.parametrize("highest", [0.0, 1e-9, 0.0031, 0.5, 2.72, 99.9, 1e12])
def test_the_scale_has_the_highest_in_it_and_few_round_steps(highest: float) -> None:
    scale = Scale.up_to(highest)
    assert scale.top >= highest
    assert 2 <= len(scale.ticks()) <= 6
    assert scale.ticks()[0].label == "0"
    assert len({tick.label for tick in scale.ticks()}) == len(scale.ticks())


def test_a_number_stands_where_it_is_and_one_outside_at_the_edge() -> None:
    scale = Scale(top=10.0, step=2.0)
    assert [scale.y(value) for value in (-1, 0, 2.5, 10, 11)] == [
        HEIGHT,
        HEIGHT,
        HEIGHT * 3 // 4,
        0,
        0,
    ]
