"""A third party's ways to bring the logs home, and what takes their place."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from dcp_engine.hookspecs import (
    Context,
    LogExport,
    LogExporter,
    StepResult,
    done,
    hookimpl,
    kept,
    waiting,
)
from dcp_engine.model import Ended, Outcome, RequestKind, Run, State, Step
from dcp_engine.simulation.launch import launch_run
from dcp_engine.simulation.server import SimulatedAws
from tests.engine.rig import Killed, Rig

MakeRig = Callable[..., Rig]
DAY = timedelta(days=1)
SELDOM = timedelta(minutes=10)
GROUPS = ["Exp1", "Exp1_perInstance"]


class Exporter:
    """Notes what it was asked for, and answers as it is told to."""

    def __init__(
        self, name: str, answer: Callable[[Context, LogExport], StepResult] = lambda *_: done()
    ) -> None:
        self.name = name
        self.answer = answer
        self.asked: list[LogExport] = []

    @hookimpl
    def log_exporters(self) -> Sequence[LogExporter]:
        return [LogExporter(name=self.name, export=self._export)]

    @property
    def groups(self) -> list[str]:
        return [what.group for what in self.asked]

    def _export(self, context: Context, what: LogExport) -> StepResult:
        self.asked.append(what)
        return self.answer(context, what)


def fails(_: Context, what: LogExport) -> StepResult:
    raise ConnectionError(f"no way for {what.group}")


def begin(aws: SimulatedAws, rig: Rig, directory: Path) -> Run:
    """A run that is being torn down."""
    launch = launch_run(aws, "Exp1", jobs=1, machines=1, directory=directory, cluster="exp")
    run = rig.until(rig.register(launch).run, lambda now: bool(now.active_machines))
    rig.ask(run, RequestKind.ABORT)
    return rig.until_state(run, State.TEARDOWN)


def ended(rig: Rig, run: Run, within: timedelta = timedelta(hours=1)) -> Step:
    """The step `logs` of the run at its end."""
    every = SELDOM if within > DAY else None
    now = rig.until_state(run, State.EXPORTED, within=within, every=every)
    assert now.outcome is Outcome.ABORTED
    logs = now.step("logs")
    assert logs is not None
    return logs


def exported(aws: SimulatedAws) -> list[str]:
    """The groups for which CloudWatch made an export task, in order."""
    made = aws.requests.matching("logs:CreateExportTask")
    return [request.params["logGroupName"] for request in made if request.status == 200]


def test_a_third_partys_goes_first_and_is_told_what_to_bring(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    theirs = Exporter("theirs")
    rig = make_rig(plugins={"theirs": theirs})
    run = begin(aws, rig, tmp_path)
    logs = ended(rig, run)
    now = rig.run(run)
    assert logs.ended is Ended.DONE
    assert theirs.groups == GROUPS
    assert exported(aws) == []
    assert now.machines_ended_at is not None
    for what in theirs.asked:
        assert what.start == run.earliest_start
        assert what.end >= now.machines_ended_at + rig.settings.log_settle - timedelta(seconds=2)
        assert what.bucket == run.names.bucket
        assert what.prefix == f"exportedlogs/{what.group}"


def test_what_it_keeps_stays(aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path) -> None:
    theirs = Exporter("theirs", lambda _, what: kept(f"nobody wants {what.group}"))
    rig = make_rig(plugins={"theirs": theirs})
    logs = ended(rig, begin(aws, rig, tmp_path))
    assert (logs.ended, logs.reason) == (
        Ended.KEPT,
        "nobody wants Exp1; nobody wants Exp1_perInstance",
    )
    assert exported(aws) == []


@pytest.mark.parametrize(
    "answer",
    [fails, lambda *_: waiting("a moment"), lambda *_: waiting("long", next_in=timedelta.max)],
    ids=["fails", "waits", "waits for ever"],
)
def test_after_a_day_the_logs_come_home_without_it_and_once(
    aws: SimulatedAws,
    make_rig: MakeRig,
    tmp_path: Path,
    answer: Callable[[Context, LogExport], StepResult],
) -> None:
    theirs = Exporter("theirs", answer)
    rig = make_rig(plugins={"theirs": theirs})
    run = begin(aws, rig, tmp_path)
    # Another process keeps to the same day.
    noon = rig.clock.now() + DAY / 2
    now = rig.until(run, lambda _: rig.clock.now() >= noon, within=DAY, every=SELDOM)
    assert theirs.groups
    assert exported(aws) == []
    if answer is fails:
        problem = now.problem("step-logs")
        assert problem is not None
        assert "the plugin theirs could not export Exp1: " in problem.text
        assert "no way for Exp1" in problem.text
    rig.restart(died=True)
    logs = ended(rig, run, within=3 * DAY)
    assert logs.ended is Ended.DONE
    assert exported(aws) == GROUPS
    given_up = [e for e in rig.events(run, "logs") if "the plugin theirs has not" in e.text.lower()]
    assert [g for g in GROUPS if any(f" {g} within its part" in e.text for e in given_up)] == GROUPS
    assert len(given_up) == 2
    first = next(e for e in rig.events(run, "logs") if e.text.startswith("Exporting"))
    assert run.state_since + DAY <= first.at <= run.state_since + DAY + timedelta(hours=2)
    # With growing pauses where it fails, and in each look where it asks to wait; and not any more
    # once its time is over.
    assert len(theirs.asked) <= (80 if answer is fails else 2 * DAY / SELDOM + 20)
    assert rig.run(run).problems == ()


def test_of_several_the_first_by_name_and_then_the_next(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    first, second = Exporter("zulu", fails), Exporter("alpha")
    rig = make_rig(plugins={"b-plugin": second, "a-plugin": first})
    run = begin(aws, rig, tmp_path)
    logs = ended(rig, run, within=3 * DAY)
    assert logs.ended is Ended.DONE
    assert set(first.groups) == set(GROUPS)
    assert second.groups == GROUPS
    assert exported(aws) == []


def test_each_remembers_for_each_group_by_itself(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    remembered: dict[tuple[str, str], list[object]] = {}

    def count(name: str, until: int) -> Callable[[Context, LogExport], StepResult]:
        def answer(context: Context, what: LogExport) -> StepResult:
            remembered.setdefault((name, what.group), []).append(dict(context.memory))
            times = int(context.memory.get("times", 0)) + 1
            context.commit(memory={"times": times})
            if name == "first":
                raise ConnectionError("never")
            return done() if times == until else waiting("once more", next_in=SELDOM)

        return answer

    plugins = {n: Exporter(n, count(n, until=3)) for n in ("first", "second")}
    rig = make_rig(plugins=dict(plugins))
    ended(rig, begin(aws, rig, tmp_path), within=3 * DAY)
    for group in GROUPS:
        counts = [{}, {"times": 1}, {"times": 2}]
        assert remembered["second", group] == counts
        # The second group comes when the first exporter's part of the day is over.
        assert remembered["first", group][:3] == (counts if group == GROUPS[0] else counts[:1])


@pytest.mark.matrix("nth", range(1, 9), sample=3)
def test_killed_in_the_middle_it_goes_on_where_it_was(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path, nth: int
) -> None:
    brought: list[str] = []

    def bring(context: Context, what: LogExport) -> StepResult:
        if "begun" not in context.memory:
            context.commit(event="logs", text=f"Taking {what.group}.", memory={"begun": True})
            return waiting("it has begun", next_in=timedelta(seconds=1))
        if what.group not in brought:
            brought.append(what.group)
        context.commit(memory={**context.memory, "brought": True})
        return done(f"{what.group} is here")

    theirs = Exporter("theirs", bring)
    rig = make_rig(plugins={"theirs": theirs})
    run = begin(aws, rig, tmp_path)
    left = nth

    class InTheExport:
        def reached(self, name: str) -> bool:
            nonlocal left
            left -= bool(theirs.asked) and name.endswith("store commit")
            return left == 0

    rig.kill_at(InTheExport())
    with pytest.raises(Killed):
        rig.until_state(run, State.EXPORTED)
    spans = {(what.group, what.start, what.end) for what in theirs.asked}
    rig.restart(died=True)
    logs = ended(rig, run)
    assert logs.ended is Ended.DONE
    assert brought == GROUPS
    assert exported(aws) == []
    assert spans <= {(what.group, what.start, what.end) for what in theirs.asked}
    assert len({(what.group, what.end) for what in theirs.asked}) == len(GROUPS)
    taking = [event.text for event in rig.events(run, "logs")]
    assert taking == [f"Taking {group}." for group in GROUPS]


def test_killed_as_it_is_given_up_the_logs_still_come_home_once(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    theirs = Exporter("theirs", fails)
    rig = make_rig(plugins={"theirs": theirs})
    run = begin(aws, rig, tmp_path)
    rig.kill_at("after aws logs:CreateExportTask")
    with pytest.raises(Killed):
        rig.until_state(run, State.EXPORTED, within=2 * DAY, every=SELDOM)
    rig.restart(died=True)
    ended(rig, run, within=3 * DAY)
    assert exported(aws) == GROUPS
    assert len([e for e in rig.events(run, "logs") if "within its part" in e.text]) == 2


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ((kept("the tape is full."),) * 2, "Exp1 and Exp1_perInstance: the tape is full"),
        (
            (done("on tape 7"), kept("the tape is full")),
            "Exp1: on tape 7; Exp1_perInstance: the tape is full",
        ),
        (
            (done(), done("Exp1_perInstance is on tape 8")),
            "Exp1 was exported by the plugin theirs, which does not say where; "
            "Exp1_perInstance is on tape 8",
        ),
    ],
)
def test_what_is_said_of_the_groups_names_them_and_is_said_once(
    aws: SimulatedAws,
    make_rig: MakeRig,
    tmp_path: Path,
    answers: tuple[StepResult, StepResult],
    said: str,
) -> None:
    by_group = dict(zip(GROUPS, answers, strict=True))
    rig = make_rig(plugins={"theirs": Exporter("theirs", lambda _, what: by_group[what.group])})
    assert ended(rig, begin(aws, rig, tmp_path)).reason == said


def test_without_any_exporter_the_logs_stay_where_they_are(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    rig = make_rig(disabled=("logs",))
    logs = ended(rig, begin(aws, rig, tmp_path))
    assert logs.ended is Ended.KEPT
    assert "Exp1 stays in CloudWatch" in str(logs.reason)
    assert "Exp1_perInstance stays in CloudWatch" in str(logs.reason)
    assert exported(aws) == []
