"""docs/plugins.md says what is so."""

import configparser
import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from dcp_engine.cli.root import cli
from dcp_engine.settings import load

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    """Every command line of dcp-engine on the page, from its name on."""
    found = []
    for block in (*blocks("sh"), *blocks("text"), *blocks("ini")):
        for line in block.splitlines():
            call = re.search(r"dcp-engine ([a-z].*?)'?$", line)
            if call and not line.startswith(("pip", "systemctl", "Description")):
                found.append(call[1])
    return found


@pytest.mark.parametrize("line", commands())
def test_the_commands_are_commands_there_are(line: str) -> None:
    words = shlex.split(line)
    context = click.Context(cli)
    command = cli.get_command(context, words[0])
    assert command is not None, line
    command.make_context(words[0], words[1:], parent=context, resilient_parsing=True)
    assert CliRunner().invoke(cli, [words[0], "--help"]).exit_code == 0


def test_the_commands_are_found() -> None:
    assert {line.split()[0] for line in commands()} == {
        "plugins",
        "notify",
        "resume",
        "tick",
        "monitor",
        "watch",
    }


def test_the_tables_are_those_of_plugins(tmp_path: Path) -> None:
    tables, lists = blocks("toml")
    config = tmp_path / "config.toml"
    config.write_text(lists + tables)
    found = load(flags={}, environ={"HOME": str(tmp_path)}, config=config).plugins
    assert set(found.tables) == {"slack", "openmetrics"}
    assert found.disabled == ("openmetrics",)
    assert found.only is not None
    assert found.only[0] == "slack"
    assert Path(found.only[1]).name == "my_alerts.py"


def test_the_plugins_we_ship_are_listed() -> None:
    shipped = {path.parent.name for path in (ROOT / "plugins").glob("*/pyproject.toml")}
    assert set(re.findall(r"^\| `(dcp-engine-\w+)`", PAGE, flags=re.MULTILINE)) == shipped


def test_the_states_are_those_that_are_shown() -> None:
    rows = set(
        re.findall(r"^\| `([a-z ]+)` \| ", PAGE.partition("## Seeing them")[2], re.MULTILINE)
    )
    sources = (ROOT / "dcp_engine" / name for name in ("plugins.py", "plugin_desk.py"))
    told = "".join(path.read_text(encoding="utf-8") for path in sources)
    assert rows == set(re.findall(r'"(loaded|failed|suspended|disabled|not wanted)"', told))


def test_the_units_have_what_systemd_needs() -> None:
    watch, service, timer = blocks("ini")
    for text, section, key in (
        (watch, "Service", "ExecStart"),
        (watch, "Install", "WantedBy"),
        (service, "Service", "ExecStart"),
        (timer, "Timer", "OnUnitActiveSec"),
        (timer, "Install", "WantedBy"),
    ):
        unit = configparser.RawConfigParser(strict=False)
        unit.read_string(text)
        assert unit.get(section, key)
