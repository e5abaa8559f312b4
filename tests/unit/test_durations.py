"""Durations: what is understood, what is refused with words, and writing as the inverse."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcp_engine.durations import format_duration, parse_duration
from dcp_engine.errors import BadInput


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("0", timedelta(0)),
        ("0s", timedelta(0)),
        ("200ms", timedelta(milliseconds=200)),
        ("60s", timedelta(seconds=60)),
        ("10m", timedelta(minutes=10)),
        ("1h", timedelta(hours=1)),
        ("2d", timedelta(days=2)),
        ("1h30m", timedelta(minutes=90)),
        ("1.5h", timedelta(minutes=90)),
        ("1d2h3m4s5ms", timedelta(days=1, hours=2, minutes=3, seconds=4, milliseconds=5)),
        ("0.001ms", timedelta(microseconds=1)),
    ],
)
def test_reads(text: str, span: timedelta) -> None:
    assert parse_duration(text) == span


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("60", "60s"),
        ("1.5", "unit"),
        ("00", "unit"),
        ("-1s", "negative"),
        ("-0s", "negative"),
        ("", "not a duration"),
        ("s", "not a duration"),
        ("10M", "not a duration"),
        ("1 h", "not a duration"),
        (" 1h", "not a duration"),
        ("1h\n", "not a duration"),
        ("30m1h", "large to small"),
        ("1h1h", "large to small"),
        ("1y", "not a duration"),
        ("1e3s", "not a duration"),
        (".5h", "not a duration"),
        ("\u0661s", "not a duration"),
        ("infs", "not a duration"),
        ("0.0001ms", "millionth"),
        ("999999999999d", "longer than any"),
        ("9" * 5000 + "d", "not a duration"),
        ("9" * 5000, "unit"),
    ],
)
def test_refuses_with_words(text: str, word: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_duration(text)
    assert word in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(0), "0s"),
        (timedelta(seconds=60), "1m"),
        (timedelta(minutes=90), "1h30m"),
        (timedelta(milliseconds=1500), "1s500ms"),
        (timedelta(microseconds=1), "0.001ms"),
        (timedelta(microseconds=1500), "1.5ms"),
        (timedelta(days=7), "7d"),
    ],
)
def test_writes(span: timedelta, text: str) -> None:
    assert format_duration(span) == text


def test_does_not_write_a_negative_span() -> None:
    with pytest.raises(ValueError, match="negative"):
        format_duration(timedelta(microseconds=-1))


@given(st.timedeltas(min_value=timedelta(0)))
def test_what_is_written_reads_the_same(span: timedelta) -> None:
    assert parse_duration(format_duration(span)) == span


@given(st.text() | st.text(alphabet="0123456789.dhms -"))
def test_any_text_is_a_span_or_bad_input(text: str) -> None:
    try:
        assert parse_duration(text) >= timedelta(0)
    except BadInput as error:
        assert str(error).isprintable()
