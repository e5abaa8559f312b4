"""What can be set in the table `[apprise]`."""

from functools import cached_property
from pathlib import Path

import msgspec
import platformdirs

from dcp_engine.hookspecs import Secret
from dcp_engine_apprise.addresses import Address, read_address
from dcp_engine_apprise.memory import Memory
from dcp_engine_apprise.post import Post
from dcp_engine_apprise.reasons import Reasons

STATES_AND_PROBLEMS = ("state", "problem", "problem-lasts", "problem-over")


class Options(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """`urls` are apprise's addresses, `events` the kinds of events that are told.

    `memory` is a folder of small files, one for each message that an address has had, so that
    another process does not send it there again. They are removed after three days.
    """

    urls: tuple[Secret, ...]
    events: tuple[str, ...] = STATES_AND_PROBLEMS
    memory: Path | None = None

    def __post_init__(self) -> None:
        """Raises ValueError, in words that do not show an address."""
        if not self.urls:
            raise ValueError("urls is empty, so nobody would be told anything")
        if not self.events:
            raise ValueError("events is empty, so nothing would be told; leave it out")
        # Made now, so that an address that cannot be used is refused before there is news for it.
        self.addresses  # noqa: B018

    @cached_property
    def addresses(self) -> tuple[Address, ...]:
        """Each of `urls`, understood; one that stands there twice is one.

        Raises ValueError with every one that cannot be used.
        """
        reasons, found, complaints = Reasons(), list[Address](), list[str]()
        for number, url in enumerate(self.urls, start=1):
            if url in self.urls[: number - 1]:
                continue
            try:
                found.append(read_address(number, url, reasons))
            except ValueError as error:
                complaints.append(str(error))
        if complaints:
            raise ValueError("; ".join(complaints))
        return tuple(found)

    @cached_property
    def post(self) -> Post:
        """The one that sends, and remembers in this process what it has sent."""
        folder = self.memory or platformdirs.user_state_path("dcp-engine-apprise", appauthor=False)
        return Post(self.addresses, Memory(folder))
