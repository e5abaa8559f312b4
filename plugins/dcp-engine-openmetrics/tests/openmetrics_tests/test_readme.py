"""The README says what is so."""

import re
import tomllib
from pathlib import Path

import msgspec
from dcp_engine_openmetrics.metrics import COMMON_LABELS, METRICS
from dcp_engine_openmetrics.options import Options

from dcp_engine.durations import parse_duration
from dcp_engine.options import Given, read, variable

README = Path(__file__).parents[2] / "README.md"


def test_the_table_is_what_is_exported() -> None:
    rows = re.findall(
        r"^\| `(dcp_engine_\w+)` \| (.*)\| (.*) \|$", README.read_text(), re.MULTILINE
    )
    table = [(name, tuple(re.findall(r"`(\w+)`", labels)), text) for name, labels, text in rows]
    assert table == [(shown.name, shown.labels, shown.help) for shown in METRICS]
    assert "labels " + "`{}` (its APP_NAME), `{}`, `{}` and `{}`".format(
        *COMMON_LABELS
    ) in " ".join(README.read_text().split())


def test_every_setting_is_in_the_table_with_its_variable() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(DCP\w+)` \| (.*?) \|", README.read_text(), re.MULTILINE)
    assert [name for name, _, _ in rows] == [f.name for f in msgspec.structs.fields(Options)]
    assert all(by_variable == variable("openmetrics", name) for name, by_variable, _ in rows)
    (keep,) = (default for name, _, default in rows if name == "keep")
    assert parse_duration(keep) == Options(directory=Path("/metrics")).keep


def test_the_block_of_settings_can_be_used() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", README.read_text(), re.DOTALL)
    assert read("openmetrics", Options, Given(table=tomllib.loads(block)["openmetrics"]))


def test_the_alerts_ask_for_metrics_and_labels_that_there_are() -> None:
    (rules,) = re.findall(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)
    known = {shown.name: {*COMMON_LABELS, *shown.labels} for shown in METRICS}
    asked = re.findall(r"(dcp_engine_\w+)(?:\{(\w+)=)?", rules)
    assert len(asked) == 5
    for name, label in asked:
        assert name in known
        assert not label or label in known[name]
