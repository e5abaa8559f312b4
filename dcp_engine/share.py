"""Which of the runs are a process's own, where several look after them together.

Leases are what keeps two from driving one run. Shares keep them from trying to, and from needing to
speak with each other: every process works out for itself whose a run is.
"""

import re
import zlib
from typing import Final, Self

import msgspec

RUNS_OF_ONE: Final = 3000
"""So many runs one process keeps up with well; docs/performance.md has the measurements."""


class Share(msgspec.Struct, frozen=True):
    """One of `of` equal parts of all runs; `index` counts from 0."""

    index: int = 0
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """The share that `str` made a text of. Raises ValueError."""
        found = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text, re.ASCII)
        if found is None or not int(found[1]) < int(found[2]):
            raise ValueError(f"{text!r} is no share such as 0/2 or 1/2.")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.index}/{self.of}"

    def mine(self, run_id: str) -> bool:
        """Whether the run belongs to it; in every process the same, unlike `hash`."""
        return zlib.crc32(run_id.encode()) % self.of == self.index


def processes_for(runs: int, *, most: int) -> int:
    """How many processes so many runs take, where there may be `most` of them."""
    return max(1, min(most, -(-runs // RUNS_OF_ONE)))
