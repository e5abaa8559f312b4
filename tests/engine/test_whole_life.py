"""A run from its registration to its end, and what AWS holds then."""

from pathlib import Path

from dcp_engine.model import Ended, Outcome, State
from dcp_engine.simulation.launch import launch_run
from dcp_engine.simulation.neighbours import launch_neighbours
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.engine.rig import Rig, leftovers


def test_a_run_from_pending_to_exported(
    aws: SimulatedAws, rig: Rig, clock: VirtualClock, tmp_path: Path
) -> None:
    launch = launch_run(
        aws, "Exp1", jobs=30, machines=4, directory=tmp_path, cluster="exp", auto_monitor=True
    )
    launch_neighbours(aws, "Exp1", tmp_path / "neighbours")
    clock.advance(200)
    _, before = rig.split(launch)

    run = rig.until_state(rig.register(launch).run, State.EXPORTED)

    own, others = rig.split(launch)
    assert run.outcome is Outcome.COMPLETED
    assert rig.moves(run) == ["PENDING", "RUNNING", "DRAINING", "TEARDOWN", "EXPORTED"]
    assert launch.all_jobs_done()
    assert not launch.killed_while_working
    assert leftovers(own) == {}
    assert others == before
    assert {step.ended for step in run.steps} == {Ended.DONE}
    for group in ("Exp1", "Exp1_perInstance"):
        assert any(f"/exportedlogs/{group}/" in key for key in own["objects"])
    assert not run.problems
