"""Moving a run from state to state.

The new state, its event and the problems that end with the old one are one commit.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from dcp_engine.clock import Clock
from dcp_engine.drive import Drive, unchanged
from dcp_engine.machine import Move, RunMachine
from dcp_engine.model import Request, Run, State

# What can still be wrong when the work is over; anything else is moot then.
_LASTING = (
    "credentials",
    "other-account",
    "account-unknown",
    "driven-elsewhere",
    "monitor-file",
    "notify-",
    "plugin-",
    "step-",
    "unreachable",
)
# What the end of this run does not end.
_STAYING = ("unwatched-fleet", "notify-")


class Mover:
    """Makes moves for one driver."""

    def __init__(self, drive: Drive, machine: RunMachine, clock: Clock) -> None:
        self._drive = drive
        self._machine = machine
        self._clock = clock

    def move(
        self,
        move: Move,
        reason: str,
        change: Callable[[Run], Run] = unchanged,
        *,
        consumed: Iterable[Request] = (),
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Make a move, with its reason, what else changes with it and the wishes that ask for it.

        `data` is for the event that tells of it.

        Raises ImpossibleMove.
        """
        before = self._drive.run
        state = self._machine.after(before.state, move)
        now = self._clock.now()
        moved = (
            "state",
            f"{before.state} → {state}: {reason}.",
            {"from": before.state.value, "to": state.value, "move": move.value, **(data or {})},
        )
        lasting = _LASTING if state is State.TEARDOWN else ()
        over = () if state.watches else [p for p in before.problems if not _stays(p.name)]
        self._drive.problems(
            {problem.name: None for problem in over if not problem.name.startswith(lasting)},
            change=lambda run: replace(change(run), state=state, state_since=now),
            because=[moved],
            consumed=consumed,
            moot=True,
        )


def _stays(problem: str) -> bool:
    return problem.startswith(_STAYING)
