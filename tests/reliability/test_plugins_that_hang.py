"""Duties and steps that do not come back, or raise what is not even an Exception."""

import asyncio
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from dcp_engine.defaults import Settings
from dcp_engine.errors import Refused
from dcp_engine.hookspecs import (
    Context,
    Duty,
    LogExport,
    LogExporter,
    StepResult,
    TeardownStep,
    done,
    hookimpl,
)
from dcp_engine.model import Ended, Run, State
from dcp_engine.simulation.launch import launch_run
from dcp_engine.simulation.server import SimulatedAws
from tests.engine.days import launch_for_days
from tests.engine.rig import Rig

QUICK = Settings(tick_deadline=timedelta(seconds=1), request_timeout=timedelta(seconds=1))
"""Two seconds by the wall clock, and a duty or a step that hangs is left behind."""

MakeRig = Callable[..., Rig]


class Late:
    """Hangs the first time it is called, and tries to write something down when it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.over = threading.Event()
        self.calls = 0
        self.refused: Exception | None = None

    def hang(self, context: Context) -> None:
        self.calls += 1
        if self.calls > 1:
            return
        self.go.wait(60)
        try:
            context.commit(event="late", text="This comes too late.")
        except Refused as error:
            self.refused = error
        finally:
            self.over.set()

    def was_refused(self) -> bool:
        self.go.set()
        assert self.over.wait(30)
        return self.refused is not None


@pytest.fixture
def late() -> Iterator[Late]:
    late = Late()
    yield late
    late.go.set()


def plugin(
    duty: Callable[[Context], None] | None = None,
    step: Callable[[Context], StepResult] | None = None,
) -> types.ModuleType:
    @hookimpl
    def duties(settings: Settings) -> Sequence[Duty]:
        states = frozenset({State.RUNNING, State.DRAINING})
        every = timedelta(minutes=1)
        return [Duty(name="theirs", states=states, every=every, run=duty)] if duty else []

    @hookimpl
    def teardown_steps(settings: Settings) -> Sequence[TeardownStep]:
        return [TeardownStep(name="theirs", run=step)] if step else []

    module = types.ModuleType("theirs")
    module.__dict__.update(duties=duties, teardown_steps=teardown_steps)
    return module


def test_a_duty_that_hangs_is_left_behind_and_named(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path, late: Late
) -> None:
    rig = make_rig(plugins={"theirs": plugin(duty=late.hang)}, settings=QUICK)
    launch = launch_run(aws, "Exp1", jobs=4, machines=2, directory=tmp_path)
    run = rig.register(launch).run
    now = rig.until(run, lambda now: now.problem("duty-theirs") is not None)
    problem = now.problem("duty-theirs")
    assert problem is not None
    assert "did not come back" in problem.text
    assert late.was_refused()
    assert not rig.events(run, "late")
    assert rig.until_state(run, State.EXPORTED).problem("duty-theirs") is None
    assert launch.all_jobs_done()


def test_a_step_that_hangs_keeps_no_machine_and_no_other_step(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path, late: Late
) -> None:
    def step(context: Context) -> StepResult:
        late.hang(context)
        return done()

    rig = make_rig(plugins={"theirs": plugin(step=step)}, settings=QUICK)
    launch = launch_run(aws, "Exp1", jobs=4, machines=2, directory=tmp_path)
    run = rig.register(launch).run
    now = rig.until(run, lambda now: now.problem("step-theirs") is not None)
    assert launch.fleet.state.startswith("cancelled")
    assert now.ended("service")
    assert late.was_refused()
    done_run = rig.until_state(run, State.EXPORTED)
    theirs = done_run.step("theirs")
    assert theirs is not None
    assert theirs.ended is Ended.DONE
    assert not rig.events(run, "late")


def for_ever(late: Late) -> Callable[[Context], None]:
    """Hangs until the test is over, and counts how often it was called."""

    def hang(_: Context) -> None:
        late.calls += 1
        late.go.wait(60)

    return hang


def test_a_duty_that_hangs_has_a_pause_of_ten_minutes_and_is_not_counted_while_it_hangs(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path, late: Late
) -> None:
    rig = make_rig(plugins={"theirs": plugin(duty=for_ever(late))}, settings=QUICK)
    run = rig.register(launch_for_days(aws, tmp_path)).run
    now = rig.until(run, lambda now: now.problem("duty-theirs") is not None)
    minutes = []
    for _ in range(25):
        record = now.duty("theirs")
        assert record is not None
        assert record.next_at is not None
        assert (record.failures, late.calls) == (1, 1)
        assert "did not come back within" in str(record.last_error)
        minutes.append((record.next_at - rig.clock.now()).total_seconds() / 60)
        rig.clock.advance(60)
        now = rig.tick(run).run
    assert minutes[:11] == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 10]
    problem = now.problem("duty-theirs")
    assert problem is not None
    assert "did not come back within" in problem.text
    # Another process asks it anew, and that counts.
    rig.restart(died=True)
    rig.clock.advance(600)
    record = rig.tick(run).run.duty("theirs")
    assert record is not None
    assert (record.failures, late.calls) == (2, 2)
    assert record.next_at == rig.clock.now() + timedelta(minutes=20)


def test_a_step_and_an_exporter_that_hang_have_a_pause_of_ten_minutes(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path, late: Late
) -> None:
    def step(context: Context) -> StepResult:
        late.go.wait(60)
        return done()

    def export(context: Context, what: LogExport) -> StepResult:
        late.go.wait(60)
        return done()

    class Exports:
        @hookimpl
        def log_exporters(self) -> Sequence[LogExporter]:
            return [LogExporter(name="tape", export=export)]

    rig = make_rig(plugins={"theirs": plugin(step=step), "tapes": Exports()}, settings=QUICK)
    launch = launch_run(aws, "Exp1", jobs=1, machines=1, directory=tmp_path)
    run = rig.register(launch).run
    paused: dict[str, timedelta] = {}

    def tried(now: Run) -> bool:
        for name in ("theirs", "logs"):
            record = now.step(name)
            if record and record.failures and name not in paused:
                assert record.next_at is not None
                paused[name] = record.next_at - rig.clock.now()
        return len(paused) == 2

    rig.until(run, tried)
    assert set(paused.values()) == {timedelta(minutes=10)}
    rig.clock.advance(601)
    now = rig.tick(run).run
    for name in ("theirs", "logs"):
        record = now.step(name)
        assert record is not None
        assert record.failures == 1
        assert "did not come back" in str(record.last_error)
    late.go.set()
    assert rig.until_state(run, State.EXPORTED).ended("theirs")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit()])
def test_nothing_that_a_plugin_raises_gets_out(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path, error: BaseException
) -> None:
    raised: list[State] = []

    def act(context: Context) -> StepResult:
        if len(raised) < 3:
            raised.append(context.run.state)
            raise error
        return done()

    def duty(context: Context) -> None:
        raise error

    rig = make_rig(plugins={"theirs": plugin(duty=duty, step=act)})
    launch = launch_run(aws, "Exp1", jobs=4, machines=2, directory=tmp_path)
    run = rig.register(launch).run
    now = rig.until(run, lambda now: now.problem("duty-theirs") is not None)
    assert type(error).__name__ in now.problems[0].text
    done_run = rig.until_state(run, State.EXPORTED)
    assert launch.all_jobs_done()
    theirs = done_run.step("theirs")
    assert theirs is not None
    assert theirs.ended is Ended.DONE
