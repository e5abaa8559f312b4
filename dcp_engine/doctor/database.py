"""The database of runs: whether what is decided can be remembered here."""

from collections.abc import Sequence

import humanize

from dcp_engine.doctor.finding import Finding, advice, fine, unknown, wrong
from dcp_engine.errors import StoreBroken, StoreError
from dcp_engine.model import Run
from dcp_engine.store.examination import Place
from dcp_engine.words import counted

_NAME = "database"
_ELSEWHERE = "Name a file on a disk of this computer with --db or the variable DCP_ENGINE_DB."
# A run of a week with a thousand machines takes a few dozen of these.
_FULL = 50 * 1024**2
_SCARCE = 500 * 1024**2


def database(place: Place | OSError, held: Sequence[Run] | StoreError) -> Finding:
    """Whether the file can be read and written, and keeps what is written.

    `held` are the runs in it that are live, or why it cannot be read.
    """
    if isinstance(place, OSError):
        why = place.strerror or str(place)
        return wrong(_NAME, f"The database's folder cannot be looked at: {why}.", _ELSEWHERE)
    if isinstance(held, StoreBroken):
        what, _, remedy = str(held).partition(". ")
        return wrong(_NAME, f"{what}.", remedy or _ELSEWHERE)
    if isinstance(held, StoreError):
        return unknown(_NAME, str(held), "Look again in a moment.")
    return _usable(place) or _room(place, held)


def _usable(place: Place) -> Finding | None:
    """What keeps it from being written; None where nothing does."""
    if place.network is not None:
        return wrong(
            _NAME,
            f"{place.path} is on a network drive (file system {place.network}), where locks cannot "
            "be trusted: two computers could drive the same run.",
            _ELSEWHERE,
        )
    if place.closed is not None:
        return wrong(
            _NAME,
            f"{place.closed} may not be written, so no run can be remembered in {place.path}.",
            f"Have it made writable for this user. Or: {_ELSEWHERE}",
        )
    return None


def _room(place: Place, held: Sequence[Run]) -> Finding:
    """Whether there is room on its disk."""
    room = None if place.free is None else humanize.naturalsize(place.free, binary=True)
    if place.free is not None and place.free < _FULL:
        return wrong(
            _NAME,
            f"Only {room} are free on the disk of {place.path}; what is decided could soon not be "
            "remembered.",
            f"Free some space. Or: {_ELSEWHERE}",
        )
    state = f"{counted(len(held), 'live run')} in it" if place.exists else "made when first needed"
    text = f"{place.path}: {state}, {room or 'unknown'} free on the disk."
    if place.free is not None and place.free < _SCARCE:
        return advice(_NAME, text, "Free some space before a long run with many machines.")
    return fine(_NAME, text)
