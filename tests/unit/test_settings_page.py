"""docs/settings.md says what is so."""

import re
from datetime import timedelta
from pathlib import Path

from dcp_engine.model import Settings
from dcp_engine.settings import RESERVED_VARIABLES, describe, load

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_lists_exactly_the_settings() -> None:
    rows = [
        f"| `{row.name}` | {row.default} | {row.allowed} | {row.meaning} "
        f"| `{row.flag}` | `{row.variable}` |"
        for row in describe()
    ]
    page = PAGE.read_text(encoding="utf-8")
    assert [line for line in page.splitlines() if line.startswith("| `")] == rows
    assert all(f"`{name}`" in page for name in RESERVED_VARIABLES)


def test_the_pages_example_works(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    config = tmp_path / "config.toml"
    config.write_text(example)
    found = load(flags={}, environ={}, config=config)
    assert found.settings == Settings(poll_interval=timedelta(minutes=2), empty_readings=4)
    assert found.profile == "imaging"
