"""A whole run with neighbours and plugins, and what must hold of it whatever they do."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from dcp_engine.model import Ended, Event, Outcome, Run, State
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.neighbours import launch_neighbours
from dcp_engine.simulation.runs import Scenario
from dcp_engine.simulation.snapshot import Snapshot
from tests.engine.rig import Rig, leftovers
from tests.reliability.hostile import Good

# When a run without any hostile plugin cancels its fleet. That is exact, since nothing that a
# plugin does takes time on the virtual clock.
CANCELLED_AFTER = timedelta(minutes=28)
SELDOM = timedelta(minutes=20)


@dataclass
class Story:
    """One run, from its registration to its end."""

    rig: Rig
    launch: Launch
    run: Run
    neighbours: Snapshot
    good: Good
    named: dict[str, str]
    """Every problem there ever was, with its words."""


def begin(rig: Rig, good: Good, directory: Path) -> Story:
    """Launch a run of half an hour among its neighbours, and register it."""
    launch_neighbours(rig.aws, "Exp1", directory / "neighbours")
    rig.clock.advance(200)
    launch = launch_run(
        rig.aws,
        "Exp1",
        jobs=4,
        machines=2,
        directory=directory,
        cluster="exp",
        visibility_timeout=3600,
        scenario=Scenario(job_duration=(600, 620)),
    )
    _, neighbours = rig.split(launch)
    return Story(rig, launch, rig.register(launch).run, neighbours, good, {})


def go_on(story: Story) -> None:
    """See the run to its end; a third party's step or export may take days of that."""

    def note(run: Run) -> bool:
        story.named.update({problem.name: problem.text for problem in run.problems})
        return run.machines_ended_at is not None

    def note_end(run: Run) -> bool:
        return note(run) and run.state is State.EXPORTED

    story.rig.until(story.run, note)
    story.rig.until(story.run, note_end, within=timedelta(days=9), every=SELDOM)


def went_well(story: Story) -> None:
    """The run ended as it does without a hostile plugin."""
    rig, launch = story.rig, story.launch
    run = rig.run(story.run)
    assert run.state is State.EXPORTED
    assert run.outcome is Outcome.COMPLETED
    assert launch.all_jobs_done()
    assert not launch.killed_while_working
    own, others = rig.split(launch)
    assert leftovers(own) == {}
    assert others == story.neighbours
    assert {t["log_group"] for t in own["exports"].values()} == {"Exp1", "Exp1_perInstance"}


def money_stopped(story: Story) -> None:
    """The fleet was cancelled when it would have been, and before any other change."""
    changes = [
        request
        for request in story.rig.aws.requests
        if request.at >= story.run.registered_at and request.operation in CHANGES
    ]
    assert changes[0].operation == "CancelSpotFleetRequests"
    assert changes[0].at - story.run.registered_at == CANCELLED_AFTER


CHANGES = frozenset(
    {
        "CancelSpotFleetRequests",
        "CreateExportTask",
        "DeleteDashboards",
        "DeleteQueue",
        "DeleteService",
        "DeregisterTaskDefinition",
        "TerminateInstances",
        "UpdateService",
    }
)


def good_had_its_way(story: Story) -> None:
    """The good plugin did all that it is there for, when it was to be done."""
    rig, good = story.rig, story.good
    run = rig.run(story.run)
    events = rig.events(run)
    # What happened in the very last look may be told in the next one.
    while len(good.told) < len(events):
        before = len(good.told)
        rig.tick(run)
        assert len(good.told) > before
    assert [event.id for event in good.told] == [event.id for event in events]
    over = next(e.at for e in events if e.kind == "state" and e.data["to"] == "TEARDOWN")
    expected = [run.registered_at + n * timedelta(minutes=5) for n in range(6)]
    assert good.watched == [moment for moment in expected if moment < over]
    assert [seen.value for seen in run.observations if seen.name == "good"] == [len(expected)]
    step = run.step("good")
    assert step is not None
    assert (step.ended, step.reason) == (Ended.DONE, "it is all done")
    assert len(rig.events(run, "good")) == 1
    assert run.summary["good"] == "so it was"


def was_named(story: Story, plugin: str) -> bool:
    """Whether the history told of this plugin by its name, and `status` at some time.

    What fails in the last tick of all is in the history only, and an exporter that has only kept
    everybody waiting is when it is given up.
    """
    told = [
        event for event in words(story.rig.events(story.run)) if f"plugin {plugin} " in event.text
    ]
    run = story.rig.run(story.run)
    shown = [*story.named.values(), *(str(step.reason) for step in run.steps)]
    in_status = any(f"plugin {plugin} " in text for text in shown)
    return bool(told) and (in_status or told[0].at == run.state_since or told[0].kind == "logs")


def words(events: list[Event]) -> Iterator[Event]:
    """What the engine said of what is wrong, or of a step that it gave up."""
    return (event for event in events if event.kind in {"problem", "step", "logs"})
