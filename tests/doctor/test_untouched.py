"""An examination changes nothing: not in AWS, not in the database, not in anybody's files."""

from collections.abc import Mapping
from pathlib import Path

from dcp_engine.simulation.neighbours import launch_neighbours
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.snapshot import snapshot
from tests.doctor.conftest import Clinic

READS = ("Get", "Describe", "List", "Head", "Simulate")


def contents(directory: Path) -> Mapping[str, bytes]:
    """Every file below a folder, byte by byte.

    But for the memory that all who have a database open share, where readers note what they read
    (https://www.sqlite.org/walformat.html#the_wal_index_file_format).
    """
    return {
        str(path.relative_to(directory)): b"" if path.name.endswith("-shm") else path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def test_nothing_is_changed_anywhere(clinic: Clinic, aws: SimulatedAws) -> None:
    launch_neighbours(aws, "Exp1", clinic.directory / "neighbours")
    launch = clinic.launch(auto_monitor=True)
    run = clinic.watched(launch)
    clinic.clock.advance(60)
    files, held, asked = contents(clinic.directory), snapshot(aws), len(aws.requests)
    for _ in range(2):
        clinic.of_run(run)
        clinic.of_file(launch)
        clinic.doctor().of_computer()
    assert snapshot(aws) == held
    assert contents(clinic.directory) == files
    new = list(aws.requests)[asked:]
    assert len(new) > 60
    for request in new:
        assert request.operation.startswith(READS)
        assert not request.params.get("DryRun")
