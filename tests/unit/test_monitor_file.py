"""The monitor file: what `startCluster` writes is read, anything else is refused with words."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcp_engine import monitor_file
from dcp_engine.errors import EXIT_BAD_INPUT, BadInput
from tests.unit import runs

FLEET = "sfr-73fbd2ce-aa30-494c-8788-1cee40123456"
GOOD: dict[str, Any] = {
    "MONITOR_FLEET_ID": FLEET,
    "MONITOR_APP_NAME": "2022_04_Plates",
    "MONITOR_ECS_CLUSTER": "default",
    "MONITOR_QUEUE_NAME": "2022_04_PlatesQueue",
    "MONITOR_BUCKET_NAME": "lab-images",
    "MONITOR_LOG_GROUP_NAME": "2022_04_Plates",
    "MONITOR_START_TIME": "1649187798951",
    "CLEAN_DASHBOARD": "True",
}
REQUIRED = [key for key in GOOD if key != "CLEAN_DASHBOARD"]


def written(**changes: Any) -> str:
    """A monitor file with some keys changed; `None` takes a key out."""
    return json.dumps({k: v for k, v in {**GOOD, **changes}.items() if v is not None})


def as_start_cluster_writes(*, dashboard: str | None, closed_early: bool = False) -> str:
    lines = [f'"{key}" : "{GOOD[key]}"' for key in REQUIRED]
    text = "{" + ",\n".join(lines)
    if dashboard is None:
        return text + "}\n"
    return text + ("}\n" if closed_early else ",\n") + f'"CLEAN_DASHBOARD" : "{dashboard}"}}\n'


def complaints(text: str) -> tuple[str, ...]:
    with pytest.raises(BadInput) as caught:
        monitor_file.parse(text, "Exp.json")
    error = caught.value
    assert error.exit_code == EXIT_BAD_INPUT
    assert "Exp.json" in error.what
    assert error.complaints
    assert all(line.isprintable() for line in str(error).splitlines())
    return error.complaints


def only_complaint(text: str) -> str:
    found = complaints(text)
    assert len(found) == 1, found
    return found[0]


def test_reads_what_start_cluster_writes(tmp_path: Path) -> None:
    path = tmp_path / "ExpSpotFleetRequestId.json"
    path.write_text(as_start_cluster_writes(dashboard="True"))
    found = monitor_file.read(path)
    assert found.fleet_id == FLEET
    assert found.names.app_name == "2022_04_Plates"
    assert found.names.cluster == "default"
    assert found.names.queue == "2022_04_PlatesQueue"
    assert found.names.bucket == "lab-images"
    assert found.names.log_group == "2022_04_Plates"
    assert found.names.clean_dashboard is True
    assert found.start_time == datetime(2022, 4, 5, 19, 43, 18, 951000, UTC)
    assert found.extra == {}


@pytest.mark.parametrize(
    ("value", "clean"),
    [("True", True), ("true", True), ("FALSE", False), (True, True), (False, False)],
)
def test_clean_dashboard(value: object, clean: bool) -> None:
    assert monitor_file.parse(written(CLEAN_DASHBOARD=value), "x").names.clean_dashboard is clean


def test_an_older_file_keeps_the_dashboard() -> None:
    found = monitor_file.parse(as_start_cluster_writes(dashboard=None), "x")
    assert found.names.clean_dashboard is False


@pytest.mark.parametrize("value", ["yes", "", " True", 1, [], {}])
def test_clean_dashboard_is_nothing_else(value: object) -> None:
    assert "CLEAN_DASHBOARD" in only_complaint(written(CLEAN_DASHBOARD=value))


def test_clean_dashboard_null_is_refused() -> None:
    assert "null" in only_complaint(json.dumps({**GOOD, "CLEAN_DASHBOARD": None}))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_object_that_start_cluster_closes_too_early(end: str) -> None:
    text = as_start_cluster_writes(dashboard="True", closed_early=True).replace("\n", end)
    found = monitor_file.parse(text, "x")
    assert found.names.clean_dashboard is True
    assert found.fleet_id == FLEET


def test_what_is_wrong_in_a_file_closed_too_early_is_still_said() -> None:
    text = as_start_cluster_writes(dashboard="maybe", closed_early=True)
    found = complaints(text.replace("1649187798951", "soon"))
    assert [line.partition(" ")[0].strip(":") for line in found] == [
        "MONITOR_START_TIME",
        "CLEAN_DASHBOARD",
    ]


@pytest.mark.parametrize(
    "text",
    [
        as_start_cluster_writes(dashboard=None) + '"CLEAN_DASHBOARD" : "True"\n',
        as_start_cluster_writes(dashboard=None) + '"OTHER" : "True"}\n',
        as_start_cluster_writes(dashboard=None) + '"CLEAN_DASHBOARD" : "True"}}\n',
        as_start_cluster_writes(dashboard=None) + '"CLEAN_DASHBOARD" : "True"}\n{}',
        as_start_cluster_writes(dashboard=None) + "{}",
    ],
)
def test_no_other_broken_shape_is_accepted(text: str) -> None:
    assert "not JSON" in only_complaint(text)


def test_unknown_keys_are_kept() -> None:
    extra = {"NEW": {"a": [1, 2.5, None, True, "é\n"]}, "n": 2**62}
    assert monitor_file.parse(written(**extra), "x").extra == extra


@pytest.mark.parametrize("value", ["\ud800", 1e999, {"\ud800": 1}, [float("nan")]])
def test_an_unknown_key_that_could_not_be_given_back_is_refused(value: object) -> None:
    text = written(NEW=value).replace("Infinity", "1e999")
    assert len(complaints(text)) == 1


def test_a_byte_order_mark_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_bytes(b"\xef\xbb\xbf" + written().encode())
    assert monitor_file.read(path).fleet_id == FLEET
    assert monitor_file.parse("\ufeff" + written(), "x").fleet_id == FLEET


@pytest.mark.parametrize("key", REQUIRED)
def test_a_missing_key(key: str) -> None:
    assert f"{key} is missing" in only_complaint(written(**{key: None}))


def test_a_missing_key_names_the_one_that_is_near() -> None:
    text = written(MONITOR_FLEET_ID=None, monitor_fleetid=FLEET)
    assert "'monitor_fleetid'" in only_complaint(text)


@pytest.mark.parametrize("key", REQUIRED)
@pytest.mark.parametrize("value", ["", "   ", " x", "x\n", "a\x1b[31mb", "a\u202eb", [], {}, True])
def test_an_unusable_value(key: str, value: object) -> None:
    assert only_complaint(written(**{key: value})).startswith(key)


@pytest.mark.parametrize("key", [key for key in REQUIRED if key != "MONITOR_START_TIME"])
def test_a_value_of_the_wrong_type_or_a_name_aws_would_refuse(key: str) -> None:
    assert "a number" in only_complaint(written(**{key: 7}))
    assert "null" in only_complaint(json.dumps({**GOOD, key: None}))
    assert key in only_complaint(written(**{key: "no such name!"}))


def test_everything_is_said_at_once() -> None:
    found = complaints('{"CLEAN_DASHBOARD": 3, "x": 1, "x": 2}')
    assert len(found) == len(REQUIRED) + 2
    assert all(any(key in line for line in found) for key in GOOD)


def test_a_key_that_is_there_twice() -> None:
    text = written()[:-1] + f', "MONITOR_FLEET_ID": "{FLEET}"}}'
    assert "'MONITOR_FLEET_ID' is there twice" in only_complaint(text)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (1649187798951, datetime(2022, 4, 5, 19, 43, 18, 951000, UTC)),
        ("1420070400000", datetime(2015, 1, 1, tzinfo=UTC)),
        ("4133980799999", datetime(2100, 12, 31, 23, 59, 59, 999000, UTC)),
    ],
)
def test_start_times(value: object, moment: datetime) -> None:
    assert monitor_file.parse(written(MONITOR_START_TIME=value), "x").start_time == moment


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("1649187798", "'1649187798000'"),
        (1649187798, "seconds"),
        (1649187798951.0, "fraction"),
        ("1649187798951.0", "whole number"),
        (True, "true or false"),
        ("-649187798951", "whole number"),
        (-1649187798951, "whole number"),
        ("١٦٤٩١٨٧٧٩٨٩٥١", "whole number"),
        ("2022-04-05T19:43", "whole number"),
        ("1420070399999", "year 2014"),
        ("4133980800000", "year 2101"),
        ("0", "1 digits"),
        ("1649187798951000", "16 digits"),
        ("9" * 5000, "5000 digits"),
    ],
)
def test_what_is_no_start_time(value: object, word: str) -> None:
    said = only_complaint(written(MONITOR_START_TIME=value))
    assert word in said
    assert len(said) < 300


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        (" \n\ufeff", "not JSON"),
        ("{", "line 1, column 2"),
        ("[1]", "a list"),
        ("null", "null"),
        ('"text"', "text"),
        (written() + "x", "not JSON"),
        ('{"a": NaN}', "NaN"),
        ('{"a": ' + "9" * 5000 + "}", "not JSON"),
        ('{"a":' * 200_000, "deeply"),
        ("[" * 200_000, "deeply"),
    ],
)
def test_what_is_no_json_object(text: str, word: str) -> None:
    assert word in only_complaint(text)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="There is no file") as caught:
        monitor_file.read(tmp_path / "gone.json")
    assert "startCluster" in caught.value.complaints[0]


def test_files_that_are_none(tmp_path: Path) -> None:
    fifo, loop, nested = tmp_path / "fifo", tmp_path / "loop", tmp_path / "file"
    os.mkfifo(fifo)
    loop.symlink_to(loop)
    nested.touch()
    for path, word in [
        (tmp_path, "a folder"),
        (fifo, "a pipe or a device"),
        (Path(os.devnull), "a pipe or a device"),
        (loop, "could not be read"),
        (nested / "x", "could not be read"),
        (tmp_path / "a\0b", "could not be read"),
        (tmp_path / ("n" * 300), "could not be read"),
    ]:
        with pytest.raises(BadInput) as caught:
            monitor_file.read(path)
        assert word in caught.value.complaints[0]


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    path = tmp_path / "m.json"
    path.write_text(written())
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(BadInput, match=r"m\.json could not be read: Permission denied"):
        monitor_file.read(path)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"\xff\xfe{\x00", "not UTF-8"),
        (b'{"a": "\xe9"}', "number 8"),
        (b" " * (1024 * 1024 + 1), "larger than 1 MiB"),
        (b"", "empty"),
    ],
)
def test_content_that_is_no_monitor_file(tmp_path: Path, content: bytes, word: str) -> None:
    path = tmp_path / "m.json"
    path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        monitor_file.read(path)
    assert word in caught.value.complaints[0]


def test_a_file_of_exactly_the_largest_size_is_read(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_text(written().ljust(1024 * 1024))
    assert monitor_file.read(path).fleet_id == FLEET


def test_a_path_with_control_characters_is_not_echoed_raw(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        monitor_file.read(tmp_path / "a\x1b[31m.json")
    assert "\x1b" not in str(caught.value)
    assert "\\x1b" in str(caught.value)


@given(st.text() | st.text(alphabet='{}[]":, \n\\utrue01e.-MONITR_').map(lambda t: "{" + t))
def test_any_text_is_a_monitor_file_or_bad_input(text: str) -> None:
    assert complaints(text)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@given(
    st.dictionaries(st.sampled_from(sorted(GOOD)) | st.text(), values, max_size=4),
    st.sets(st.sampled_from(sorted(GOOD)), max_size=2),
)
def test_any_values_make_a_monitor_file_or_bad_input(
    changes: dict[str, Any], left_out: set[str]
) -> None:
    document = {k: v for k, v in {**GOOD, **changes}.items() if k not in left_out}
    text = json.dumps(document)
    try:
        found = monitor_file.parse(text, "x")
    except BadInput as error:
        assert error.complaints
        assert all(line.isprintable() for line in str(error).splitlines())
    else:
        assert found.names.app_name == document["MONITOR_APP_NAME"]
        assert found.extra == {k: v for k, v in document.items() if k not in GOOD}
        assert 2015 <= found.start_time.year <= 2100


@given(st.binary(max_size=200))
def test_any_bytes_are_a_monitor_file_or_bad_input(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "m.json"
    path.write_bytes(content)
    with pytest.raises(BadInput):
        monitor_file.read(path)


@pytest.mark.parametrize("clean", ["True", "False"])
def test_what_was_read_can_be_written_again(clean: str) -> None:
    text = written(CLEAN_DASHBOARD=clean, MONITOR_LATER={"a": [1, None, "é"]})
    monitor = monitor_file.parse(text, "x")
    run = runs.run(
        names=monitor.names,
        fleets=(runs.fleet(id=monitor.fleet_id, start_time=monitor.start_time),),
        extra=monitor.extra,
    )
    assert monitor_file.document(run) == json.loads(text)


def test_a_run_without_any_fleet_still_has_a_start() -> None:
    document = monitor_file.document(runs.run(fleets=()))
    assert "MONITOR_FLEET_ID" not in document
    assert document["MONITOR_START_TIME"] == "1893499200000"
