"""What a rehearsal is to show: how much work, and what goes wrong in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from dcp_engine.simulation.runs import Behaviour, Scenario

APP_NAME: Final = "Exp1"
VISIBILITY_TIMEOUT: Final = 3
"""Seconds until the job of a dead or stalled machine comes back.

Longer than any job of `Timings.fast()`, so that no job is done twice by mere slowness, and shorter
than its idle alarm, so that a machine that could take the job is still up when it comes back.
"""
MAX_RECEIVE_COUNT: Final = 2
"""Tries until a job that always fails becomes a dead letter."""
ENGINE_SETTINGS: Final[Mapping[str, str]] = {
    "DCP_ENGINE_POLL_INTERVAL": "500ms",
    "DCP_ENGINE_ALARM_SWEEP_INTERVAL": "5s",
    "DCP_ENGINE_DOWNSCALE_INTERVAL": "3s",
    "DCP_ENGINE_WATCH_INTERVAL": "1s",
    "DCP_ENGINE_JOIN_GRACE": "4s",
    "DCP_ENGINE_CHEAPEST_AFTER": "5s",
    "DCP_ENGINE_EMPTY_WINDOW": "3s",
    "DCP_ENGINE_FIRST_JOB_GRACE": "10s",
    "DCP_ENGINE_ORPHAN_GRACE": "2s",
    "DCP_ENGINE_LOG_SETTLE": "500ms",
    "DCP_ENGINE_TICK_DEADLINE": "20s",
    "DCP_ENGINE_REQUEST_TIMEOUT": "5s",
    "DCP_ENGINE_LEASE_TTL": "30s",
}
"""The real command's settings: hours of a real run become seconds."""


@dataclass(frozen=True)
class Plan:
    """What the person asked for."""

    jobs: int = 40
    machines: int = 4
    seed: int = 1
    cheapest: bool = False

    @property
    def scenario(self) -> Scenario:
        """What goes wrong; the same for the same plan.

        Of every four machines that come first one crashes, one stalls and one never begins to
        work; of fewer, at least one works. One that never begins to work fills its place for
        ever. So there is none in cheapest mode, which requests a single machine in the end, and
        none where jobs are few: the last jobs must not depend on a place that it fills.
        """
        random = Random(self.seed)
        quarter = max(1, self.machines // 4)
        script = [Behaviour.CRASHES] * quarter
        if self.machines >= 3:
            script += [Behaviour.STALLS] * quarter
        if self.machines >= 4 and self.jobs >= 4 * self.machines and not self.cheapest:
            script += [Behaviour.NEVER_STARTS] * quarter
        script += [Behaviour.WORKS] * (self.machines - len(script))
        random.shuffle(script)
        # From the first half: its tries are over before the other jobs are.
        half = range(self.jobs // 2)
        poison = random.sample(half, k=min(len(half), max(1, self.jobs // 40)))
        return Scenario(script=tuple(script), poison_jobs=frozenset(poison))
