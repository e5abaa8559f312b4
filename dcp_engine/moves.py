"""Moving a run from state to state: the new state and its event are one commit."""

from collections.abc import Callable

from msgspec.structs import replace

from dcp_engine.clock import Clock
from dcp_engine.drive import Drive, unchanged
from dcp_engine.machine import Move, RunMachine
from dcp_engine.model import Run, State

# What can still be wrong when the work is over; anything else is moot then.
_LASTING = (
    "credentials",
    "other-account",
    "account-unknown",
    "driven-elsewhere",
    "monitor-file",
    "plugin-",
    "step-",
)


class Mover:
    """Makes moves for one driver."""

    def __init__(self, drive: Drive, machine: RunMachine, clock: Clock) -> None:
        self._drive = drive
        self._machine = machine
        self._clock = clock

    def move(self, move: Move, reason: str, change: Callable[[Run], Run] = unchanged) -> None:
        """Make a move, with its reason and what else changes with it. Raises ImpossibleMove."""
        before = self._drive.run
        state = self._machine.after(before.state, move)
        now = self._clock.now()
        self._drive.commit(
            lambda run: replace(change(run), state=state, state_since=now),
            events=[
                (
                    "state",
                    f"{before.state} → {state}: {reason}.",
                    {"from": before.state.value, "to": state.value, "move": move.value},
                )
            ],
        )
        if not state.watches:
            lasting = _LASTING if state is State.TEARDOWN else ()
            self._drive.problems(
                {
                    problem.name: None
                    for problem in self._drive.run.problems
                    if not problem.name.startswith(lasting)
                },
                moot=True,
            )
