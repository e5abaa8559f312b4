"""The five states and what moves between them; pure.

Whoever calls a move commits its outcome; nothing here does I/O, because `transitions` changes the
state before it calls back.
"""

import threading
from enum import StrEnum

from transitions import Machine, MachineError

from dcp_engine.model import State


class Move(StrEnum):
    """What can happen to a run."""

    WORK_SEEN = "work_seen"
    NOTHING_CAME = "nothing_came"
    NONE_WAITING = "none_waiting"
    JOBS_WAIT = "jobs_wait"
    WORK_OVER = "work_over"
    LATE_JOBS = "late_jobs"
    ABORT = "abort"
    ALL_ENDED = "all_ended"
    RELEASE = "release"


class ImpossibleMove(ValueError):
    """That does not lead anywhere from that state."""


_MOVES: tuple[tuple[Move, tuple[State, ...], State], ...] = (
    (Move.WORK_SEEN, (State.PENDING,), State.RUNNING),
    (Move.NOTHING_CAME, (State.PENDING,), State.RUNNING),
    (Move.NONE_WAITING, (State.RUNNING,), State.DRAINING),
    (Move.JOBS_WAIT, (State.DRAINING,), State.RUNNING),
    (Move.WORK_OVER, (State.RUNNING, State.DRAINING), State.TEARDOWN),
    (Move.LATE_JOBS, (State.TEARDOWN,), State.RUNNING),
    (Move.ABORT, (State.PENDING, State.RUNNING, State.DRAINING), State.TEARDOWN),
    (Move.ALL_ENDED, (State.TEARDOWN,), State.EXPORTED),
    (
        Move.RELEASE,
        (State.PENDING, State.RUNNING, State.DRAINING, State.TEARDOWN),
        State.EXPORTED,
    ),
)


class _Position:
    """The object whose state `transitions` keeps."""

    state: str


class RunMachine:
    """The table of moves. One serves any number of runs, from any thread."""

    def __init__(self) -> None:
        # The library's list of models is not made for threads.
        self._lock = threading.Lock()
        self._machine = Machine(
            model=None,
            states=[state.value for state in State],
            transitions=[
                {"trigger": move.value, "source": [s.value for s in sources], "dest": target.value}
                for move, sources, target in _MOVES
            ],
            initial=State.PENDING.value,
            auto_transitions=False,
        )

    def after(self, state: State, move: Move) -> State:
        """The state that `move` leads to. Raises ImpossibleMove."""
        position = _Position()
        with self._lock:
            self._machine.add_model(position, initial=state.value)
            try:
                self._machine.events[move.value].trigger(position)
            except MachineError as error:
                raise ImpossibleMove(f"{move} leads nowhere from {state}") from error
            finally:
                self._machine.remove_model(position)
        return State(position.state)

    def possible(self, state: State) -> frozenset[Move]:
        """The moves that lead somewhere from `state`."""
        return frozenset(Move(name) for name in self._machine.get_triggers(state.value))
