"""Monitor files that are none, old, of another run; and runs in every state."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from dcp_engine.doctor.finding import Finding, Verdict, exit_code
from dcp_engine.errors import BadInput
from dcp_engine.model import RequestKind, State
from dcp_engine.simulation.launch import monitor_values
from tests.doctor.conftest import Clinic, not_fine

COMPUTER = {"credentials", "region", "clock", "database", "plugins"}


def names(findings: list[Finding]) -> set[str]:
    return {finding.name for finding in findings}


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("", "It is empty; was `startCluster` interrupted?"),
        ("{", "It is not JSON: line 1"),
        ("[]", "must be one JSON object"),
        ("{}", "MONITOR_FLEET_ID is missing"),
        ('{"MONITOR_APP_NAME": "Exp 1"}', "cannot be an APP_NAME"),
        ("\x00\xff", "is not UTF-8"),
    ],
)
def test_a_file_that_is_no_monitor_file(
    ward: Clinic, tmp_path: Path, content: str, word: str
) -> None:
    path = tmp_path / "Exp1SpotFleetRequestId.json"
    path.write_bytes(content.encode("latin-1"))
    found = ward.doctor().of_file(path)
    assert names(found) == {*COMPUTER, "monitor-file"}
    (only,) = not_fine(found).values()
    assert (only.name, only.verdict) == ("monitor-file", Verdict.WRONG)
    assert word in only.text
    assert not re.search(r"[.?!]\.|[.?!] [a-z]", only.text)
    assert str(path) in only.text
    assert "`startCluster`" in str(only.what_to_do)
    assert exit_code(found) == 4


def test_everything_that_is_wrong_with_a_file_is_said_at_once(ward: Clinic, tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text('{"MONITOR_BUCKET_NAME": "B"}')
    text = not_fine(ward.doctor().of_file(path))["monitor-file"].text
    assert text.count("is missing") == 6
    assert "MONITOR_BUCKET_NAME: 'B' is not a name that AWS accepts" in text


def test_a_file_that_is_not_there_is_bad_input(ward: Clinic, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="There is no file"):
        ward.doctor().of_file(tmp_path / "none.json")


def test_a_folder_is_no_file(ward: Clinic, tmp_path: Path) -> None:
    assert "is a folder" in not_fine(ward.doctor().of_file(tmp_path))["monitor-file"].text


def test_a_file_that_was_left_from_weeks_ago(ward: Clinic) -> None:
    launch = ward.launch_next()
    values = monitor_values(launch)
    begun = ward.clock.now() - timedelta(days=20)
    values["MONITOR_START_TIME"] = str(int(begun.timestamp()) * 1000)
    launch.monitor_file.write_text(json.dumps(values))
    said = not_fine(ward.of_file(launch))
    assert said.keys() == {"monitor-file", "watched"}
    assert said["monitor-file"].verdict is Verdict.ADVICE
    assert "20 days ago" in said["monitor-file"].text


def test_a_file_of_days_to_come(ward: Clinic) -> None:
    launch = ward.launch_next()
    values = monitor_values(launch)
    begins = ward.clock.now() + timedelta(days=3)
    values["MONITOR_START_TIME"] = str(int(begins.timestamp()) * 1000)
    launch.monitor_file.write_text(json.dumps(values))
    finding = not_fine(ward.of_file(launch))["monitor-file"]
    assert finding.verdict is Verdict.WRONG
    assert "is to come" in finding.text


def test_a_file_that_bears_another_runs_name(ward: Clinic) -> None:
    launch = ward.launch_next()
    other = launch.monitor_file.with_name("Plate7SpotFleetRequestId.json")
    launch.monitor_file.rename(other)
    said = not_fine(ward.doctor().of_file(other))
    assert said.keys() == {"monitor-file", "watched"}
    assert f"what is in it is about {launch.app_name}" in said["monitor-file"].text


def test_a_file_by_any_other_name_is_fine(ward: Clinic) -> None:
    launch = ward.launch_next()
    other = launch.monitor_file.rename(launch.monitor_file.with_name("mine.json"))
    assert not_fine(ward.doctor().of_file(other)).keys() == {"watched"}


def test_another_live_run_of_the_name(ward: Clinic) -> None:
    launch = ward.launch_next(cluster="lab")
    run = ward.watched(launch)
    values = {**monitor_values(launch), "MONITOR_ECS_CLUSTER": "default"}
    launch.monitor_file.write_text(json.dumps(values))
    finding = not_fine(ward.of_file(launch))["monitor-file"]
    assert finding.verdict is Verdict.WRONG
    for word in ("being watched already", run.id, "cluster lab", "cluster default"):
        assert word in finding.text
    assert f"dcp-engine resume {run.id}" in str(finding.what_to_do)


@pytest.mark.parametrize("shared", ["MONITOR_FLEET_ID", "MONITOR_QUEUE_NAME"])
def test_what_belongs_to_another_live_run(ward: Clinic, shared: str) -> None:
    theirs, launch = ward.launch_next(), ward.launch_next()
    run = ward.watched(theirs)
    values = {**monitor_values(launch), shared: monitor_values(theirs)[shared]}
    launch.monitor_file.write_text(json.dumps(values))
    finding = not_fine(ward.of_file(launch))["monitor-file"]
    assert finding.verdict is Verdict.WRONG
    assert f"{theirs.app_name} ({run.id})" in finding.text


def test_another_fleet_of_the_same_run_is_no_other_run(ward: Clinic) -> None:
    launch = ward.launch_next()
    ward.watched(launch)
    launch.start_another_fleet(2)
    launch.fleet.config["ValidUntil"] = ward.clock.now() + timedelta(days=7)
    ward.clock.advance(120)
    assert not_fine(ward.of_file(launch)).keys() == {"watched"}


def test_nobody_has_looked_yet(ward: Clinic) -> None:
    launch = ward.launch_next()
    run = ward.rig.register(launch).run
    said = not_fine(ward.of_run(run))
    assert said.keys() == {"watched"}
    assert "nobody has looked at it yet" in said["watched"].text


def test_a_process_drives_it(ward: Clinic) -> None:
    run = ward.watched(ward.launch_next())
    ward.rig.engine.tick(run.id, keep_lease=True)
    found = ward.of_run(run)
    watched = next(one for one in found if one.name == "watched")
    assert watched.verdict is Verdict.FINE
    assert "is driven by tick (process 1 on here)" in watched.text


def test_of_a_run_in_its_teardown_only_what_is_still_needed(ward: Clinic) -> None:
    run = ward.watched(ward.launch_next())
    ward.rig.ask(run, RequestKind.ABORT)
    ward.rig.until_state(run, State.TEARDOWN)
    found = ward.of_run(run)
    needed = {"run", "bucket", "bucket-policy", "bucket-encryption", "permissions", "watched"}
    assert names(found) == COMPUTER | needed
    assert not_fine(found) == {}
    assert "is being taken down" in next(one.text for one in found if one.name == "run")


def test_of_a_run_that_has_ended_nothing_is_asked(ward: Clinic) -> None:
    run = ward.watched(ward.launch_next())
    ward.rig.ask(run, RequestKind.ABORT)
    ward.rig.until_state(run, State.EXPORTED)
    asked = len(ward.aws.requests)
    found = ward.of_run(run)
    assert names(found) == COMPUTER | {"run"}
    assert not_fine(found) == {}
    assert "has ended (aborted)" in next(one.text for one in found if one.name == "run")
    assert [r.name for r in list(ward.aws.requests)[asked:]] == ["sts:GetCallerIdentity"]
