"""Fleets and machines as people read them."""

from datetime import UTC, datetime

from dcp_engine.cli import words
from dcp_engine.model import UNKNOWN, Fleet

AT = datetime(2030, 1, 1, tzinfo=UTC)
OWN = Fleet(id="sfr-1", added_at=AT, start_time=AT, state="active", target=4, active=3)
UNSEEN = Fleet(id="sfr-2", added_at=AT, start_time=AT)
NEVER_KNOWN = Fleet(id="sfr-3", added_at=AT, start_time=AT, state=UNKNOWN)


def test_a_fleet_that_was_not_looked_at_yet_leaves_the_number_of_machines_open() -> None:
    assert words.machines([OWN]) == "3 machines up (capacity requested: 4)"
    assert words.machines([OWN, UNSEEN]) == "machines not known yet"


def test_a_fleet_that_aws_never_knew_does_not_hide_the_others() -> None:
    assert words.machines([OWN, NEVER_KNOWN]) == "3 machines up (capacity requested: 4)"
    assert words.machines([NEVER_KNOWN]) == "machines not known yet"
