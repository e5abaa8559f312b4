"""Where everything is as it has to be, every line says so, and nothing is touched."""

from pathlib import Path

from dcp_engine.doctor.finding import Finding, Verdict, exit_code
from dcp_engine.simulation.neighbours import launch_neighbours
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


def names(findings: list[Finding]) -> list[str]:
    return [finding.name for finding in findings]


def test_a_run_at_work(ward: Clinic) -> None:
    run = ward.watched(ward.launch_next())
    found = ward.of_run(run)
    assert not_fine(found) == {}
    assert exit_code(found) == 0
    head = ["credentials", "region", "clock"]
    assert names(found) == [*head, *OF_A_RUN, "database", "plugins"]


def test_its_own_file_is_examined_as_the_run(ward: Clinic) -> None:
    launch = ward.launch_next()
    ward.watched(launch)
    found = ward.of_file(launch)
    assert not_fine(found) == {}
    head = ["credentials", "region", "clock", "monitor-file"]
    assert names(found) == [*head, *OF_A_RUN, "database", "plugins"]


def test_a_run_before_it_is_registered(ward: Clinic) -> None:
    launch = ward.launch_next()
    found = ward.of_file(launch)
    (only,) = not_fine(found).values()
    assert (only.name, only.verdict) == ("watched", Verdict.ADVICE)
    assert only.copy == f"dcp-engine monitor {launch.monitor_file}"
    assert exit_code(found) == 0


def test_each_line_names_what_was_looked_at(ward: Clinic) -> None:
    launch = ward.launch_next()
    app_name = launch.app_name
    said = {one.name: one.text for one in ward.of_file(launch)}
    for name, words in {
        "credentials": f"account {ward.aws.account}, as arn:aws:iam::",
        "region": "us-east-1",
        "monitor-file": launch.monitor_file.name,
        "fleet": launch.fleet_id,
        "fleet-end": "ends on 2030-01-0",
        "queue": f"{app_name}Queue: 6 waiting, 0 in flight, 0 delayed",
        "dead-letters": launch.dead_letter_queue,
        "visibility-timeout": "10 minutes",
        "cluster": f"{app_name}Cluster",
        "service": f"{app_name}Service: 0 of 2 tasks",
        "task-definition": f"{app_name}Task:3",
        "bucket": launch.bucket,
        "bucket-policy": "logs.us-east-1.amazonaws.com",
        "log-groups": f"{app_name} and {app_name}_perInstance",
        "database": str(ward.database),
    }.items():
        assert words in said[name]


def test_without_a_run_only_what_does_not_depend_on_one(ward: Clinic) -> None:
    asked = len(ward.aws.requests)
    found = ward.doctor().of_computer()
    assert names(found) == ["credentials", "region", "clock", "database", "plugins"]
    assert not_fine(found) == {}
    assert [r.name for r in list(ward.aws.requests)[asked:]] == ["sts:GetCallerIdentity"]


def test_nothing_is_made_where_nothing_was(ward: Clinic, tmp_path: Path) -> None:
    launch = ward.launch_next()
    nowhere = tmp_path / "not" / "yet" / "runs.db"
    found = ward.of_file(launch, database=nowhere)
    assert list(not_fine(found)) == ["watched"]
    assert not (tmp_path / "not").exists()
    assert "made when first needed" in next(one.text for one in found if one.name == "database")


def test_neighbours_are_not_taken_for_the_run(ward: Clinic) -> None:
    """Theirs are as like as can be, and none of what the run lacks is found among them."""
    aws, launch = ward.aws, ward.launch_next()
    launch_neighbours(aws, launch.app_name, ward.directory / "neighbours", bucket=launch.bucket)
    aws.client("sqs").delete_queue(QueueUrl=launch.queue_url)
    aws.client("ecs").update_service(cluster=launch.cluster, service=launch.service, desiredCount=0)
    aws.client("ecs").delete_service(cluster=launch.cluster, service=launch.service)
    aws.client("logs").delete_log_group(logGroupName=launch.log_group)
    aws.client("cloudwatch").delete_dashboards(DashboardNames=[launch.app_name])
    ward.clock.advance(61)
    assert not_fine(ward.of_file(launch)).keys() == {
        "queue",
        "service",
        "log-groups",
        "dashboard",
        "watched",
    }
