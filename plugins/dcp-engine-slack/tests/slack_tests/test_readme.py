"""The README says what is so."""

import re
import tomllib
from pathlib import Path

import dcp_engine_slack
import msgspec
import pytest
from dcp_engine_slack.settings import Options
from dcp_engine_slack.topics import THAT_MATTER

from dcp_engine.hookspecs import Secret
from dcp_engine.testing import Bench

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
TABLES = [tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", README, re.DOTALL)]


def rows(head: str) -> list[list[str]]:
    """The cells of the table under that head."""
    after = README[README.index(head) :].splitlines()[2:]
    lines = after[: next(n for n, line in enumerate(after) if not line.startswith("|"))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_setting_is_described() -> None:
    described = rows("| key | default |")
    fields = msgspec.structs.fields(Options)
    assert [cells[0] for cells in described] == [f"`{field.name}`" for field in fields]
    for cells, field in zip(described, fields, strict=True):
        assert cells[3] == f"`DCP_ENGINE_SLACK_{field.name.upper()}`"
    assert f"`{Options(webhook_url=Secret('https://a.b/c')).api_url}`" in README


def test_every_word_that_is_told_is_described() -> None:
    assert [cells[0] for cells in rows("| word | is told when |")] == [
        f"`{topic}`" for topic in THAT_MATTER
    ]


@pytest.mark.parametrize("table", TABLES, ids=["webhook", "bot"])
def test_the_examples_are_taken(bench: Bench, table: dict[str, dict[str, object]]) -> None:
    bench.install("slack", dcp_engine_slack, table["slack"])
    assert bench.failures == []
