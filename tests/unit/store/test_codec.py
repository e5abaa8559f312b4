"""Moments as text."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcp_engine.store.codec import printable, stamp, stamp_or_none

MOMENTS = st.datetimes(
    min_value=datetime(1, 1, 2),  # noqa: DTZ001
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-11)), timezone(timedelta(hours=9))]),
)


@given(MOMENTS, MOMENTS)
def test_stamps_are_of_one_width_and_sort_as_moments_do(one: datetime, other: datetime) -> None:
    assert len(stamp(one)) == len(stamp(other)) == 32
    assert (stamp(one) < stamp(other)) == (one < other)
    assert datetime.fromisoformat(stamp(one)) == one


def test_a_whole_second_is_written_like_any_other_moment() -> None:
    assert stamp(datetime(2030, 1, 2, tzinfo=UTC)) == "2030-01-02T00:00:00.000000+00:00"
    assert stamp_or_none(None) is None


def test_a_moment_without_timezone_is_refused() -> None:
    with pytest.raises(ValueError, match="timezone"):
        stamp(datetime(2030, 1, 1))  # noqa: DTZ001


@given(st.text(st.characters(exclude_categories=())))
def test_printable_text_can_always_be_stored(text: str) -> None:
    stored = printable(text)
    assert stored.encode().decode() == stored
    assert stored == text or any("\ud800" <= character <= "\udfff" for character in text)
