"""A computer without a connection: one thing is wrong, and one problem says so."""

from pathlib import Path

import pytest

from dcp_engine.model import RequestKind, State
from dcp_engine.simulation.launch import launch_run
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.engine.rig import Rig, leftovers


@pytest.mark.parametrize("state", [State.PENDING, State.RUNNING, State.TEARDOWN])
def test_one_outage_is_one_problem(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock, state: State
) -> None:
    launch = launch_run(aws, "Exp1", jobs=8, machines=2, directory=tmp_path)
    run = rig.register(launch).run
    if state is not State.PENDING:
        rig.until_state(run, State.RUNNING)
    with aws.unreachable():
        if state is State.TEARDOWN:
            rig.ask(run, RequestKind.ABORT)
        for _ in range(20):
            rig.tick(run)
            clock.advance(120)
        now = rig.run(run)
        assert now.state is state
        assert [problem.name for problem in now.problems] == ["unreachable"]
        assert "billed" in now.problems[0].text
        assert len(rig.events(run, "problem")) == 1
        assert launch.fleet.state == "active"
    rig.tick(run)
    assert rig.run(run).problem("unreachable") is None
    rig.until_state(run, State.EXPORTED)
    # Machines that came and went while nobody could look are not known, so their traces in the
    # shared cluster stay.
    assert set(leftovers(rig.split(launch)[0])) <= {"container_instances"}


def test_a_run_that_is_aborted_while_there_is_no_connection_keeps_that_problem(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, clock: VirtualClock
) -> None:
    launch = launch_run(aws, "Exp1", jobs=8, machines=2, directory=tmp_path)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    with aws.unreachable():
        clock.advance(60)
        rig.tick(run)
        rig.ask(run, RequestKind.ABORT)
        rig.tick(run)
        assert rig.run(run).state is State.TEARDOWN
        assert rig.run(run).problem("unreachable") is not None
        assert not rig.events(run, "problem-over")
