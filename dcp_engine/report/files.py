"""The files of a run's account: the report, the same for programs, and the monitor file."""

import json
from typing import Any

import msgspec

from dcp_engine import monitor_file
from dcp_engine.picture import Picture
from dcp_engine.report.page import as_html
from dcp_engine.report.summary import summary_of


class File(msgspec.Struct, frozen=True, kw_only=True):
    """One file, as it is written."""

    name: str
    content_type: str
    body: bytes


def files_of(picture: Picture) -> tuple[File, ...]:
    """Everything that is written beside a run's logs, the report last."""
    return (
        _json("monitor.json", monitor_file.document(picture.run)),
        _json("summary.json", summary_of(picture, at_the_end=True).as_json()),
        File(
            name="report.html",
            content_type="text/html; charset=utf-8",
            body=as_html(picture, at_the_end=True).encode(),
        ),
    )


def _json(name: str, value: dict[str, Any]) -> File:
    # In ASCII: a name may hold half of a character, which no other encoding can write.
    body = json.dumps(value, indent=2).encode("ascii") + b"\n"
    return File(name=name, content_type="application/json", body=body)
