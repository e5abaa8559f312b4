"""Every row of the table of troubles: it begins, is told once, and ends. Healthy runs have none."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dcp_engine.builtin.troubles.scene import Trouble
from dcp_engine.builtin.troubles.table import TABLE
from dcp_engine.model import Outcome, RequestKind, State
from dcp_engine.simulation.launch import launch_run
from dcp_engine.simulation.server import SimulatedAws
from tests.engine.rig import Rig, leftovers
from tests.engine.trouble_stories import SETTINGS, STORIES, TEN_MINUTES, Stage

TROUBLES = {row.name for row in TABLE}


def test_every_row_has_a_story() -> None:
    assert TROUBLES == set(STORIES)
    assert len(TABLE) == len(TROUBLES)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_it_begins_is_told_once_and_ends(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path, row: Trouble
) -> None:
    stage = Stage(aws, make_rig(SETTINGS), tmp_path)
    rig = stage.rig
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
