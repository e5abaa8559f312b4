"""A schedule: acts in a world, all of them drawn from one seed."""

import random
import tempfile
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.reliability.searcher.acts import ACTS, Act
from tests.reliability.searcher.ending import end
from tests.reliability.searcher.opening import CHOICES, Opening
from tests.reliability.searcher.promises import check
from tests.reliability.searcher.tally import Tally
from tests.reliability.searcher.world import opened

FEWEST_ACTS = 10
MOST_ACTS = 60


@dataclass
class Result:
    """What came of a schedule."""

    number: int
    tally: Tally = field(default_factory=Tally)
    trace: list[str] = field(default_factory=list)
    """The opening and the acts, in order."""
    requests: list[str] = field(default_factory=list)
    """What AWS was asked, in order."""
    broken: str | None = None
    """Which promise was broken, or what else went wrong, with its traceback."""


def run_schedule(seed: int, number: int, directory: Path) -> Result:
    """Run the schedule of that number under that seed; the same two always make the same one."""
    rng = random.Random(f"{seed} {number}")
    result = Result(number)
    opening = Opening(**{name: rng.choice(choices) for name, choices in CHOICES.items()})
    result.trace.append(str(opening))
    with opened(rng.randrange(2**32), directory, opening) as world:
        try:
            for _ in range(rng.randint(FEWEST_ACTS, MOST_ACTS)):
                act, what = draw(rng)
                result.trace.append(f"{world.clock.now():%d %H:%M:%S} {act.name} {what}")
                world.tally.acts += 1
                act.do(world, **what)
                check(world)
                if not world.run().live:
                    break
            result.trace.append(f"{world.clock.now():%d %H:%M:%S} everything is mended")
            end(world)
        except Exception:  # noqa: BLE001 - whatever it is, the schedule found it
            result.broken = traceback.format_exc()
        result.tally = world.tally
        result.requests = world.aws.requests.names()
    return result


def run_by_itself(seed: int, number: int) -> Result:
    """Run a schedule in a directory of its own, which goes afterwards."""
    with tempfile.TemporaryDirectory() as directory:
        return run_schedule(seed, number, Path(directory))


def draw(rng: random.Random) -> tuple[Act, dict[str, Any]]:
    """An act by its weight, and what it is given."""
    (act,) = rng.choices(ACTS, weights=[act.weight for act in ACTS])
    return act, {name: rng.choice(choices) for name, choices in act.choices.items()}
