"""What stands in the way outside: the wrong place, the wrong account, no credentials, no AWS."""

import json
import stat
from pathlib import Path

import pytest

from dcp_engine.simulation.faults import Fault
from tests.e2e.scene import NAME, NOBODY_COMES, MakeScene, Scene

UNKNOWN_FLEET = "sfr-00000000-0000-0000-0000-000000000000"


def problems(scene: Scene) -> set[str]:
    return {problem["name"] for problem in scene.computer.status(NAME)["problems"]}


def test_a_fleet_that_aws_does_not_know(stage: MakeScene) -> None:
    scene = stage(scenario=NOBODY_COMES, neighbours=False, auto_monitor=False)
    written = json.loads(scene.file.read_text())
    scene.file.write_text(json.dumps({**written, "MONITOR_FLEET_ID": UNKNOWN_FLEET}))

    refused = scene.computer.run("monitor", scene.file)
    assert refused.code == 4
    assert refused.out == ""
    for word in (UNKNOWN_FLEET, "us-east-1", "--region", "--allow-missing"):
        assert word in refused.err
    assert scene.computer.every_run() == []
    assert {record.name for record in scene.aws.requests} <= {
        "sts:GetCallerIdentity",
        "ec2:DescribeSpotFleetRequests",
    }

    scene.computer.run("register", scene.file, "--allow-missing").fine()
    (run,) = scene.computer.every_run()
    assert run["fleets"][0]["id"] == UNKNOWN_FLEET


def test_credentials_of_another_account_change_nothing_there(stage: MakeScene) -> None:
    scene = stage(scenario=NOBODY_COMES, neighbours=False, auto_monitor=False)
    scene.computer.run("register", scene.file).fine()
    scene.computer.run("tick", NAME).fine()
    scene.aws.world.accounts["stranger"] = "999999999999"
    scene.aws.requests.clear()

    ticked = scene.computer.run("tick", NAME, AWS_ACCESS_KEY_ID="stranger")
    assert ticked.code == 4
    assert scene.aws.account in ticked.out
    assert "999999999999" in ticked.out
    assert scene.aws.requests.names() == ["sts:GetCallerIdentity"]
    assert problems(scene) == {"other-account"}
    assert scene.computer.run("tick", NAME, AWS_ACCESS_KEY_ID="stranger").out == ""

    assert "problem-over" in scene.computer.run("tick", NAME).fine().out
    assert problems(scene) == set()


def test_expired_credentials_are_named_with_the_way_to_renew_them(stage: MakeScene) -> None:
    scene = stage(scenario=NOBODY_COMES, neighbours=False, auto_monitor=False)
    scene.computer.run("register", scene.file).fine()
    scene.aws.faults.add("*", Fault.EXPIRED, times=None)

    ticked = scene.computer.run("tick", NAME)
    assert ticked.code == 4
    assert "export AWS_ACCESS_KEY_ID=" in ticked.out
    assert problems(scene) == {"credentials"}
    # It goes on being so, and is not told again; the exit code is.
    again = scene.computer.run("tick", NAME)
    assert (again.code, again.text) == (4, "")

    scene.aws.faults.clear()
    scene.computer.run("tick", NAME).fine()
    assert problems(scene) == set()
    assert scene.computer.status(NAME)["state"] == "RUNNING"


@pytest.mark.parametrize("logged_in_before", [True, False])
def test_somebody_has_to_log_in(stage: MakeScene, logged_in_before: bool, tmp_path: Path) -> None:
    scene = stage(scenario=NOBODY_COMES, neighbours=False, auto_monitor=False)
    profile = tmp_path / "aws-config"
    profile.write_text(
        "[profile lab]\n"
        "region = us-east-1\n"
        "sso_session = lab\n"
        "sso_account_id = 123456789012\n"
        "sso_role_name = scientist\n"
        "[sso-session lab]\n"
        "sso_start_url = https://lab.example.org/start\n"
        "sso_region = us-east-1\n"
    )
    logged_out: dict[str, str | None] = {
        "AWS_CONFIG_FILE": str(profile),
        "AWS_PROFILE": "lab",
        "AWS_ACCESS_KEY_ID": None,
        "AWS_SECRET_ACCESS_KEY": None,
    }
    if logged_in_before:
        scene.computer.run("register", scene.file).fine()
    scene.aws.requests.clear()
    command = ("tick", NAME) if logged_in_before else ("register", str(scene.file))
    refused = scene.computer.run(*command, **logged_out)
    assert refused.code == 4
    assert "aws sso login --profile lab" in refused.text
    assert "Traceback" not in refused.text
    assert len(scene.aws.requests) == 0
    scene.computer.run(*command).fine()


def test_aws_cannot_be_heard_for_a_while(stage: MakeScene) -> None:
    scene = stage(scenario=NOBODY_COMES, neighbours=False, auto_monitor=False)
    scene.computer.run("register", scene.file).fine()
    scene.computer.run("tick", NAME).fine()
    scene.aws.faults.add("*", Fault.RESET, times=None)
    ticked = scene.computer.run(
        "tick", NAME, DCP_ENGINE_REQUEST_TIMEOUT="500ms", DCP_ENGINE_TICK_DEADLINE="2s"
    )
    assert ticked.code == 3
    assert problems(scene)
    scene.aws.faults.clear()
    scene.computer.run("tick", NAME).fine()
    assert problems(scene) == set()


def test_what_is_known_is_shown_without_aws_and_from_a_database_that_cannot_be_written(
    stage: MakeScene,
) -> None:
    scene = stage(scenario=NOBODY_COMES, neighbours=False, auto_monitor=False)
    scene.computer.run("register", scene.file).fine()
    scene.computer.run("tick", NAME).fine()
    scene.aws.stop()
    database = scene.computer.database
    before = database.read_bytes()
    database.chmod(stat.S_IRUSR)
    database.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        # The output cannot be kept in that folder now, so these write into a terminal.
        for command, shown in {
            ("status", NAME): rf"{NAME}  RUNNING since",
            ("status",): rf"{NAME} +RUNNING ",
            ("list",): rf"{NAME} +RUNNING ",
            ("history", NAME): "RUNNING since",
        }.items():
            with scene.computer.in_a_terminal(*command) as terminal:
                assert terminal.until_ended() == 0, terminal.screen
                terminal.until_shows(shown)
    finally:
        database.parent.chmod(stat.S_IRWXU)
        database.chmod(stat.S_IRUSR | stat.S_IWUSR)
    assert database.read_bytes() == before
    ticked = scene.computer.run(
        "tick", NAME, DCP_ENGINE_REQUEST_TIMEOUT="500ms", DCP_ENGINE_TICK_DEADLINE="2s"
    )
    assert ticked.code == 3
