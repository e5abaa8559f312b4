"""The mark of whoever drives a run, on its fleet requests, where every computer can see it.

A lease holds among the processes that share a database. Two computers with a database each share
nothing but AWS itself, so the fleet request carries a tag with the identity of the store that
drives it and the moment until which that holds. All moments here are by AWS's clock.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

KEY: Final = "dcp-engine:driver"
VALIDITY: Final = timedelta(minutes=90)
"""How long a mark holds; it is renewed when less than a third of this is left.

Looks at the fleets are ten minutes apart, so two may fail in a row before it lapses.
"""


class DriverTag(msgspec.Struct, frozen=True, kw_only=True):
    """Which store drives the fleet, and until when unless it renews that."""

    store: str
    until: datetime

    def __str__(self) -> str:
        """The tag's value, in characters that every tag may hold (Amazon EC2 User Guide, "Tag")."""
        return f"{self.store} {self.until.astimezone(UTC).isoformat(timespec='seconds')}"

    def due(self, at: datetime) -> bool:
        """Whether it is time to renew it."""
        return self.until - at < VALIDITY / 3


def tag_of(tags: Mapping[str, str], at: datetime) -> DriverTag | None:
    """The mark among a fleet's tags that holds at this moment; None when there is none.

    A mark that cannot be read holds nobody back: no version of the engine wrote it.
    """
    store, _, rest = tags.get(KEY, "").partition(" ")
    try:
        until = datetime.fromisoformat(rest)
    except ValueError:
        return None
    if not store or until.tzinfo is None or until <= at:
        return None
    return DriverTag(store=store, until=until)
