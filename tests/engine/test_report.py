"""The teardown step `report` against the simulated AWS."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dcp_engine import monitor_file
from dcp_engine.builtin import report as step
from dcp_engine.hookspecs import Context, StepResult, TeardownStep, done, hookimpl, waiting
from dcp_engine.model import Ended, RequestKind, Run, State
from dcp_engine.report import page as pages
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.neighbours import launch_neighbours
from dcp_engine.simulation.server import SimulatedAws
from tests.engine.rig import Killed, Rig, leftovers
from tests.unit.report.markup import Page, text

PUT = "s3:PutObject"
HOUR = timedelta(hours=1)
FILES = {"report.html", "summary.json", "monitor.json"}


def aborted(rig: Rig, launch: Launch) -> Run:
    """A run that a person gives up as soon as it is there."""
    run = rig.register(launch).run
    rig.ask(run, RequestKind.ABORT)
    return run


def launched(aws: SimulatedAws, directory: Path) -> Launch:
    return launch_run(aws, "Exp1", jobs=2, machines=1, directory=directory)


def written(aws: SimulatedAws, run: Run) -> dict[str, Any]:
    """The files that are beside the logs of a run: name → what the bucket holds."""
    s3, bucket = aws.client("s3"), run.names.bucket
    start = f"exportedlogs/{run.names.log_group}/{run.id}/"
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=start).get("Contents", [])
    keys = [found["Key"] for found in listed]
    return {key.removeprefix(start): s3.get_object(Bucket=bucket, Key=key) for key in keys}


def ending(run: Run, name: str = "report") -> tuple[Ended | None, str]:
    found = run.step(name)
    assert found is not None
    return found.ended, found.reason or found.last_error or ""


def left(run: Run) -> set[str]:
    return {one.name for one in run.steps if one.ended is None}


def one_step(name: str, run: Callable[[Context], StepResult], *needs: str) -> dict[str, object]:
    """A third party with one step."""

    class Theirs:
        @hookimpl
        def teardown_steps(self) -> list[TeardownStep]:
            return [TeardownStep(name=name, run=run, needs=frozenset(needs))]

    return {"theirs": Theirs()}


def test_at_the_end_of_a_run_its_account_lies_beside_its_logs(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launch_run(
        aws, "Exp1", jobs=6, machines=2, directory=tmp_path, cluster="exp", auto_monitor=True
    )
    launch_neighbours(aws, "Exp1", tmp_path / "neighbours")
    rig.clock.advance(200)
    _, before = rig.split(launch)
    run = rig.until_state(rig.register(launch).run, State.EXPORTED)

    found = written(aws, run)
    assert set(found) == FILES
    key = f"s3://{run.names.bucket}/exportedlogs/Exp1/{run.id}/report.html"
    assert ending(run) == (Ended.DONE, key)
    assert found["report.html"]["ContentType"] == "text/html; charset=utf-8"
    page = Page(found["report.html"]["Body"].read().decode())
    head = text(page.one("header"))
    assert "taken down completed, on " in head
    assert "everything had ended but the last look;" in head
    assert "so far" not in head + text(page.all("title")[0])
    ends = {row[0]: row[1] for row in page.rows("teardown")}
    assert (ends["report"], ends["last-look"]) == ("this report", "comes next")
    assert "not yet" not in ends.values()
    assert len(ends) == 11
    machines = page.rows("machines")
    assert sum(int(row[1]) for row in machines) == len(launch.instance_ids) == 2
    summary = json.loads(found["summary.json"]["Body"].read())
    assert (summary["run_id"], summary["outcome"]) == (run.id, "completed")
    assert (summary["written"], summary["so_far"], summary["ended_at"]) == (
        "at the end of the teardown",
        True,
        None,
    )
    assert (summary["machines"]["seen"], summary["machines"]["up"]) == (2, 0)
    assert [(one["state"], one["target"]) for one in summary["fleets"]] == [("cancelled", 0)]
    again = monitor_file.parse(found["monitor.json"]["Body"].read().decode(), "monitor.json")
    assert again == monitor_file.read(launch.monitor_file)
    own, others = rig.split(launch)
    assert leftovers(own) == {}
    assert others == before

    operations = [request.operation for request in list(aws.requests)]
    first = operations.index("PutObject")
    assert operations.count("PutObject") == 3
    for earlier in ("CancelSpotFleetRequests", "DeleteQueue", "DeleteService", "DeleteCluster"):
        assert operations.index(earlier) < first
    assert max(n for n, o in enumerate(operations) if o == "CreateExportTask") < first
    (told,) = rig.events(run, "report")
    assert told.text == f"Writing the report to the bucket {run.names.bucket}."


def is_kept(rig: Rig, run: Run) -> None:
    """Assert that the run ends at once without its report, and says what to do."""
    over = rig.until_state(run, State.EXPORTED)
    ended, reason = ending(over)
    assert ended is Ended.KEPT
    assert f"s3:PutObject on {run.names.bucket}/exportedlogs/Exp1/*" in reason
    assert "`dcp-engine report Exp1` writes it on this computer" in reason
    assert over.problems == ()
    (told,) = [e for e in rig.events(run, "step") if e.data["step"] == "report"]
    assert told.text == f"report: kept ({reason})"


def test_a_bucket_that_refuses_it_keeps_no_run_from_its_end(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    run = aborted(rig, launched(aws, tmp_path))
    aws.faults.add(PUT, Fault.DENIED, times=None)
    is_kept(rig, run)
    assert aws.requests.count(PUT) == 1
    assert written(aws, run) == {}


def test_a_bucket_that_is_gone_keeps_no_run_from_its_end(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    run = aborted(rig, launched(aws, tmp_path))
    aws.faults.add(PUT, Fault.THROTTLED, times=None)
    rig.until(run, lambda now: now.problem("step-report") is not None)
    aws.faults.clear()
    s3, bucket = aws.client("s3"), run.names.bucket
    for found in s3.list_objects_v2(Bucket=bucket)["Contents"]:
        s3.delete_object(Bucket=bucket, Key=found["Key"])
    s3.delete_bucket(Bucket=bucket)
    is_kept(rig, run)


def test_what_passes_is_waited_for(aws: SimulatedAws, rig: Rig, tmp_path: Path) -> None:
    run = aborted(rig, launched(aws, tmp_path))
    for fault in (Fault.THROTTLED, Fault.RESET, Fault.REPLY_LOST, Fault.INTERNAL):
        aws.faults.add(PUT, fault, times=4)
    over = rig.until_state(run, State.EXPORTED)
    assert ending(over)[0] is Ended.DONE
    assert set(written(aws, run)) == FILES
    assert aws.requests.count(PUT) > 16


def test_what_does_not_pass_is_tried_for_a_day(aws: SimulatedAws, rig: Rig, tmp_path: Path) -> None:
    run = aborted(rig, launched(aws, tmp_path))
    aws.faults.add(PUT, Fault.INTERNAL, times=None)
    began = rig.clock.now()
    stuck = rig.until(run, lambda now: now.problem("step-report") is not None)
    assert left(stuck) == {"report", "last-look"}
    over = rig.until_state(run, State.EXPORTED, within=timedelta(hours=30), every=HOUR)
    assert ending(over)[0] is Ended.KEPT
    assert "given up after a day" in ending(over)[1]
    assert timedelta(days=1) < rig.clock.now() - began < timedelta(hours=27)
    assert over.problems == ()


def test_a_page_that_cannot_be_made_is_no_reason_to_wait(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> dict[str, Any]:
        raise ZeroDivisionError("by no machines at all")

    monkeypatch.setattr(pages, "_contents", broken)
    run = rig.until_state(aborted(rig, launched(aws, tmp_path)), State.EXPORTED)
    ended, reason = ending(run)
    assert ended is Ended.KEPT
    assert "a defect of dcp-engine: ZeroDivisionError('by no machines at all')" in reason
    assert written(aws, run) == {}


@pytest.mark.parametrize("point", ["before aws s3:PutObject#1", "after aws s3:PutObject#2"])
def test_killed_at_any_file_the_next_process_writes_all_of_them(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, point: str
) -> None:
    launch = launched(aws, tmp_path)
    run = aborted(rig, launch)
    rig.kill_at(point)
    with pytest.raises(Killed):
        rig.until_state(run, State.EXPORTED)
    rig.restart(died=True)
    over = rig.until_state(run, State.EXPORTED)
    assert ending(over)[0] is Ended.DONE
    found = written(aws, run)
    assert set(found) == FILES
    made_at = json.loads(found["summary.json"]["Body"].read())["made_at"]
    page = Page(found["report.html"]["Body"].read().decode())
    assert page.one("time").get("datetime") == f"{made_at[:19]}Z"
    assert len(rig.events(run, "report")) == 1
    own, _ = rig.split(launch)
    assert leftovers(own) == {}


def test_waived_steps_are_no_reason_to_wait_and_it_can_be_waived_itself(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    run = aborted(rig, launched(aws, tmp_path))
    aws.faults.add("sqs:DeleteQueue", Fault.DENIED, times=None)
    rig.until(run, lambda now: left(now) == {"queue", "report", "last-look"})
    rig.ask(run, RequestKind.WAIVE, step="queue")
    aws.faults.add(PUT, Fault.INTERNAL, times=None)
    rig.until(run, lambda now: now.problem("step-report") is not None)
    rig.ask(run, RequestKind.WAIVE, step="report")
    over = rig.until_state(run, State.EXPORTED)
    assert ending(over)[0] is Ended.WAIVED
    assert ending(over, "queue")[0] is Ended.WAIVED


def test_it_tells_what_became_of_a_plugins_step(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    began: list[Any] = []

    def slowly(context: Context) -> StepResult:
        began.append(context.clock.now())
        over = context.clock.now() - began[0] > timedelta(minutes=20)
        return done("in the lab book") if over else waiting("the other side thinks")

    rig = make_rig(plugins=one_step("lab-book", slowly, "logs"))
    run = rig.until_state(aborted(rig, launched(aws, tmp_path)), State.EXPORTED)
    page = Page(written(aws, run)["report.html"]["Body"].read().decode())
    rows = {row[0]: row for row in page.rows("teardown")}
    assert (rows["lab-book"][1], rows["lab-book"][4]) == ("done", "in the lab book")


def test_a_plugins_step_that_needs_it_has_its_turn_afterwards(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    def mail(context: Context) -> StepResult:
        found = context.run.step("report")
        return done(f"mailed {found.reason}" if found else None)

    rig = make_rig(plugins=one_step("mail", mail, "report"))
    began = rig.clock.now()
    run = rig.until_state(aborted(rig, launched(aws, tmp_path)), State.EXPORTED)
    assert ending(run)[0] is Ended.DONE
    assert ending(run, "mail")[1].startswith("mailed s3://")
    assert rig.clock.now() - began < timedelta(minutes=30)


def test_a_plugins_step_that_never_ends_delays_it_for_an_hour_at_most(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    rig = make_rig(plugins=one_step("for-ever", lambda _: waiting("for ever")))
    run = aborted(rig, launched(aws, tmp_path))
    rig.until(run, lambda now: now.ended("logs"))
    began = rig.clock.now()
    waits = rig.until(run, lambda now: now.ended("report"))
    assert left(waits) == {"for-ever", "last-look"}
    assert step._PATIENCE <= rig.clock.now() - began < timedelta(hours=1, minutes=5)
    page = Page(written(aws, run)["report.html"]["Body"].read().decode())
    assert {row[0]: row[1] for row in page.rows("teardown")}["for-ever"] == "not yet"
    assert "everything had ended but for-ever, the last look;" in text(page.one("header"))


def test_a_released_run_writes_nothing_into_the_bucket(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    run = rig.until_state(rig.register(launched(aws, tmp_path)).run, State.RUNNING)
    rig.ask(run, RequestKind.RELEASE)
    rig.until_state(run, State.EXPORTED)
    assert aws.requests.count(PUT) == 0


def test_two_runs_of_one_name_have_a_report_each(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    runs = []
    for turn in ("old", "new"):
        launch = launched(aws, tmp_path / turn)
        runs.append(rig.until_state(aborted(rig, launch), State.EXPORTED))
        rig.clock.advance(3600)
    assert runs[0].id != runs[1].id
    for run in runs:
        summary = json.loads(written(aws, run)["summary.json"]["Body"].read())
        assert summary["run_id"] == run.id
