"""Moments, spans, numbers and sums in words."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from dcp_engine.report import words

AT = datetime(2030, 12, 31, 23, 30, 5, tzinfo=UTC)


def test_moments_are_utc_wherever_they_are_from() -> None:
    tokyo = AT.astimezone(timezone(timedelta(hours=9)))
    assert words.moment(tokyo) == "2030-12-31 23:30:05"
    assert words.machine_readable(tokyo) == "2030-12-31T23:30:05Z"
    assert (words.day(tokyo), words.clock(tokyo)) == ("31 Dec", "23:30:05")


def test_what_is_not_known_is_unknown() -> None:
    unknown = {
        words.moment(None),
        words.span(None),
        words.number(None),
        words.hours(None),
        words.percent(None),
        words.dollars(None),
    }
    assert unknown == {"unknown"}


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0 seconds"),
        (0, "0 seconds"),
        (59, "59 seconds"),
        (3599, "59 minutes and 59 seconds"),
        (3600, "1 hour"),
        (100_000, "1 day, 3 hours and 46 minutes"),
        (1_000_000, "11 days and 13 hours"),
    ],
)
def test_spans(seconds: float, said: str) -> None:
    assert words.span(timedelta(seconds=seconds)) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (0.04, "0"), (2.25, "2.2"), (3.0, "3"), (40_020, "40,020"), (1234.56, "1,234.6")],
)
def test_numbers(value: float, said: str) -> None:
    assert words.number(value) == said


def test_few_hours_are_told_finely() -> None:
    assert [words.hours(value) for value in (0.028, 9.994, 10.04, 1000.0)] == [
        "0.03",
        "9.99",
        "10",
        "1,000",
    ]


def test_what_is_not_quite_all_is_not_called_that() -> None:
    assert [words.percent(share) for share in (0, 0.005, 0.9999, 1.0)] == [
        "0 %",
        "0 %",
        "99 %",
        "100 %",
    ]


def test_sums() -> None:
    assert [words.dollars(value) for value in (0, 0.004, 0.01, 2311.671)] == [
        "$0.00",
        "less than $0.01",
        "$0.01",
        "$2,311.67",
    ]


def test_what_is_not_to_be_seen_is_written_out() -> None:
    assert words.plain("a\x00\x1b[31m\u202eb\ud800\nتجربة →") == (
        "a\\x00\\x1b[31m\\u202eb\\ud800\nتجربة →"
    )


def test_long_texts_are_cut() -> None:
    assert words.shortened("abc", 3) == "abc"
    assert words.shortened("abcd", 3) == "ab…"
