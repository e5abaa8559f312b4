"""The mark of who drives a run: written, read, in force, due."""

from datetime import UTC, datetime, timedelta

import pytest

from dcp_engine.driver_tag import KEY, VALIDITY, DriverTag, tag_of

NOW = datetime(2030, 5, 17, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def test_what_is_written_is_read() -> None:
    mark = DriverTag(store="abc", until=LATER)
    assert str(mark) == "abc 2030-05-17T13:00:00+00:00"
    assert tag_of({"Name": "Exp1", KEY: str(mark)}, NOW) == mark


def test_a_mark_holds_until_its_moment() -> None:
    tags = {KEY: str(DriverTag(store="abc", until=LATER))}
    assert tag_of(tags, LATER - timedelta(seconds=1)) is not None
    assert tag_of(tags, LATER) is None


@pytest.mark.parametrize(
    "value",
    ["", "abc", "abc ", " 2030-05-17T13:00:00+00:00", "abc later", "abc 2030-05-17T13:00:00"],
)
def test_what_cannot_be_read_holds_nobody_back(value: str) -> None:
    assert tag_of({KEY: value}, NOW) is None


def test_no_mark() -> None:
    assert tag_of({"Name": "Exp1"}, NOW) is None


def test_a_mark_is_due_when_less_than_half_is_left() -> None:
    mark = DriverTag(store="abc", until=NOW + VALIDITY)
    assert not mark.due(NOW + VALIDITY * 2 / 3)
    assert mark.due(NOW + VALIDITY * 2 / 3 + timedelta(seconds=1))
