"""Numbers of things."""

import pytest

from dcp_engine.words import counted


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 jobs"), (1, "1 job"), (2, "2 jobs"), (1.0, "1 job"), (2.5, "2.5 jobs")],
)
def test_one_thing_has_no_s(number: float, said: str) -> None:
    assert counted(number, "job") == said


def test_where_more_than_an_s_changes() -> None:
    assert counted(1, "job is", "jobs are") == "1 job is"
    assert counted(3, "job is", "jobs are") == "3 jobs are"
