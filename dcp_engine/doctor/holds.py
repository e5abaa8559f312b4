"""Three-valued logic: what holds, what does not, and what cannot be told."""

from enum import IntEnum


class Holds(IntEnum):
    """Whether something holds; `min` of several is "all of them", `max` is "any of them"."""

    NO = 0
    UNSURE = 1
    YES = 2

    def __invert__(self) -> "Holds":
        return Holds(2 - self)


def holds(truth: bool) -> Holds:
    """What is known to hold or not."""
    return Holds.YES if truth else Holds.NO
