"""What the simulated workers of a run are to do, and what became of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random


class Behaviour(StrEnum):
    """How a machine's worker behaves."""

    WORKS = "works"
    CRASHES = "crashes"
    """The machine dies in the middle of its first job; the message comes back by itself."""
    STALLS = "stalls"
    """It stops in the middle of its first job and stays up, idle, until its alarm ends it."""
    NEVER_STARTS = "never starts"
    """The container never starts: no name, no alarm, no ECS agent; nothing ever ends it."""


@dataclass(frozen=True)
class Scenario:
    """What is to go wrong in a run. By default, nothing."""

    crash: float = 0.0
    """Probability that a machine crashes in its first job."""
    stall: float = 0.0
    """Probability that a machine stalls in its first job."""
    never_start: float = 0.0
    """Probability that a machine never starts to work."""
    script: tuple[Behaviour, ...] = ()
    """How the first machines behave, in order of launch; the probabilities rule the rest."""
    poison_jobs: frozenset[int] = frozenset()
    """Indices of jobs that fail each time they are tried."""
    disk_fills: frozenset[int] = frozenset()
    """Indices of machines, in order of launch, whose disk fills up with each job."""
    memory_fills: frozenset[int] = frozenset()
    """The same of their memory."""
    job_duration: tuple[float, float] | None = None
    """Seconds per job, shortest and longest; None for the world's own."""
    capacity_limit: int | None = None
    """No more than this many machines of a fleet can be had at a time."""
    launch_error: tuple[str, str] | None = None
    """Sub-type and description of the history event in which each launch attempt ends."""


@dataclass
class RunStats:
    """What happened in a run, as the world knows it."""

    jobs_done: Counter[str] = field(default_factory=Counter)
    """How often each job id was finished; more than once where its message came back."""
    started: list[str] = field(default_factory=list)
    """Instance ids of machines that came to run."""
    crashed: list[str] = field(default_factory=list)
    stalled: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    """Machines that came when others of the run had ended."""
    terminated: list[str] = field(default_factory=list)
    """Machines that ended, for whatever cause."""


@dataclass
class RunPlan:
    """The names a run's workers go by, and its scenario."""

    app_name: str
    region: str
    queue_name: str
    cluster: str
    service: str
    bucket: str
    log_group: str
    fleet_ids: list[str]
    scenario: Scenario
    types: tuple[str, ...] = ("m5.xlarge",)
    stats: RunStats = field(default_factory=RunStats)

    @property
    def per_instance_log_group(self) -> str:
        """The group that container metrics go to."""
        return f"{self.log_group}_perInstance"

    def behaviour_of_next(self, random: Random) -> Behaviour:
        """How the machine that has just come will behave; call it once per machine."""
        index = len(self.stats.started)
        scenario = self.scenario
        if index < len(scenario.script):
            return scenario.script[index]
        dice = random.random()
        chances: Mapping[Behaviour, float] = {
            Behaviour.CRASHES: scenario.crash,
            Behaviour.STALLS: scenario.stall,
            Behaviour.NEVER_STARTS: scenario.never_start,
        }
        for behaviour, chance in chances.items():
            if dice < chance:
                return behaviour
            dice -= chance
        return Behaviour.WORKS
