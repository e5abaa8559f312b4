"""What happens to the database while a driver has it open, at any moment of a run's life."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from dcp_engine.defaults import Settings
from dcp_engine.errors import EXIT_NEEDS_PERSON, StoreBroken
from dcp_engine.model import Run, State
from dcp_engine.simulation.launch import launch_run
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.engine.rig import Rig, leftovers
from tests.reliability.store_drivers import Driver, drive_on
from tests.reliability.store_trouble import VANDALISM

EXPORT: Final = "logs:CreateExportTask"


class Case(NamedTuple):
    """What happens, and when."""

    what: str
    point: int

    def __str__(self) -> str:
        return f"{self.what} at {self.point}"


CASES: Final = [Case(what, point) for point in range(3, 420, 16) for what in VANDALISM]


class Vandal:
    """Keeps a copy of the database before it does something to it."""

    def __init__(self, database: Path, case: Case) -> None:
        self._database = database
        self._what = VANDALISM[case.what]
        self._kept = database.parent / "kept"

    def strike(self) -> None:
        self._kept.mkdir()
        for file in self._beside():
            shutil.copy(file, self._kept)
        self._what(self._database)

    def make_good(self) -> None:
        """Put the files back, as a person does who has a copy."""
        for file in self._beside():
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        for file in self._kept.iterdir():
            if not file.name.endswith("-shm"):
                shutil.copy(file, self._database.parent)

    def _beside(self) -> Iterator[Path]:
        return (f for f in self._database.parent.iterdir() if f.name.startswith("runs.db"))


@pytest.mark.matrix("case", CASES, sample=1)
def test_nothing_more_is_changed_in_aws_and_a_copy_goes_on(
    aws: SimulatedAws, rig: Rig, clock: VirtualClock, tmp_path: Path, case: Case
) -> None:
    launch = launch_run(aws, "Exp1", jobs=3, machines=2, directory=tmp_path)
    run = rig.register(launch).run
    rig.store.close()
    vandal = Vandal(rig.database, case)
    driver = Driver(rig.database, clock, 100, settings=Settings())
    driver.freezer.freeze(case.point, vandal.strike)
    with pytest.raises(StoreBroken) as broken:
        drive_on(clock, run, lambda: driver)
    assert driver.freezer.frozen_at is not None
    assert broken.value.exit_code == EXIT_NEEDS_PERSON
    assert str(rig.database) in str(broken.value)
    assert driver.freezer.changes_since_waking() == []
    asked = len(aws.requests)
    with pytest.raises(StoreBroken):
        driver.tick(run)
    assert len(aws.requests) == asked
    driver.close()

    vandal.make_good()
    ended = goes_on(rig, clock, run)
    assert ended.state is State.EXPORTED
    own, _ = rig.split(launch)
    assert leftovers(own) == {}
    on_its_way = driver.freezer.frozen_at == f"before aws {EXPORT}"
    assert len(own["exports"]) == (3 if on_its_way else 2)
    assert launch.killed_while_working == []
    assert launch.all_jobs_done()


def goes_on(rig: Rig, clock: VirtualClock, run: Run) -> Run:
    """Another process on the same database, once the first one's lease has lapsed."""
    driver = Driver(rig.database, clock, 101, settings=Settings())
    ended = drive_on(clock, run, lambda: driver)
    driver.close()
    return ended
