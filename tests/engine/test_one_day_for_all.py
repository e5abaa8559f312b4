"""Other people's steps and exporters keep a run from its end for a day, all of them together."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from dcp_engine.hookspecs import (
    Context,
    LogExport,
    LogExporter,
    StepResult,
    TeardownStep,
    hookimpl,
    waiting,
)
from dcp_engine.model import Ended, RequestKind, Run, State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import launch_run
from dcp_engine.simulation.server import SimulatedAws
from tests.engine.rig import Rig

MakeRig = Callable[..., Rig]
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
STEPS = [f"s{n}" for n in range(5)]


class Dawdling:
    """A chain of steps and three exporters, of which none is ever done."""

    def __init__(self) -> None:
        self.exporters: list[tuple[datetime, str]] = []

    @hookimpl
    def teardown_steps(self) -> Sequence[TeardownStep]:
        needs = [frozenset[str](), *(frozenset({name}) for name in STEPS)]
        return [
            TeardownStep(name=name, run=self._wait, needs=before)
            for name, before in zip(STEPS, needs, strict=False)
        ]

    @hookimpl
    def log_exporters(self) -> Sequence[LogExporter]:
        def export(name: str) -> Callable[[Context, LogExport], StepResult]:
            def exporting(context: Context, what: LogExport) -> StepResult:
                self.exporters.append((context.clock.now(), name))
                return self._wait(context)

            return exporting

        return [LogExporter(name=name, export=export(name)) for name in ("x", "y", "z")]

    def _wait(self, _: Context) -> StepResult:
        return waiting("not yet", next_in=timedelta(days=300))


def aborted(aws: SimulatedAws, rig: Rig, directory: Path) -> Run:
    launch = launch_run(aws, "Exp1", jobs=1, machines=1, directory=directory, cluster="exp")
    run = rig.until(rig.register(launch).run, lambda now: bool(now.active_machines))
    rig.ask(run, RequestKind.ABORT)
    return run


def test_a_chain_of_steps_and_several_exporters_have_one_day_together(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    theirs = Dawdling()
    rig = make_rig(plugins={"theirs": theirs})
    run = rig.until(aborted(aws, rig, tmp_path), lambda now: now.machines_ended_at is not None)
    rig.restart(died=True)
    now = rig.until_state(run, State.EXPORTED, within=3 * DAY, every=HOUR)
    assert run.machines_ended_at is not None
    assert DAY <= now.state_since - run.machines_ended_at <= DAY + 2 * HOUR
    for name in STEPS:
        step = now.step(name)
        assert step is not None
        assert step.ended is Ended.KEPT
        assert "all of them together" in str(step.reason)
        assert "plugin theirs" in str(step.reason)
    # None is forgotten for another that takes its time.
    assert {name for _, name in theirs.exporters} == {"x", "y", "z"}
    made = aws.requests.matching("logs:CreateExportTask")
    assert [r.params["logGroupName"] for r in made if r.status == 200] == [
        "Exp1",
        "Exp1_perInstance",
    ]
    assert now.problems == ()


def test_nothing_is_given_up_while_the_machines_keep_the_run_from_its_end_anyway(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    tried: list[datetime] = []

    class Failing:
        @hookimpl
        def teardown_steps(self) -> Sequence[TeardownStep]:
            def run(context: Context) -> StepResult:
                tried.append(context.clock.now())
                raise ConnectionError("the other side is down")

            return [TeardownStep(name="upload", run=run)]

    aws.faults.add("ec2:CancelSpotFleetRequests", Fault.DENIED, times=None)
    rig = make_rig(plugins={"theirs": Failing()})
    run = rig.until_state(aborted(aws, rig, tmp_path), State.TEARDOWN)
    later = rig.clock.now() + 2 * DAY
    now = rig.until(run, lambda _: rig.clock.now() >= later, within=3 * DAY, every=HOUR / 2)
    assert not now.ended("upload")
    # It waits longer and longer, though machines are up.
    assert 48 <= len(tried) <= 60
    aws.faults.clear()
    now = rig.until(run, lambda now: now.machines_ended_at is not None)
    now = rig.until_state(run, State.EXPORTED, within=2 * DAY, every=HOUR)
    assert now.machines_ended_at is not None
    assert DAY <= now.state_since - now.machines_ended_at <= DAY + 2 * HOUR
