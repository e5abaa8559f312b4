"""docs/doctor.md: its output is what `dcp-engine doctor` prints, its table has every finding."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from dcp_engine.app import App
from dcp_engine.cli.root import PROGRAM, cli
from dcp_engine.doctor.finding import Finding
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.doctor.conftest import Clinic
from tests.doctor.test_healthy import OF_A_RUN
from tests.engine.rig import Rig

PAGE = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text(encoding="utf-8")
MASKS = {r"sfr-[0-9a-f-]+": "FLEET", r"[\d.]+ [KMGT]iB": "SIZE"}
DATABASE = "/home/you/.local/state/dcp-engine/runs.db"
FILE = Path("files") / "Exp1SpotFleetRequestId.json"

Story = Callable[[Clinic], list[Finding]]


def all_fine(clinic: Clinic) -> list[Finding]:
    clinic.launch(cluster="default", jobs=96, machines=4)
    clinic.clock.advance(300)
    return clinic.doctor().of_file(FILE)


def troubles(clinic: Clinic) -> list[Finding]:
    launch = clinic.launch(
        cluster="default", jobs=96, machines=4, auto_monitor=True, visibility_timeout=60
    )
    launch.fleet.config["ValidUntil"] = clinic.clock.now() + timedelta(hours=5)
    clinic.aws.client("s3").delete_bucket_policy(Bucket=launch.bucket)
    clinic.aws.client("ecs").update_service(
        cluster="default", service=launch.service, desiredCount=0
    )
    clinic.aws.faults.add("cloudwatch:GetDashboard", Fault.THROTTLED, times=None)
    clinic.clock.advance(300)
    return clinic.doctor().of_file(FILE)


def expired(clinic: Clinic) -> list[Finding]:
    clinic.launch()
    clinic.aws.faults.add("*", Fault.EXPIRED, times=None)
    return clinic.doctor().of_file(FILE)


def nothing_but_the_computer(clinic: Clinic) -> list[Finding]:
    return clinic.doctor().of_computer()


STORIES: dict[str, Story] = {
    "Before a run": all_fine,
    "What it says when something is wrong": troubles,
    "Without credentials": expired,
    "Without a run": nothing_but_the_computer,
}


def printed(findings: list[Finding], rig: Rig, monkeypatch: pytest.MonkeyPatch) -> str:
    there = [replace(one, text=one.text.replace(str(rig.database), DATABASE)) for one in findings]
    monkeypatch.setattr(App, "examine", lambda *_: there)
    return CliRunner().invoke(cli, ["doctor"], prog_name=PROGRAM).stdout


def entries(output: str) -> list[str]:
    """What each finding says, on one line and without what differs from run to run."""
    found: list[str] = []
    for line in output.splitlines():
        if re.match(r"ok|!!|\?\?|>>|\d+ things?", line):
            found.append(line)
        elif line.strip():
            found[-1] += f" {line}"
    for pattern, mask in MASKS.items():
        found = [re.sub(pattern, mask, entry) for entry in found]
    return [" ".join(entry.split()) for entry in found]


@pytest.mark.parametrize("title", STORIES)
def test_what_the_page_shows_is_what_is_printed(
    title: str,
    aws: SimulatedAws,
    clock: VirtualClock,
    rig: Rig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    findings = STORIES[title](Clinic(aws, clock, rig, tmp_path))
    said = printed(findings, rig, monkeypatch)
    section = re.search(rf"^## {title}\n(.+?)(?=^## |\Z)", PAGE, re.M | re.S)
    assert section is not None
    shown = re.search(r"^```console\n\$ dcp-engine doctor.*?\n(.+?)^```$", section[1], re.M | re.S)
    assert shown is not None
    assert entries(shown[1]) == entries(said), said


def test_no_output_is_shown_that_no_story_tells() -> None:
    assert len(re.findall(r"^```console$", PAGE, re.M)) == len(STORIES)


def test_every_finding_has_its_row() -> None:
    table = PAGE.partition("## What is looked at")[2]
    rows = re.findall(r"^\| `([a-z-]+)` \|", table, re.M)
    always = ["credentials", "region", "clock", "monitor-file"]
    assert rows == [*always, *OF_A_RUN, "run", "aws", "database", "plugins"]
