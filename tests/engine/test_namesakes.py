"""A later run of the same name keeps what only a name tells apart."""

from pathlib import Path

from dcp_engine.model import Ended, State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import launch_run, queue_alarm_names
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.snapshot import belonging_to, snapshot
from tests.engine.rig import Rig


def test_a_teardown_that_was_held_up_leaves_a_later_runs_things_of_the_same_names(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    old = launch_run(aws, "Exp1", jobs=4, machines=1, directory=tmp_path / "old", auto_monitor=True)
    run = rig.until_state(rig.register(old).run, State.RUNNING)
    for changes in ("cloudwatch:Delete*", "s3:DeleteObject"):
        aws.faults.add(changes, Fault.DENIED, times=None)
    held_up = {"alarms", "dashboard", "monitor-file", "last-look"}
    rig.until(run, lambda now: {s.name for s in now.steps if not s.ended} == held_up, every=None)
    new = launch_run(
        aws, "Exp1", jobs=40, machines=2, directory=tmp_path / "new", auto_monitor=True
    )
    rig.clock.advance(600)
    before = belonging_to(snapshot(aws), new)[0]
    aws.faults.clear()
    done = rig.until_state(run, State.EXPORTED)

    after = belonging_to(snapshot(aws), new)[0]
    for kind in ("alarms", "dashboards", "objects", "fleets", "services", "clusters"):
        assert before[kind].keys() <= after[kind].keys(), kind
    assert set(queue_alarm_names("Exp1")) <= set(after["alarms"])
    assert "Exp1" in after["dashboards"]
    ends = {step.name: (step.ended, step.reason or "") for step in done.steps}
    for name in ("dashboard", "monitor-file"):
        assert ends[name][0] is Ended.KEPT
        assert "a later run of this name" in ends[name][1]
    assert "a later run of this name" in ends["alarms"][1]
    # The old run's own, told apart by its machines, are gone.
    assert not {f"Exp1_{instance}" for instance in old.instance_ids} & set(after["alarms"])
