"""How a world begins: the run, its workers, and how it is watched."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CHOICES: Mapping[str, tuple[Any, ...]] = {
    "jobs": (0, 1, 4, 6),
    "machines": (1, 2, 3),
    "weights": ((1.0,), (1.0, 2.0)),
    "cluster": ("default", "Exp1Cluster"),
    "shares_cluster": (False, True),
    "auto_monitor": (False, True),
    "visibility_timeout": (600, 180),
    "crash": (0.0, 0.0, 0.4),
    "stall": (0.0, 0.0, 0.4),
    "poison": (False, False, True),
    "poll_minutes": (1, 2, 5),
    "guest_lingers": (False, True),
}
"""What each member of an `Opening` may be."""


@dataclass(frozen=True, kw_only=True)
class Opening:
    """One of the ways a world may begin."""

    jobs: int
    machines: int
    weights: tuple[float, ...]
    cluster: str
    shares_cluster: bool
    """Whether the neighbour's service is in the same cluster."""
    auto_monitor: bool
    visibility_timeout: int
    """Seconds; jobs that take longer come back while they are worked on."""
    crash: float
    """Probability that a machine dies in its first job."""
    stall: float
    """Probability that a machine stops working in its first job, and stays up."""
    poison: bool
    """Whether the first job fails each time it is tried."""
    poll_minutes: int
    guest_lingers: bool
    """Whether a stranger's teardown step holds the run in TEARDOWN until the world is mended."""
