"""Where everything is as it has to be, every line says so, and nothing is touched."""

from collections.abc import Mapping
from pathlib import Path

from dcp_engine.doctor.finding import Finding, Verdict, exit_code
from dcp_engine.simulation.neighbours import launch_neighbours
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.snapshot import snapshot
from tests.doctor.conftest import Clinic, not_fine

OF_A_RUN = [
    "fleet",
    "fleet-end",
    "queue",
    "dead-letters",
    "visibility-timeout",
    "cluster",
    "service",
    "task-definition",
    "bucket",
    "bucket-policy",
    "bucket-encryption",
    "log-groups",
    "dashboard",
    "auto-monitor",
    "permissions",
    "watched",
]
READS = ("Get", "Describe", "List", "Head", "Simulate")


def names(findings: list[Finding]) -> list[str]:
    return [finding.name for finding in findings]


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


def test_a_run_at_work(clinic: Clinic) -> None:
    run = clinic.watched(clinic.launch())
    found = clinic.of_run(run)
    assert not_fine(found) == {}
    assert exit_code(found) == 0
    head = ["credentials", "region", "clock"]
    assert names(found) == [*head, *OF_A_RUN, "database", "plugins"]


def test_its_own_file_is_examined_as_the_run(clinic: Clinic) -> None:
    launch = clinic.launch()
    clinic.watched(launch)
    found = clinic.of_file(launch)
    assert not_fine(found) == {}
    head = ["credentials", "region", "clock", "monitor-file"]
    assert names(found) == [*head, *OF_A_RUN, "database", "plugins"]


def test_a_run_before_it_is_registered(clinic: Clinic) -> None:
    launch = clinic.launch()
    found = clinic.of_file(launch)
    (only,) = not_fine(found).values()
    assert (only.name, only.verdict) == ("watched", Verdict.ADVICE)
    assert only.copy == f"dcp-engine monitor {launch.monitor_file}"
    assert exit_code(found) == 0


def test_each_line_names_what_was_looked_at(clinic: Clinic) -> None:
    launch = clinic.launch()
    said = {one.name: one.text for one in clinic.of_file(launch)}
    for name, words in {
        "credentials": f"account {clinic.aws.account}, as arn:aws:iam::",
        "region": "us-east-1",
        "monitor-file": launch.monitor_file.name,
        "fleet": launch.fleet_id,
        "fleet-end": "2030-01-08",
        "queue": "Exp1Queue: 6 waiting, 0 in flight, 0 delayed",
        "dead-letters": launch.dead_letter_queue,
        "visibility-timeout": "10 minutes",
        "cluster": "Exp1Cluster",
        "service": "Exp1Service: 0 of 2 tasks",
        "task-definition": "Exp1Task:3",
        "bucket": launch.bucket,
        "bucket-policy": "logs.us-east-1.amazonaws.com",
        "log-groups": "Exp1 and Exp1_perInstance",
        "database": str(clinic.database),
    }.items():
        assert words in said[name]


def test_without_a_run_only_what_does_not_depend_on_one(clinic: Clinic) -> None:
    found = clinic.doctor().of_computer()
    assert names(found) == ["credentials", "region", "clock", "database", "plugins"]
    assert not_fine(found) == {}
    assert [r.name for r in clinic.aws.requests] == ["sts:GetCallerIdentity"]


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


def test_nothing_is_made_where_nothing_was(clinic: Clinic, tmp_path: Path) -> None:
    launch = clinic.launch()
    nowhere = tmp_path / "not" / "yet" / "runs.db"
    found = clinic.of_file(launch, database=nowhere)
    assert list(not_fine(found)) == ["watched"]
    assert not (tmp_path / "not").exists()
    assert "made when first needed" in next(one.text for one in found if one.name == "database")


def test_neighbours_are_not_taken_for_the_run(clinic: Clinic, aws: SimulatedAws) -> None:
    """Theirs are as like as can be, and none of what the run lacks is found among them."""
    launch_neighbours(aws, "Exp1", clinic.directory / "neighbours")
    launch = clinic.launch()
    aws.client("sqs").delete_queue(QueueUrl=launch.queue_url)
    aws.client("ecs").update_service(cluster=launch.cluster, service=launch.service, desiredCount=0)
    aws.client("ecs").delete_service(cluster=launch.cluster, service=launch.service)
    aws.client("logs").delete_log_group(logGroupName="Exp1")
    aws.client("cloudwatch").delete_dashboards(DashboardNames=["Exp1"])
    clinic.clock.advance(61)
    assert not_fine(clinic.of_file(launch)).keys() == {
        "queue",
        "service",
        "log-groups",
        "dashboard",
        "watched",
    }
