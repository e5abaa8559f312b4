"""What events and problems say is true, also when the run moves on meanwhile."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dcp_engine.defaults import Settings
from dcp_engine.model import Outcome, RequestKind, State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import launch_run
from dcp_engine.simulation.runs import Scenario
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.status import status_of
from tests.engine.rig import Rig, leftovers


def test_a_queue_that_is_being_deleted_is_not_promised_to_be_kept(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launch_run(aws, "Exp1", jobs=9, machines=1, directory=tmp_path)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    rig.ask(run, RequestKind.ABORT)
    aws.faults.add("logs:*", Fault.DENIED, times=None)
    rig.until(run, lambda now: (step := now.step("queue")) is not None and bool(step.progress))
    rig.clock.advance(1)
    rig.ask(run, RequestKind.ABORT, keep_queue=True)
    now = rig.tick(run).run
    assert not now.keep_queue
    assert "cannot be kept" in rig.events(run, "abort")[-1].text
    asked = rig.store.requests(run.id)
    assert not status_of(now, lease=None, requests=asked, machines_seen=1).keep_queue
    aws.faults.clear()
    rig.until_state(run, State.EXPORTED)
    assert leftovers(rig.split(launch)[0]) == {}


@pytest.mark.parametrize("wish", [RequestKind.ABORT, RequestKind.RELEASE])
def test_what_was_not_mended_is_not_said_to_be(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, wish: RequestKind
) -> None:
    launch = launch_run(aws, "Exp1", jobs=9, machines=1, directory=tmp_path)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    aws.faults.add("sqs:*", Fault.DENIED, times=None)
    rig.clock.advance(60)
    first = rig.tick(run).run.problem("queue-unreadable")
    aws.faults.clear()
    aws.faults.add("sqs:*", Fault.INTERNAL, times=None)
    rig.clock.advance(60)
    last = rig.tick(run).run.problem("queue-unreadable")
    assert first and last
    assert first.text != last.text
    rig.ask(run, wish)
    rig.tick(run)
    (over,) = [e for e in rig.events(run, "problem-over") if "queue" in e.data["problem"]]
    assert over.text.startswith("This does not matter any more: The jobs in")
    assert over.data["text"] == last.text


def test_an_aws_that_answers_too_slowly_is_one_problem_and_not_news_at_every_tick(
    aws: SimulatedAws, make_rig: Any, tmp_path: Path
) -> None:
    rig = make_rig(Settings(tick_deadline=timedelta(seconds=20)))
    launch = launch_run(aws, "Exp1", jobs=9, machines=1, directory=tmp_path)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    slowly = aws.faults.add("*", Fault.ERROR, match=lambda _: bool(rig.clock.sleep(15)))
    for _ in range(5):
        rig.clock.advance(600)
        assert rig.tick(run).run.problem("slow")
    aws.faults.clear()
    assert not slowly.hits
    assert not rig.tick(run).run.problems
    told = [event for event in rig.events(run) if event.kind.startswith("problem")]
    assert [(event.kind, event.data["problem"]) for event in told] == [
        ("problem", "slow"),
        ("problem-over", "slow"),
    ]


def test_a_first_look_that_comes_late_names_no_moment_that_is_past(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launch_run(aws, "Exp1", jobs=0, machines=1, directory=tmp_path)
    run = rig.register(launch).run
    rig.clock.advance(3600)
    done = rig.until_state(run, State.EXPORTED)
    assert done.outcome is Outcome.COMPLETED
    (draining,) = [e.text for e in rig.events(run, "state") if e.data["to"] == "DRAINING"]
    assert "there is time until" not in draining
    assert "00:00 UTC" in draining


def test_counts_too_far_apart_to_confirm_anything_are_a_problem(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = launch_run(aws, "Exp1", jobs=3, machines=1, directory=tmp_path)
    run = rig.until_state(rig.register(launch).run, State.DRAINING)
    launch.fleet.capacity_limit = 0
    for _ in range(2):
        # A laptop that slept once is nothing to tell of.
        assert not rig.run(run).problem("too-seldom")
        rig.clock.advance(3600)
        rig.tick(run)
    rig.clock.advance(3600)
    seldom = rig.tick(run).run
    problem = seldom.problem("too-seldom")
    assert problem is not None
    assert "60 minutes apart" in problem.text
    assert problem.needs_person
    assert seldom.state is State.DRAINING
    done = rig.until_state(run, State.EXPORTED)
    assert done.outcome is Outcome.COMPLETED
    assert leftovers(rig.split(launch)[0]) == {}


@pytest.mark.parametrize(
    ("kind", "needs_person"),
    [("spotFleetRequestConfigurationInvalid", True), ("launchSpecTemporarilyBlacklisted", False)],
)
def test_why_no_machine_comes_is_told_with_what_to_do(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, kind: str, needs_person: bool
) -> None:
    launch = launch_run(
        aws,
        "Exp1",
        jobs=9,
        machines=1,
        directory=tmp_path,
        scenario=Scenario(capacity_limit=0, launch_error=(kind, "a reason of AWS")),
    )
    run = rig.until(rig.register(launch).run, lambda now: now.problem("fleet-errors") is not None)
    problem = run.problem("fleet-errors")
    assert problem is not None
    assert problem.needs_person is needs_person
    assert "a reason of AWS. That" in problem.text
    assert "start the cluster again" in problem.text
