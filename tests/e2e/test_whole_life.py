"""`dcp-engine monitor`, from PENDING to EXPORTED."""

import gzip
import re
from datetime import UTC, datetime

from tests.e2e.scene import NAME, MakeScene

STATES = ["PENDING", "RUNNING", "DRAINING", "TEARDOWN", "EXPORTED"]
STATUS_KEYS = {
    "run_id",
    "app_name",
    "state",
    "state_since",
    "registered_at",
    "account",
    "region",
    "cheapest",
    "outcome",
    "dead_letters",
    "queue",
    "fleets",
    "steps",
    "problems",
    "driver",
    "next_tick_at",
}


def test_monitor_sees_a_run_to_its_end(stage: MakeScene) -> None:
    scene = stage(jobs=10, machines=3, hold_a_job=True)
    with scene.computer.start("monitor", scene.file) as monitor:
        monitor.until_says("RUNNING")
        on_the_way = scene.computer.status(NAME)
        scene.give_the_job_back()
        ended = monitor.until_ended().fine()

    status = scene.is_done()
    moves = scene.computer.moves(NAME)
    assert list(dict.fromkeys(moves)) == STATES
    assert moves[-2:] == STATES[-2:]

    # The words: plain lines, the cron line, the account of the end.
    assert ended.err == ""
    assert all(line.isprintable() and line == line.rstrip() for line in ended.out.splitlines())
    assert "while this computer sleeps" in ended.out
    cron = re.search(r"^  \*/5 \* \* \* \* (.+)$", ended.out, re.MULTILINE)
    assert cron is not None
    assert f"tick {NAME}" in cron[1]
    assert f"AWS_ENDPOINT_URL={scene.aws.endpoint_url}" in cron[1]
    assert "testing" not in cron[1]
    for state in STATES[1:]:
        assert re.search(rf"^\d\d:\d\d:\d\d  {state} ", ended.out, re.MULTILINE)
    assert f"{NAME} has ended: completed" in ended.out
    assert f"s3://{scene.launch.bucket}/exportedlogs/{NAME}/" in ended.out

    # status --json, while it ran and afterwards.
    for told in (on_the_way, status):
        assert told.keys() >= STATUS_KEYS
        assert told["queue"].keys() >= {"visible", "in_flight", "delayed", "observed_at"}
        assert told["app_name"] == NAME
        assert (told["account"], told["region"]) == (scene.aws.account, scene.aws.region)
        for moment in (told["state_since"], told["registered_at"], told["queue"]["observed_at"]):
            assert datetime.fromisoformat(moment).tzinfo == UTC
        (fleet,) = told["fleets"]
        assert fleet.keys() >= {"id", "state", "target", "fulfilled", "active"}
        assert fleet["id"] == scene.launch.fleet_id
    assert on_the_way["run_id"] == status["run_id"]
    assert f"process {monitor.pid} " in on_the_way["driver"]
    assert on_the_way["outcome"] is None
    assert (status["dead_letters"], status["cheapest"]) == (0, False)
    assert (status["driver"], status["next_tick_at"]) == (None, None)
    assert status["steps"]
    for step in status["steps"]:
        assert step.keys() >= {"name", "ended", "reason", "attempts", "last_error"}

    # The logs are home, and hold what the workers wrote.
    own, _ = scene.held_by_aws()
    home = {key.split("/", 1)[1] for key in own["objects"] if key.endswith(".gz")}
    for job in scene.launch.jobs_sent:
        (key,) = [key for key in home if f"/{job}/" in key]
        assert key.startswith(f"exportedlogs/{NAME}/")
        found = scene.aws.client("s3").get_object(Bucket=scene.launch.bucket, Key=key)
        assert f"{job}: SUCCESS" in gzip.decompress(found["Body"].read()).decode()
    assert any(key.startswith(f"exportedlogs/{NAME}_perInstance/") for key in home)

    # Once more is no new life.
    before = len(scene.aws.requests.matching("*:Delete*"))
    again = scene.computer.run("monitor", scene.file).fine()
    assert "has already ended" in again.out
    assert len(scene.aws.requests.matching("*:Delete*")) == before
    assert len(scene.computer.every_run()) == 1
