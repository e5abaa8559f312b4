"""What a third party's duty and step are given: ten failures on end, and a day."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dcp_engine import allowance, answers, census, step_order, stop, watching
from dcp_engine.defaults import Settings
from dcp_engine.hookspecs import Context, Duty, StepResult, TeardownStep, done, hookimpl, waiting
from dcp_engine.model import Ended, RequestKind, Run, State
from dcp_engine.simulation.launch import launch_run
from dcp_engine.simulation.server import SimulatedAws
from tests.engine.days import launch_for_days
from tests.engine.rig import Rig

MakeRig = Callable[..., Rig]
DAY = timedelta(days=1)


class Moody:
    """A duty that fails while it is told to."""

    def __init__(self) -> None:
        self.fails = True
        self.called: list[datetime] = []

    @hookimpl
    def duties(self) -> Sequence[Duty]:
        states = frozenset({State.RUNNING, State.DRAINING})
        return [Duty(name="moody", states=states, every=timedelta(hours=2), run=self._do)]

    def _do(self, context: Context) -> None:
        self.called.append(context.clock.now())
        if self.fails:
            raise ConnectionError("the other side is down")


def working(aws: SimulatedAws, rig: Rig, directory: Path) -> Run:
    """A run that works for days."""
    return rig.until(
        rig.register(launch_for_days(aws, directory)).run, lambda now: bool(now.active_machines)
    )


def is_suspended(run: Run) -> bool:
    problem = run.problem("duty-moody")
    return problem is not None and "suspended" in problem.text


def test_a_duty_that_fails_ten_times_on_end_is_tried_once_a_day_until_it_works(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    moody = Moody()
    rig = make_rig(Settings(poll_interval=timedelta(minutes=10)), plugins={"theirs": moody})
    run = working(aws, rig, tmp_path)
    now = rig.until(run, is_suspended)
    assert len(moody.called) == 10
    pauses = [b - a for a, b in zip(moody.called, moody.called[1:], strict=False)]
    minutes = [round(pause.total_seconds() / 60) for pause in pauses]
    assert minutes == [10, 20, 40, 60, 60, 60, 60, 60, 60]
    problem = now.problem("duty-moody")
    assert problem is not None
    assert problem.needs_person
    assert "the plugin theirs" in problem.text
    assert "the other side is down" in problem.text
    told = [event for event in rig.events(run, "problem") if event.data["problem"] == problem.name]
    assert len(told) == 2
    assert "suspended" in told[1].text

    # Another process keeps to that as well.
    rig.restart(died=True)
    seldom = timedelta(hours=2)
    rig.until(run, lambda _: len(moody.called) == 12, within=3 * DAY, every=seldom)
    assert all(b - a >= DAY for a, b in zip(moody.called[9:], moody.called[10:], strict=False))
    assert is_suspended(rig.run(run))

    moody.fails = False
    now = rig.until(run, lambda _: len(moody.called) == 13, within=2 * DAY, every=seldom)
    assert now.problem("duty-moody") is None
    over = rig.events(run, "problem-over")[-1]
    assert over.data["problem"] == "duty-moody"
    duty = now.duty("moody")
    assert duty is not None
    assert duty.failures == 0
    rig.until(run, lambda _: len(moody.called) == 14, every=seldom)
    assert moody.called[13] - moody.called[12] <= timedelta(hours=2) + seldom
    assert now.state is State.DRAINING


def test_a_check_that_finds_it_fine_has_it_tried_again_at_the_next_look(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    moody = Moody()
    rig = make_rig(Settings(poll_interval=timedelta(minutes=10)), plugins={"theirs": moody})
    run = working(aws, rig, tmp_path)
    rig.until(run, is_suspended)
    rig.ask(run, RequestKind.TRY_AGAIN, plugin="somebody", duties=["other"], steps=[])
    rig.tick(run)
    assert len(moody.called) == 10
    assert rig.events(run, "try-again") == []

    rig.clock.advance(60)
    rig.ask(run, RequestKind.TRY_AGAIN, plugin="theirs", duties=["moody"], steps=[])
    now = rig.tick(run).run
    assert len(moody.called) == 11
    (told,) = rig.events(run, "try-again")
    assert "theirs" in told.text
    # It fails again, and the pauses begin anew.
    assert not is_suspended(now)
    assert now.problem("duty-moody") is not None
    moody.fails = False
    rig.clock.advance(600)
    assert rig.tick(run).run.problem("duty-moody") is None


def test_one_that_works_now_and_then_is_not_suspended(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    moody = Moody()
    rig = make_rig(plugins={"theirs": moody})
    run = working(aws, rig, tmp_path)
    seldom = timedelta(minutes=30)
    rig.until(run, lambda now: failures(now) == 9, every=seldom)
    moody.fails = False
    rig.until(run, lambda now: failures(now) == 0, every=seldom)
    moody.fails = True
    rig.until(run, lambda now: failures(now) == 2, every=seldom)
    assert not is_suspended(rig.run(run))


def failures(run: Run) -> int:
    duty = run.duty("moody")
    return duty.failures if duty else 0


# Steps.


class Steps:
    """Steps that note when they were tried, and answer as they are told to."""

    def __init__(self, *steps: TeardownStep) -> None:
        self.answer: Callable[[], StepResult] = done
        self.called: list[str] = []
        self.first: dict[str, datetime] = {}
        self._steps = steps

    @hookimpl
    def teardown_steps(self) -> Sequence[TeardownStep]:
        return [
            TeardownStep(
                name=step.name,
                run=lambda context, name=step.name: self._do(context, name),  # type: ignore[misc]
                after_machines=step.after_machines,
                needs=step.needs,
            )
            for step in self._steps
        ]

    def _do(self, context: Context, name: str) -> StepResult:
        self.called.append(name)
        self.first.setdefault(name, context.clock.now())
        return self.answer()


def step(name: str, *needs: str, after_machines: bool = False) -> TeardownStep:
    return TeardownStep(
        name=name, run=lambda _: done(), after_machines=after_machines, needs=frozenset(needs)
    )


def failing() -> StepResult:
    raise ConnectionError("the other side is down")


def torn_down(aws: SimulatedAws, rig: Rig, directory: Path) -> Run:
    """A run whose machines have just ended."""
    launch = launch_run(aws, "Exp1", jobs=1, machines=1, directory=directory, cluster="exp")
    run = rig.until(rig.register(launch).run, lambda now: bool(now.active_machines))
    rig.ask(run, RequestKind.ABORT)
    return rig.until(run, lambda now: now.machines_ended_at is not None)


@pytest.mark.parametrize(
    "answer",
    [
        failing,
        lambda: waiting("not yet"),
        lambda: waiting("not yet", next_in=timedelta(hours=7)),
        lambda: waiting("not yet", next_in=timedelta.max),
    ],
    ids=["fails", "waits", "waits for hours", "waits for ever"],
)
def test_a_step_that_never_ends_is_given_up_a_day_after_its_first_attempt(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path, answer: Callable[[], StepResult]
) -> None:
    steps = Steps(step("upload"))
    steps.answer = answer
    rig = make_rig(plugins={"theirs": steps})
    run = torn_down(aws, rig, tmp_path)
    seldom = timedelta(minutes=10)
    now = rig.until_state(run, State.EXPORTED, within=2 * DAY, every=seldom)
    upload = now.step("upload")
    assert upload is not None
    assert upload.ended is Ended.KEPT
    assert "given up after a day" in str(upload.reason)
    assert "plugin theirs" in str(upload.reason)
    assert upload.ended_at is not None
    took = upload.ended_at - steps.first["upload"]
    assert DAY <= took <= DAY + timedelta(hours=1) + seldom
    assert [s.name for s in now.steps if s.ended is Ended.KEPT] == ["upload"]
    assert now.problems == ()
    kept = [e for e in rig.events(run, "step") if e.data["step"] == "upload"]
    assert len(kept) == 1
    assert "plugin theirs" in kept[0].text


def test_a_step_that_works_again_within_the_day_is_done(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    steps = Steps(step("upload"))
    steps.answer = failing
    rig = make_rig(plugins={"theirs": steps})
    run = torn_down(aws, rig, tmp_path)
    now = rig.until(run, lambda now: now.problem("step-upload") is not None)
    problem = now.problem("step-upload")
    assert problem is not None
    assert "of the plugin theirs" in problem.text
    hours = rig.clock.now() + timedelta(hours=20)
    rig.until(run, lambda _: rig.clock.now() > hours, within=DAY, every=timedelta(minutes=10))
    steps.answer = done
    assert rig.until_state(run, State.EXPORTED).step("upload").ended is Ended.DONE  # type: ignore[union-attr]


def test_a_step_can_be_waived_before_its_day_is_over(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    steps = Steps(step("upload"))
    steps.answer = failing
    rig = make_rig(plugins={"theirs": steps})
    run = torn_down(aws, rig, tmp_path)
    rig.until(run, lambda now: all(s.ended or s.name in {"upload", "last-look"} for s in now.steps))
    rig.ask(run, RequestKind.WAIVE, step="upload")
    tried = len(steps.called)
    now = rig.until_state(run, State.EXPORTED, within=timedelta(hours=1))
    upload = now.step("upload")
    assert upload is not None
    assert upload.ended is Ended.WAIVED
    assert len(steps.called) == tried


def test_steps_have_their_turn_after_what_they_need(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    steps = Steps(
        step("third", "second", "queue"),
        step("second", "first"),
        step("first", after_machines=True),
        step("at once"),
        step("needs what there is not", "no such step"),
    )
    rig = make_rig(plugins={"theirs": steps})
    run = torn_down(aws, rig, tmp_path)
    now = rig.until_state(run, State.EXPORTED)
    order = [name for name in steps.called if name in {"first", "second", "third"}]
    assert order == ["first", "second", "third"]
    assert set(steps.called[:2]) == {"at once", "needs what there is not"}
    ended, queue = now.machines_ended_at, now.step("queue")
    assert ended is not None
    assert queue is not None
    assert queue.ended_at is not None
    assert steps.first["at once"] < ended
    assert steps.first["first"] >= ended
    assert steps.first["third"] >= queue.ended_at
    assert all(step.ended is Ended.DONE for step in now.steps)


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([step("a", "a")], "a needs a"),
        ([step("a", "b"), step("b", "c"), step("c", "a")], "a needs b needs c needs a"),
        ([step("a", "last-look")], "after every other step"),
    ],
    ids=["itself", "a ring", "the last look"],
)
def test_a_step_that_could_never_begin_is_left_out_and_named(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path, steps: list[TeardownStep], why: str
) -> None:
    theirs = Steps(*steps, step("sound", "a"))
    rig = make_rig(plugins={"theirs": theirs})
    assert why in rig.plugins.failures[0].error
    run = torn_down(aws, rig, tmp_path)
    assert {e.data["problem"] for e in rig.events(run, "problem")} >= {"plugin-theirs"}
    now = rig.until_state(run, State.EXPORTED, within=timedelta(hours=1))
    assert set(theirs.called) == {"sound"}
    assert now.step("a") is None


def test_two_plugins_cannot_wait_for_each_other(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    one, other = Steps(step("one", "other")), Steps(step("other", "one"))
    rig = make_rig(plugins={"one": one, "other": other})
    run = torn_down(aws, rig, tmp_path)
    named = {e.data["problem"] for e in rig.events(run, "problem")}
    assert named >= {"plugin-one", "plugin-other"}
    rig.until_state(run, State.EXPORTED, within=timedelta(hours=1))
    assert one.called + other.called == []


def test_a_step_whose_plugin_is_gone_holds_nothing_up(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    steps = Steps(step("upload"))
    steps.answer = failing
    rig = make_rig(plugins={"theirs": steps})
    run = torn_down(aws, rig, tmp_path)
    rig._plugins.clear()
    rig.restart(died=True)
    ticks = 0

    def ended(now: Run) -> bool:
        nonlocal ticks
        ticks += 1
        return now.state is State.EXPORTED

    rig.until(run, ended, within=timedelta(hours=1))
    # Its step is due since long, and nobody can try it: that is no reason to look all the time.
    assert ticks < 40


def test_the_names_that_no_plugin_can_have_are_those_of_the_engine() -> None:
    steps = {stop.FLEETS, stop.LAST_LOOK, allowance.LOGS}
    assert answers.OF_THE_ENGINE["teardown_steps"] == steps
    duties = {watching._LOOK, watching._IDENTIFY, watching._THIN, census.CALL}
    assert answers.OF_THE_ENGINE["duties"] == duties
    assert step_order.LAST == stop.LAST_LOOK
