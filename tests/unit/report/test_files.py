"""The files that are written beside the logs."""

import json

from msgspec.structs import replace

from dcp_engine import monitor_file
from dcp_engine.aws.gate import ACCOUNT_FILES
from dcp_engine.report.files import files_of
from dcp_engine.report.page import as_html
from tests.unit.report.pictures import HOUR, hostile, small
from tests.unit.runs import START, fleet


def test_they_are_the_files_that_may_be_written() -> None:
    files = files_of(small())
    assert {file.name for file in files} == set(ACCOUNT_FILES)
    assert {file.name: file.content_type for file in files} == {
        "report.html": "text/html; charset=utf-8",
        "summary.json": "application/json",
        "monitor.json": "application/json",
    }


def test_the_monitor_file_is_that_of_the_newest_fleet() -> None:
    seen = small()
    newer = fleet(id="sfr-99999999-2222-3333-4444-555555555555", start_time=START + HOUR)
    run = replace(seen.run, fleets=(fleet(), newer), extra={"MONITOR_NEW": [1], "z": None})
    (body,) = [f.body for f in files_of(replace(seen, run=run)) if f.name == "monitor.json"]
    found = monitor_file.parse(body.decode(), "monitor.json")
    assert found.names == run.names
    assert (found.fleet_id, found.start_time) == (newer.id, START + HOUR)
    assert found.extra == {"MONITOR_NEW": [1], "z": None}


def test_whatever_was_in_the_names_can_be_written() -> None:
    by_name = {file.name: file.body for file in files_of(hostile())}
    assert by_name["report.html"] == as_html(hostile(), at_the_end=True).encode()
    summary = json.loads(by_name["summary.json"])
    assert summary["app_name"] == hostile().run.names.app_name
    assert b"<script" not in by_name["report.html"]
