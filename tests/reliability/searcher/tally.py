"""What a search went through, in numbers."""

from dataclasses import dataclass, fields
from typing import Self


@dataclass
class Tally:
    """Counts; those of two searches can be added."""

    schedules: int = 0
    acts: int = 0
    ticks: int = 0
    requests: int = 0
    changes: int = 0
    """Requests that change something in AWS."""
    faults: int = 0
    """Requests that a fault struck."""
    lies: int = 0
    """Counts of jobs that were not true."""
    kills: int = 0
    """Processes killed at a crash point."""
    freezes: int = 0
    """Processes that stood still in the middle of a tick."""
    restarts: int = 0
    machines: int = 0
    """Machines that the run's fleets brought."""
    machines_lost: int = 0
    """Of those, the ones that died while nobody wanted them to."""
    jobs: int = 0
    jobs_done: int = 0
    jobs_given_up: int = 0
    """Jobs that a person gave up, or that ended among the dead letters."""
    events: int = 0
    exported: int = 0
    released: int = 0
    virtual_seconds: float = 0.0

    def __iadd__(self, other: Self) -> Self:
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))
        return self

    def __str__(self) -> str:
        return (
            f"{self.schedules} schedules, {self.acts} acts, {self.ticks} ticks in "
            f"{self.virtual_seconds / 3600:.0f} virtual hours; {self.requests} AWS requests "
            f"({self.changes} of them changing), {self.faults} struck by a fault, {self.lies} "
            f"untrue counts; {self.kills} kills, {self.freezes} freezes, {self.restarts} restarts; "
            f"{self.machines} machines, {self.machines_lost} of them lost; {self.jobs} jobs: "
            f"{self.jobs_done} done, {self.jobs_given_up} given up by people or dead letters; "
            f"{self.events} events; {self.exported} runs seen to their end, {self.released} "
            "released"
        )
