"""The table of moves, as the design has it."""

import threading

import pytest

from dcp_engine.machine import ImpossibleMove, Move, RunMachine
from dcp_engine.model import State

LEADS_TO = {
    (State.PENDING, Move.WORK_SEEN): State.RUNNING,
    (State.PENDING, Move.NOTHING_CAME): State.RUNNING,
    (State.PENDING, Move.ABORT): State.TEARDOWN,
    (State.RUNNING, Move.NONE_WAITING): State.DRAINING,
    (State.RUNNING, Move.WORK_OVER): State.TEARDOWN,
    (State.RUNNING, Move.ABORT): State.TEARDOWN,
    (State.DRAINING, Move.JOBS_WAIT): State.RUNNING,
    (State.DRAINING, Move.WORK_OVER): State.TEARDOWN,
    (State.DRAINING, Move.ABORT): State.TEARDOWN,
    (State.TEARDOWN, Move.LATE_JOBS): State.RUNNING,
    (State.TEARDOWN, Move.ALL_ENDED): State.EXPORTED,
    (State.PENDING, Move.RELEASE): State.EXPORTED,
    (State.RUNNING, Move.RELEASE): State.EXPORTED,
    (State.DRAINING, Move.RELEASE): State.EXPORTED,
    (State.TEARDOWN, Move.RELEASE): State.EXPORTED,
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("move", Move)
def test_every_move_from_every_state(state: State, move: Move) -> None:
    machine = RunMachine()
    wanted = LEADS_TO.get((state, move))
    assert (move in machine.possible(state)) is (wanted is not None)
    if wanted is None:
        with pytest.raises(ImpossibleMove):
            machine.after(state, move)
    else:
        assert machine.after(state, move) is wanted


def test_nothing_leads_out_of_the_last_state() -> None:
    assert not RunMachine().possible(State.EXPORTED)


def test_one_machine_serves_many_runs_at_once() -> None:
    machine = RunMachine()
    wrong: list[State] = []

    def work() -> None:
        for _ in range(50):
            for (state, move), target in LEADS_TO.items():
                if machine.after(state, move) is not target:
                    wrong.append(state)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
