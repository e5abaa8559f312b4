"""The monitor file: the JSON that Distributed-CellProfiler's `startCluster` writes, checked.

Nothing here asks AWS anything; a file that passes may still name what does not exist.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from dcp_engine import aws_names
from dcp_engine.errors import BadInput
from dcp_engine.model import MonitorFile, Names, Run
from dcp_engine.text_input import kind, nearest, quoted, read_text, shown

START_TIME = "MONITOR_START_TIME"
CLEAN_DASHBOARD = "CLEAN_DASHBOARD"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_NAMES: Mapping[str, Callable[[str], str | None]] = {
    "MONITOR_FLEET_ID": aws_names.fleet_id_trouble,
    "MONITOR_APP_NAME": aws_names.app_name_trouble,
    "MONITOR_ECS_CLUSTER": aws_names.cluster_trouble,
    "MONITOR_QUEUE_NAME": aws_names.queue_trouble,
    "MONITOR_BUCKET_NAME": aws_names.bucket_trouble,
    "MONITOR_LOG_GROUP_NAME": aws_names.log_group_trouble,
}

# Some published versions of `startCluster` close the object after the start time and then add the
# last key, without a comma, and close it again. Exactly that shape is accepted.
_CLOSED_EARLY = re.compile(
    rf'("{START_TIME}"[ \t]*:[ \t]*"[^"\\\n]*")[ \t]*\}}[ \t]*\r?\n'
    rf'([ \t]*"{CLEAN_DASHBOARD}"[ \t]*:[ \t]*"[^"\\\n]*"[ \t]*\}}\s*)\Z'
)


def digest(path: Path) -> str | None:
    """A fingerprint of the file as it is now; None where it is not there or cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def read(path: Path) -> MonitorFile:
    """The monitor file at `path`. Raises BadInput with everything that is wrong with it."""
    source = shown(path)
    try:
        text = read_text(path)
    except BadInput as error:
        raise _unusable(
            source,
            [f"{error.what} `startCluster` writes files/APP_NAMESpotFleetRequestId.json."],
        ) from error
    return parse(text, source)


def parse(text: str, source: str) -> MonitorFile:
    """The monitor file with this content; `source` is what messages call it.

    Raises BadInput with everything that is wrong with it, at once.
    """
    complaints: list[str] = []
    document = _document(text.removeprefix("\ufeff"), source, complaints)
    extra = {
        key: value
        for key, value in document.items()
        if key not in {*_NAMES, START_TIME, CLEAN_DASHBOARD}
    }
    names = {key: _name(key, document, extra, complaints) for key in _NAMES}
    start_time = _start_time(document, extra, complaints)
    clean_dashboard = _clean_dashboard(document, complaints)
    complaints.extend(
        f"{quoted(key)} holds what cannot be kept: broken text, or a number that is too large"
        for key, value in extra.items()
        if not _storable(key, value)
    )
    if complaints or start_time is None:
        raise _unusable(source, complaints)
    return MonitorFile(
        fleet_id=names["MONITOR_FLEET_ID"],
        names=Names(
            app_name=names["MONITOR_APP_NAME"],
            cluster=names["MONITOR_ECS_CLUSTER"],
            queue=names["MONITOR_QUEUE_NAME"],
            bucket=names["MONITOR_BUCKET_NAME"],
            log_group=names["MONITOR_LOG_GROUP_NAME"],
            clean_dashboard=clean_dashboard,
        ),
        start_time=start_time,
        extra=extra,
    )


def document(run: Run) -> dict[str, Any]:
    """The monitor file of a run, from what was taken over of it: that of its newest fleet.

    Keys that are not known here are in it as they were; `parse` reads it back.
    """
    names, newest = run.names, run.fleets[-1] if run.fleets else None
    start = newest.start_time if newest else run.earliest_start
    return {
        **({"MONITOR_FLEET_ID": newest.id} if newest else {}),
        "MONITOR_APP_NAME": names.app_name,
        "MONITOR_ECS_CLUSTER": names.cluster,
        "MONITOR_QUEUE_NAME": names.queue,
        "MONITOR_BUCKET_NAME": names.bucket,
        "MONITOR_LOG_GROUP_NAME": names.log_group,
        START_TIME: str((start - _EPOCH) // timedelta(milliseconds=1)),
        CLEAN_DASHBOARD: str(names.clean_dashboard),
        **run.extra,
    }


def _unusable(source: str, complaints: list[str]) -> BadInput:
    return BadInput(
        f"The monitor file {source} cannot be used, and nothing in it was taken over. Nothing in "
        "AWS was changed: if it belongs to a run, its machines go on and are billed.",
        complaints,
    )


def _document(text: str, source: str, complaints: list[str]) -> dict[str, Any]:
    """The JSON object, whose keys given twice are added to `complaints`; raises BadInput."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                complaints.append(f"{quoted(key)} is there twice; only one of them can be meant")
            found[key] = value
        return found

    def no_constant(name: str) -> float:
        raise ValueError(f"{name} is not a number in JSON")

    if not text.strip():
        raise _unusable(source, ["it is empty; was `startCluster` interrupted?"])
    try:
        document = json.loads(
            _CLOSED_EARLY.sub(r"\1,\n\2", text),
            object_pairs_hook=unique,
            parse_constant=no_constant,
        )
    except json.JSONDecodeError as error:
        raise _unusable(
            source,
            [
                f"it is not JSON: line {error.lineno}, column {error.colno}: {error.msg}. "
                "Was it edited, or was `startCluster` interrupted?"
            ],
        ) from error
    except RecursionError as error:
        raise _unusable(source, ["it is nested far too deeply to be a monitor file"]) from error
    except ValueError as error:
        raise _unusable(source, [f"it is not JSON: {error}"]) from error
    if not isinstance(document, dict):
        raise _unusable(
            source, [f'it must be one JSON object, {{"MONITOR_…": …}}, and is {kind(document)}']
        )
    return document


def _name(
    key: str, document: Mapping[str, Any], extra: Mapping[str, Any], complaints: list[str]
) -> str:
    """The value of a required key; empty, with a complaint, where it cannot be used."""
    if key not in document:
        complaints.append(_missing(key, extra))
        return ""
    value = document[key]
    if not isinstance(value, str):
        complaints.append(f"{key} must be text in quotes, and is {kind(value)}")
        return ""
    trouble = _text_trouble(value) or _NAMES[key](value)
    if trouble:
        complaints.append(f"{key}: {trouble}")
    return value


def _missing(key: str, extra: Mapping[str, Any]) -> str:
    meant = nearest(key, extra)
    return f"{key} is missing" + (f"; is {quoted(meant)} meant to be it?" if meant else "")


def _text_trouble(value: str) -> str | None:
    if not value.strip():
        return "it is empty"
    if value != value.strip():
        return f"{quoted(value)} has a space or a line break at its start or end; remove it"
    if not value.isprintable():
        return f"{quoted(value)} holds a character that cannot be seen; type it again"
    return None


def _start_time(
    document: Mapping[str, Any], extra: Mapping[str, Any], complaints: list[str]
) -> datetime | None:
    """The moment `startCluster` ran, in UTC; None, with a complaint, where it is not one."""
    if START_TIME not in document:
        complaints.append(_missing(START_TIME, extra))
        return None
    value = document[START_TIME]
    if isinstance(value, bool) or not isinstance(value, str | int):
        complaints.append(
            f"{START_TIME} must be milliseconds since 1970 as digits in quotes, "
            f"and is {_number_kind(value)}"
        )
        return None
    digits = str(value)
    trouble = _text_trouble(digits) or _milliseconds_trouble(digits)
    if trouble:
        complaints.append(f"{START_TIME}: {trouble}")
        return None
    return _moment(digits)


def _number_kind(value: object) -> str:
    return "a number with a fraction" if isinstance(value, float) else kind(value)


def _milliseconds_trouble(digits: str) -> str | None:
    rule = "it must be milliseconds since 1970, 13 digits, like '1649187798951'"
    if not re.fullmatch(r"[0-9]+", digits):
        return f"{quoted(digits)} is not a whole number of digits only; {rule}"
    if len(digits) == 10:
        return f"{quoted(digits)} looks like seconds; {rule}. In milliseconds: '{digits}000'"
    if len(digits) != 13:
        return f"{quoted(digits)} has {len(digits)} digits; {rule}"
    year = _moment(digits).year
    if not 2015 <= year <= 2100:
        # Spot fleets came in 2015; what lies beyond 2100 is a slip of a digit.
        return f"{quoted(digits)} lies in the year {year}, when no spot fleet was started; {rule}"
    return None


def _moment(digits: str) -> datetime:
    milliseconds = int(digits)
    return datetime.fromtimestamp(milliseconds // 1000, UTC).replace(
        microsecond=milliseconds % 1000 * 1000
    )


def _clean_dashboard(document: Mapping[str, Any], complaints: list[str]) -> bool:
    """Whether the dashboard goes with the run. Older files do not say: then it is kept."""
    value = document.get(CLEAN_DASHBOARD, False)
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.casefold() in {"true", "false"}:
        return value.casefold() == "true"
    got = quoted(value) if isinstance(value, str) else kind(value)
    complaints.append(f'{CLEAN_DASHBOARD} must be "True" or "False", and is {got}')
    return False


def _storable(key: str, value: object) -> bool:
    """Whether the store would give an unknown key back as it was in the file."""
    item = {key: value}
    try:
        return bool(msgspec.json.decode(msgspec.json.encode(item)) == item)
    except (UnicodeError, RecursionError, msgspec.MsgspecError):
        return False
