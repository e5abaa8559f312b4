"""What people and their files say, garbled: one clear error, never a traceback, never a hang."""

import json
import string
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcp_engine import aws_names, monitor_file
from dcp_engine import settings as engine_settings
from dcp_engine.defaults import Settings
from dcp_engine.errors import BadInput
from dcp_engine.model import MonitorFile
from tests.reliability.garble import garbled

GOOD = {
    "MONITOR_FLEET_ID": "sfr-11111111-2222-3333-4444-555555555555",
    "MONITOR_APP_NAME": "Exp1",
    "MONITOR_ECS_CLUSTER": "lab",
    "MONITOR_QUEUE_NAME": "Exp1Queue",
    "MONITOR_BUCKET_NAME": "lab-bucket",
    "MONITOR_LOG_GROUP_NAME": "Exp1",
    "MONITOR_START_TIME": "1649187798951",
    "CLEAN_DASHBOARD": "True",
}
TEXT = json.dumps(GOOD, indent=1).encode()

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def sound(monitor: MonitorFile) -> None:
    """A file that was taken holds only what AWS accepts as names."""
    names = monitor.names
    for trouble in (
        aws_names.fleet_id_trouble(monitor.fleet_id),
        aws_names.app_name_trouble(names.app_name),
        aws_names.cluster_trouble(names.cluster),
        aws_names.queue_trouble(names.queue),
        aws_names.bucket_trouble(names.bucket),
        aws_names.log_group_trouble(names.log_group),
    ):
        assert trouble is None
    assert monitor.start_time.utcoffset() is not None


def in_words(error: BadInput) -> None:
    text = str(error)
    assert len(text) > 20
    assert all(line.isprintable() for line in text.splitlines())
    assert "Traceback" not in text


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "file"


def read(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        sound(monitor_file.read(path))
    except BadInput as error:
        in_words(error)


@settings(deadline=None, max_examples=100)
@given(content=st.binary(max_size=200))
def test_a_monitor_file_of_any_bytes(path: Path, content: bytes) -> None:
    read(path, content)


@settings(deadline=None, max_examples=200)
@given(seed=st.integers(0, 2**32))
def test_a_garbled_monitor_file(path: Path, seed: int) -> None:
    read(path, garbled(TEXT, Random(seed)))


@settings(deadline=None, max_examples=100)
@given(values=st.dictionaries(st.sampled_from(sorted(GOOD)), anything, min_size=1))
def test_a_monitor_file_with_any_values(path: Path, values: dict[str, Any]) -> None:
    read(path, json.dumps({**GOOD, **values}).encode("utf-8", "surrogatepass"))


def test_an_endlessly_nested_monitor_file(path: Path) -> None:
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        for depth in (1_000, 100_000):
            nested = opening * depth + "1" + closing * depth
            text = TEXT.decode().replace('"True"', nested)
            with pytest.raises(BadInput):
                path.write_text(text)
                monitor_file.read(path)


NAMES = [row.name for row in engine_settings.describe()]
VARIABLES = [row.variable for row in engine_settings.describe()]
words = st.one_of(
    st.text(max_size=20),
    st.text(string.digits + ".-+ smhd", max_size=8),
    st.sampled_from(["10m", "1h30m", "0", "-1s", "1e9d", "999999999d", "3", "nan", "inf", "٣m"]),
)


def load(flags: dict[str, str], environ: dict[str, str], config: Path | None) -> None:
    try:
        loaded = engine_settings.load(flags=flags, environ=environ, config=config)
    except BadInput as error:
        in_words(error)
        assert error.complaints
        return
    assert isinstance(loaded.settings, Settings)
    # Whatever was said, these hold: the engine relies on them.
    assert loaded.settings.empty_readings >= 2
    assert loaded.settings.lease_ttl > loaded.settings.tick_deadline


@settings(deadline=None, max_examples=100)
@given(
    flags=st.dictionaries(st.sampled_from(NAMES), words, max_size=3),
    environ=st.dictionaries(
        st.sampled_from(VARIABLES) | st.text(max_size=6).map("DCP_ENGINE_{}".format),
        words,
        max_size=3,
    ),
)
def test_settings_from_flags_and_the_environment(
    path: Path, flags: dict[str, str], environ: dict[str, str]
) -> None:
    path.write_text("")
    load(flags, environ, path)


def toml(value: Any) -> str:
    """A value as TOML spells it; good enough to be read, or to be refused."""
    return json.dumps(value)


@settings(deadline=None, max_examples=100)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from([*NAMES, "db", "region", "profile"]) | st.text(max_size=8), anything
        ),
        max_size=4,
    ),
    seed=st.integers(0, 2**32),
    spoil=st.booleans(),
)
def test_settings_from_a_file(
    path: Path, rows: list[tuple[str, Any]], seed: int, spoil: bool
) -> None:
    text = "\n".join(f"{json.dumps(key)} = {toml(value)}" for key, value in rows)
    content = text.encode("utf-8", "surrogatepass")
    path.write_bytes(garbled(content, Random(seed)) if spoil else content)
    load({}, {}, path)


@settings(deadline=None, max_examples=100)
@given(content=st.binary(max_size=100))
def test_settings_from_a_file_of_any_bytes(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    load({}, {}, path)
