"""A run's report: beside its logs in the bucket, and by the command where there is no network."""

import json
from pathlib import Path

from tests.e2e.scene import NAME, MakeScene
from tests.unit.report.markup import Page, text


def test_a_runs_report_is_in_the_bucket_and_on_this_computer(
    stage: MakeScene, tmp_path: Path
) -> None:
    scene = stage(jobs=4)
    said = scene.computer.run("monitor", scene.file).fine().out
    run_id = scene.is_done()["run_id"]
    key = f"exportedlogs/{scene.launch.log_group}/{run_id}"
    bucket = scene.launch.bucket
    assert f"report    s3://{bucket}/{key}/report.html" in said
    s3 = scene.aws.client("s3")
    held = s3.get_object(Bucket=bucket, Key=f"{key}/report.html")["Body"].read().decode()
    assert "taken down completed" in text(Page(held).one("header"))

    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/asked\n')
    browser.chmod(0o755)
    here = tmp_path / "report of the run.html"
    nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "BROWSER": f"{browser} %s"}
    scene.computer.run("report", NAME, "--open", "--output", here, **nowhere).fine()
    page = Page(here.read_text(encoding="utf-8"))
    assert "ended completed" in text(page.one("header"))
    steps = {row[0]: row[1] for row in page.rows("teardown")}
    assert set(steps.values()) == {"done"}
    assert {"report", "last-look", "logs"} <= set(steps)
    assert (tmp_path / "asked").read_text().strip() == here.as_uri()

    printed = scene.computer.run("report", run_id, "--json", **nowhere).fine().out
    summary = json.loads(printed)
    assert (summary["so_far"], summary["outcome"]) == (False, "completed")
    assert summary["machines"]["seen"] == len(scene.launch.instance_ids)
