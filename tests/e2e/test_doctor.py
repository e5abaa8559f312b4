"""The doctor as people call it: the real command, over a socket."""

import json

from dcp_engine.simulation.faults import Fault
from tests.e2e.scene import NOBODY_COMES, MakeScene

CHANGED = "*:[!GHDLS]*"
"""Requests that do not begin as questions do: Get, Head, Describe, List, Simulate."""


def test_everything_is_fine_before_a_run(stage: MakeScene) -> None:
    scene = stage(auto_monitor=False, scenario=NOBODY_COMES)
    answer = scene.computer.run("doctor", scene.file, "--json").fine()
    found = {one["name"]: one["verdict"] for one in json.loads(answer.out)["findings"]}
    assert {name for name, verdict in found.items() if verdict != "fine"} == {"watched"}
    assert not scene.computer.database.exists()
    assert not scene.aws.requests.matching(CHANGED)
    assert scene.held_by_aws()[1] == scene.before


def test_what_is_wrong_is_told_with_the_exit_code(stage: MakeScene) -> None:
    """The queue may not be looked at, and the bucket has no policy: both are told, and the rest."""
    scene = stage(auto_monitor=False, neighbours=False, scenario=NOBODY_COMES)
    scene.aws.client("s3").delete_bucket_policy(Bucket=scene.launch.bucket)
    scene.aws.faults.add("sqs:*", Fault.DENIED, times=None)
    answer = scene.computer.run("doctor", scene.file)
    assert answer.code == 4
    lines = answer.out.splitlines()
    assert any(line.startswith("!!  bucket-policy ") for line in lines)
    assert any(line.startswith("!!  queue ") for line in lines)
    assert any(line.startswith("ok  log-groups ") for line in lines)
    assert f'"Resource": "arn:aws:s3:::{scene.launch.bucket}/*"' in answer.out
    assert "Traceback" not in answer.text
