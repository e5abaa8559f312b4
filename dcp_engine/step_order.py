"""Whether every teardown step has its turn; pure."""

from collections.abc import Mapping
from typing import Final

LAST: Final = "last-look"


def never_begins(needs: Mapping[str, frozenset[str]]) -> dict[str, str]:
    """Steps that could never begin, since each waits for itself: step → why, in words.

    `needs` is step → the steps that must have ended before it; a name that none of them has holds
    nothing back. The last look comes when all the others have ended, so nothing can wait for it.
    """
    found = {}
    for name, others in needs.items():
        if LAST in others:
            found[name] = f"the step {name} needs {LAST}, which comes after every other step"
        elif way := _way_back(name, needs):
            found[name] = f"the step {name} would wait for itself: {' needs '.join(way)}"
    return found


def _way_back(start: str, needs: Mapping[str, frozenset[str]]) -> list[str]:
    """The shortest way from a step by what it needs to itself; nothing when there is none."""
    ways = [[start]]
    seen: set[str] = set()
    for way in ways:
        for other in sorted(needs.get(way[-1], ())):
            if other == start:
                return [*way, start]
            if other not in seen:
                seen.add(other)
                ways.append([*way, other])
    return []
