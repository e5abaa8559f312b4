"""The installed command with a database in trouble: what it says, how it ends, what AWS sees."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from dcp_engine.errors import EXIT_NEEDS_PERSON, EXIT_TIME_MAY_MEND
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.surroundings import no_own_aws
from dcp_engine.simulation.timings import Timings
from tests.e2e.scene import NAME, NOBODY_COMES, Scene
from tests.e2e.waiting import PATIENCE
from tests.reliability.store_drivers import CHANGING

CANCEL = "ec2:CancelSpotFleetRequests"
NO_FILE_MAY_GROW = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
sys.argv = ["dcp-engine", *sys.argv[1:]]
runpy.run_module("dcp_engine", run_name="__main__")
"""
"""The command where no byte more can be written to any file."""


@pytest.fixture
def aws() -> Iterator[SimulatedAws]:
    """An AWS on the computer's clock."""
    timings = replace(Timings.fast(), export_delay=0.2)
    with no_own_aws(), SimulatedAws(seed=1, timings=timings) as running:
        yield running


def test_a_disk_without_room_does_not_keep_the_fleet_of_a_teardown_running(
    aws: SimulatedAws, tmp_path: Path
) -> None:
    scene = Scene(aws, tmp_path, jobs=2, neighbours=False, hold_a_job=True)
    aws.faults.add(CANCEL, Fault.HANG, times=None)
    with scene.computer.start("monitor", scene.file) as monitor:
        monitor.until_says("RUNNING")
        scene.give_the_job_back()
        scene.until_begun(CANCEL, 1)
        monitor.die()
    aws.faults.clear()
    assert scene.launch.fleet.state == "active"
    before = scene.computer.database.read_bytes()

    ticked = subprocess.run(
        [sys.executable, "-c", NO_FILE_MAY_GROW, "tick", NAME],
        env=scene.computer.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ticked.returncode == EXIT_TIME_MAY_MEND, ticked
    said = " ".join(ticked.stderr.split())
    for words in (
        str(scene.computer.database),
        "told to stop",
        scene.launch.fleet_id,
        "is it full",
    ):
        assert words in said
    assert "Traceback" not in said
    assert scene.launch.fleet.state != "active"
    assert scene.computer.database.read_bytes() == before

    scene.computer.run("resume", NAME).fine()
    scene.is_done()


def test_a_database_that_is_locked_and_then_taken_away_while_monitor_runs(
    aws: SimulatedAws, tmp_path: Path
) -> None:
    scene = Scene(aws, tmp_path, jobs=2, neighbours=False, scenario=NOBODY_COMES)
    database = scene.computer.database
    with scene.computer.start("monitor", scene.file) as monitor:
        monitor.until_says("RUNNING")
        with closing(sqlite3.connect(database, timeout=60)) as browser:
            browser.execute("BEGIN IMMEDIATE")
            asked = len(aws.requests)
            monitor.until_says("kept locked by another program")
            made = [name for name in aws.requests.names()[asked:] if name in CHANGING]
            assert made == []
            browser.rollback()
        scene.computer.until_state(NAME, "RUNNING")
        kept = database.rename(database.with_name("kept.db"))
        ended = monitor.until_ended()
        asked = len(aws.requests)
    assert ended.code == EXIT_NEEDS_PERSON
    said = " ".join(ended.err.split())
    for words in (str(database), "deleted, moved or replaced", "are billed", "Put the files back"):
        assert words in said
    assert len(said.split("kept locked by another program")) == 2
    assert "Traceback" not in said
    watched = scene.computer.run("tick", "--all").fine()
    assert watched.out == ""
    assert f"There is no database at {database}" in watched.err
    assert len(aws.requests) == asked
    assert kept.exists()
