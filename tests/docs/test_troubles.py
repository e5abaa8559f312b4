"""docs/troubles.md shows the table of troubles as it is in the code."""

import re
from pathlib import Path

from dcp_engine.builtin.troubles.scene import Trouble
from dcp_engine.builtin.troubles.table import TABLE
from dcp_engine.settings import describe

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "troubles.md").read_text(encoding="utf-8")
DEFAULTS = {row.name: row.default for row in describe()}


def shown(row: Trouble) -> str:
    setting = f"`{row.setting}` ({DEFAULTS[row.setting]})" if row.setting else ""
    return f"| `{row.name}` | {setting} | {row.begins} | {row.ends} | {row.do} |"


def test_the_page_shows_exactly_the_rows_of_the_table() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert rows == [shown(row) for row in TABLE]


def test_whatever_the_page_calls_a_setting_is_one() -> None:
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", PAGE))
    assert {row.setting for row in TABLE if row.setting} <= named <= set(DEFAULTS)


def test_every_trouble_is_among_the_situations() -> None:
    situations = (DOCS / "runs.md").read_text(encoding="utf-8")
    assert {row.name for row in TABLE} <= set(re.findall(r"`([a-z-]+)`", situations))
