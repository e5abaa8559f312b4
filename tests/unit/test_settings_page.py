"""docs/settings.md says what is so."""

import re
from datetime import timedelta
from pathlib import Path

from dcp_engine.defaults import Settings
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
    example, _ = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    config = tmp_path / "config.toml"
    config.write_text(example)
    found = load(flags={}, environ={}, config=config)
    assert found.settings == Settings(poll_interval=timedelta(minutes=2), empty_readings=4)
    assert found.profile == "imaging"


def test_the_pages_example_of_plugins_works(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    _, example = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    config = tmp_path / "config.toml"
    config.write_text(example)
    (variable,) = re.findall(r"`(DCP_ENGINE_SLACK_\w+)`", page)
    found = load(flags={}, environ={variable: "x"}, config=config).plugins
    assert found.only == ("slack", str(tmp_path / "alerts.py"))
    assert found.disabled == ("dashboard",)
    assert found.tables == {
        "slack": {"token_file": "slack-token"},
        "alerts": {"room": "imaging"},
    }
    empty = {"DCP_ENGINE_PLUGINS": ""}
    assert load(flags={}, environ=empty, config=config).plugins.only == ()
