"""Every row of the table of troubles: it begins, is told once, and ends. Healthy runs have none."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dcp_engine.builtin.troubles.table import TABLE
from dcp_engine.model import Outcome, RequestKind, State
from dcp_engine.simulation.launch import Launch
from dcp_engine.simulation.runs import Behaviour
from dcp_engine.simulation.server import SimulatedAws
from tests.engine.rig import Rig, leftovers
from tests.engine.trouble_stories import SETTINGS, STORIES, TEN_MINUTES, Stage

TROUBLES = {row.name for row in TABLE}
OTHER_DUTIES = {"labels", "unjoined", "prices", "alarms", "idle_alarms"}
OF_ANOTHER_DUTY = {"unjoined-machines": "unjoined", "altered-alarms": "alarms"}


def test_every_row_has_a_story() -> None:
    assert set(STORIES) == TROUBLES
    assert len(TABLE) == len(TROUBLES)


@pytest.mark.matrix("name", sorted(TROUBLES), sample=6)
def test_it_begins_is_told_once_and_ends(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path, name: str
) -> None:
    row = next(row for row in TABLE if row.name == name)
    # What another duty finds needs that one; all of them look on in the healthy runs below.
    idle = OTHER_DUTIES - {OF_ANOTHER_DUTY.get(row.name)}
    rig = make_rig(SETTINGS, disabled=tuple(idle))
    stage = Stage(aws, rig, tmp_path)
    story = STORIES[row.name](stage)
    run = next(story)
    assert rig.run(run).problem(row.name) is None
    limits: dict[str, Any] = {"every": TEN_MINUTES, "within": timedelta(hours=6)}
    rig.until(run, lambda now: now.problem(row.name) is not None, **limits)
    stage.ticks(run, 20)
    assert rig.run(run).problem(row.name) is not None
    next(story, None)
    rig.until(run, lambda now: now.problem(row.name) is None, **limits)
    stage.ticks(run, 20)
    told = [e for e in rig.events(run) if e.data.get("problem") == row.name]
    assert [event.kind for event in told] == ["problem", "problem-over"]
    assert told[0].data["problem"] == row.name
    assert re.search(r"\d", told[0].text.replace("Exp1", ""))
    assert told[1].text.startswith("No longer so")


def late_jobs_and_another_fleet(stage: Stage, launch: Launch) -> None:
    run = stage.watched(launch)
    stage.ticks(run, 40)
    launch.start_another_fleet(2)
    launch.send_jobs(20)


def as_cheap_as_possible(stage: Stage, launch: Launch) -> None:
    stage.rig.ask(stage.watched(launch), RequestKind.CHEAPEST_ON)


def with_the_computer_asleep(stage: Stage, launch: Launch) -> None:
    run = stage.watched(launch)
    stage.ticks(run, 20)
    stage.rig.clock.advance(3600 * 3)
    stage.rig.tick(run)


HEALTHY: dict[str, dict[str, Any]] = {
    "usual": {"jobs": 30, "machines": 3},
    "one machine": {"jobs": 5, "machines": 1, "job_duration": (600, 1500)},
    "jobs of hours": {"jobs": 5, "machines": 2, "job_duration": (5000, 8000)},
    "a machine for each job": {"jobs": 10, "machines": 10},
    "machines that die": {
        "jobs": 25,
        "machines": 4,
        "script": (Behaviour.CRASHES, Behaviour.STALLS),
    },
    "late jobs": {"jobs": 20, "machines": 2, "then": late_jobs_and_another_fleet},
    "cheapest": {"jobs": 30, "machines": 4, "then": as_cheap_as_possible},
    "asleep": {"jobs": 60, "machines": 2, "then": with_the_computer_asleep},
}


@pytest.mark.matrix("shape", [*HEALTHY], sample=3)
def test_a_healthy_run_has_no_trouble(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, shape: str
) -> None:
    stage = Stage(aws, rig, tmp_path)
    facts = {"visibility_timeout": 10_000, **HEALTHY[shape]}
    then = facts.pop("then", lambda stage, launch: stage.watched(launch))
    launch = stage.launch(**facts)
    then(stage, launch)
    (run,) = rig.store.runs()
    done = rig.until_state(run, State.EXPORTED, every=TEN_MINUTES, within=timedelta(hours=24))
    assert done.outcome is Outcome.COMPLETED
    assert launch.all_jobs_done()
    assert leftovers(rig.split(launch)[0]) == {}
    assert [event.text for event in rig.events(run) if event.kind == "problem"] == []
