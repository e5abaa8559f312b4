"""docs/runs.md: what it shows as output is what dcp-engine really says."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from dcp_engine.cli.root import cli
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.docs.stories import STORIES, Stage, Story
from tests.engine.rig import Rig

PAGE = (Path(__file__).parents[2] / "docs" / "runs.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.+?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))
BEGINS = re.compile(r"\d\d:\d\d:\d\d  |dcp-engine: |Exp1  ")
"""How each line of the output begins; in the page long ones are broken."""
MASKS = {
    r"(?:sfr-|i-|Exp1-)[0-9a-f-]*\d[0-9a-f-]*…?": "ID",
    r"/\S+/Exp1SpotFleetRequestId.json": "FILE",
    r"No longer so, after [^:]+:": "No longer so, after SPAN:",
    r"\d+": "N",
}


def entries(section: str) -> list[str]:
    """The lines of output that a section shows, unbroken."""
    found: list[str] = []
    for block in re.findall(r"^```text\n(.+?)^```$", section, flags=re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if BEGINS.match(line):
                found.append(line)
            elif line.strip():
                found[-1] += f" {line.strip()}"
    return found


def masked(line: str) -> str:
    """The line without what differs from run to run."""
    for pattern, mask in MASKS.items():
        line = re.sub(pattern, mask, line)
    return " ".join(line.split())


def printed(stage: Stage) -> list[str]:
    """What the commands say of all that happened on the stage, line by line."""
    lines = list(stage.said)
    for run in stage.rig.store.runs():
        shown = CliRunner().invoke(
            cli, ["history", run.id, "--full", "--db", str(stage.rig.database)]
        )
        assert shown.exit_code == 0, shown.output
        lines += shown.output.splitlines()
    return lines


@pytest.fixture
def stage(aws: SimulatedAws, rig: Rig, clock: VirtualClock, tmp_path: Path) -> Stage:
    return Stage(aws, rig, clock, tmp_path)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_what_the_sections_show_is_really_said(stage: Stage, story: Story) -> None:
    story(stage)
    said = [masked(line) for line in printed(stage)]
    for title in STORIES[story]:
        shown = entries(SECTIONS[title])
        assert shown, f"{title} shows no output"
        for line in shown:
            assert masked(line) in said, f"{title}: {line}"


def test_no_output_is_shown_that_no_story_tells() -> None:
    told = {title for titles in STORIES.values() for title in titles}
    assert {title for title, text in SECTIONS.items() if entries(text)} == told


def test_every_situation_in_the_table_has_its_section() -> None:
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in SECTIONS}
    linked = re.findall(r"^\| \[.+?\]\(#(.+?)\)", SECTIONS["Every situation at a glance"], re.M)
    assert len(linked) > 30
    assert set(linked) <= anchors
