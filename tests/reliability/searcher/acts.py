"""Everything that may happen in a world, each with what it may be given.

The choices are finite and plain, so that hypothesis and a random generator draw from the same, and
a schedule can be read. An act that makes no sense at its moment does nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.reliability.searcher import hands, processes, weather
from tests.reliability.searcher.guest import Mood
from tests.reliability.searcher.world import PROCESSES, World

_WHO: Final = tuple(range(PROCESSES))
_SELDOM: Final = (False, False, False, True)
_HARDLY_EVER: Final = (*_SELDOM[:3] * 4, True)


@dataclass(frozen=True)
class Act:
    """`do(world, **what)`, where each of `what` is one of its choices; `weight` is how often."""

    name: str
    do: Callable[..., None]
    weight: int
    choices: Mapping[str, tuple[Any, ...]]


def _act(weight: int, do: Callable[..., None], **choices: tuple[Any, ...]) -> Act:
    return Act(do.__name__, do, weight, choices)


def pass_time(world: World, seconds: float) -> None:
    """Nobody does anything; machines work on."""
    world.clock.advance(seconds)


ACTS: tuple[Act, ...] = (
    _act(3, pass_time, seconds=(5, 60, 60, 170, 600, 600, 3600, 3600, 6 * 3600, 86400)),
    _act(3, processes.tick, who=_WHO, keep_lease=(False, True)),
    _act(5, processes.monitor, who=_WHO, ticks=(2, 5, 10)),
    _act(2, processes.cron, who=_WHO, minutes=(5, 15, 60), times=(2, 4)),
    _act(4, processes.kill, who=_WHO, point=(1, 2, 3, 5, 8, 13, 21, 34), known_dead=(False, True)),
    _act(2, processes.freeze, who=_WHO, seconds=(20, 200, 301, 4000), other_ticks=(False, True)),
    _act(1, processes.restart, who=_WHO, died=(False, True)),
    _act(1, processes.register_again, who=_WHO),
    _act(
        7,
        weather.strike,
        operation=weather.OPERATIONS,
        fault=weather.FAULTS,
        times=(1, 5, 20, None),
        after=(0, 0, 2, 8),
    ),
    _act(1, weather.heal),
    _act(2, weather.blip, times=(1, 2)),
    _act(2, weather.lose_machines, which=(0, 1, None)),
    _act(1, weather.limit_capacity, machines=(0, 1, None)),
    _act(1, weather.refuse_launches, refuse=(False, True)),
    _act(1, weather.workers_become, kind=weather.KINDS),
    _act(2, hands.send_jobs, count=(1, 2, 3)),
    _act(1, hands.abort, meant=_SELDOM, keep_queue=(False, True)),
    _act(1, hands.release, meant=_HARDLY_EVER),
    _act(1, hands.take_over),
    _act(2, hands.waive, which=(0, 1, 2, 3)),
    _act(1, hands.set_target, capacity=(1, 2, 4)),
    _act(1, hands.cheapest, on=(False, True)),
    _act(1, hands.cancel_fleet, terminate=(False, True)),
    _act(2, hands.delete, what=hands.DELETABLE, meant=(False, True)),
    _act(1, hands.stop_service, desired=(0, 1)),
    _act(1, hands.start_cluster_again, machines=(1, 2)),
    _act(1, hands.spoil_file, text=hands.SPOILT),
    _act(1, hands.mend_file),
    _act(1, hands.plugin_becomes, mood=tuple(Mood), silent_for=(0, 1, 3)),
    _act(1, weather.neighbour_lives, does=weather.NEIGHBOURLY),
)
