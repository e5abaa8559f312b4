"""Lines with their names, and the same as a table."""

from datetime import timedelta

from dcp_engine.report.axis import TimeAxis
from dcp_engine.report.line_chart import LineChart, line_chart
from dcp_engine.series import Bucket
from tests.unit.report.pictures import HOUR, MINUTE, seen
from tests.unit.runs import START

AXIS = TimeAxis(start=START, end=START + 6 * HOUR)
LABELS = [("visible", "waiting"), ("in-flight", "in flight")]


def chart(buckets: list[Bucket], *, digits: int = 0) -> LineChart:
    return line_chart(buckets, LABELS, AXIS, name="queue", title="Jobs", unit="jobs", digits=digits)


def test_nothing_known_is_no_line_and_no_row() -> None:
    found = chart([])
    assert (found.lines, found.rows, found.described) == ((), (), "")


def test_a_number_of_which_nothing_is_known_is_left_out() -> None:
    found = chart([seen(START, visible=3.0)])
    assert [each.label for each in found.lines] == ["waiting"]
    assert found.rows[0].cells == ("3",)


def test_it_says_what_the_drawing_shows() -> None:
    found = chart([seen(START + n * MINUTE, visible=100.0 - n, in_flight=4.0) for n in range(60)])
    assert found.described == "waiting: between 41 and 100, at last 41. in flight: always 4."


def test_the_table_is_short_and_says_where_nothing_was_known() -> None:
    minutes = [*range(90), *range(180, 360)]
    found = chart([seen(START + n * MINUTE, visible=float(n), in_flight=1.0) for n in minutes])
    assert found.row_span == 10 * MINUTE
    assert len(found.rows) == 36
    assert found.rows[0].at == START
    assert found.rows[0].cells == ("4 (0 to 9)", "1")
    unknown = [row.at for row in found.rows if row.cells == ("unknown", "unknown")]
    assert unknown == [START + n * MINUTE for n in range(90, 180, 10)]


def test_numbers_that_come_seldom_make_no_rows_of_unknown() -> None:
    found = chart([seen(START + n * HOUR / 2, visible=1.0, in_flight=2.0) for n in range(12)])
    assert found.row_span == HOUR
    assert all(row.cells == ("1", "2") for row in found.rows)


def test_one_number_that_comes_more_often_than_the_other() -> None:
    often = [seen(START + n * MINUTE, visible=1.0) for n in range(120)]
    found = chart([*often, *(seen(START + n * HOUR, in_flight=2.0) for n in range(2))])
    assert found.row_span == timedelta(hours=2)
    assert [row.cells for row in found.rows] == [("1", "2")]


def test_a_long_run_is_drawn_with_few_points() -> None:
    buckets = [seen(START + n * timedelta(seconds=2), visible=float(n % 7)) for n in range(10_000)]
    assert len(chart(buckets).lines[0].path) < 6_000
