"""The README says what is so."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest
from dcp_engine_apprise.options import STATES_AND_PROBLEMS, Options

from dcp_engine.options import Given, read, variable

README = Path(__file__).parents[2] / "README.md"


def test_every_setting_is_in_the_table_with_its_variable() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (.*?) \|", README.read_text(), re.MULTILINE)
    fields = [field.name for field in msgspec.structs.fields(Options)]
    assert [name for name, _, _ in rows] == ["urls", "urls_file", *fields[1:]]
    assert all(by_variable == variable("apprise", name) for name, by_variable, _ in rows)
    defaults = {name: default for name, _, default in rows}
    assert defaults["events"] == ", ".join(f"`{kind}`" for kind in STATES_AND_PROBLEMS)


def test_the_blocks_of_settings_can_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / ".config" / "dcp-engine" / "addresses"
    file.parent.mkdir(parents=True)
    file.write_text("ntfys://topic\n")
    file.chmod(0o600)
    blocks = re.findall(r"```toml\n(.*?)```", README.read_text(), re.DOTALL)
    assert [_addresses(block) for block in blocks] == [1, 2]


def test_the_addresses_are_ones_that_apprise_understands() -> None:
    addresses = re.findall(r"\| `([a-z]+://\S+)` \|", README.read_text())
    assert len(addresses) == 6
    for address in addresses:
        given = Given(variables={"DCP_ENGINE_APPRISE_URLS": _filled_in(address)})
        read("apprise", Options, given)


def _addresses(block: str) -> int:
    options = read("apprise", Options, Given(table=tomllib.loads(block)["apprise"]))
    assert isinstance(options, Options)
    return len(options.addresses)


def _filled_in(address: str) -> str:
    """What its words in capitals stand for, in a shape that the services have."""
    like = {
        "SECRET_ACCESS_KEY": "k" * 40,
        "ACCESS_KEY_ID": "A" * 20,
        "APP_PASSWORD": "p" * 16,
        "WORKFLOW": "w" * 32,
        "SIGNATURE": "s" * 43,
        "HOST": "prod-1.westus.logic.azure.example:443",
        "YOUR-OWN-LONG-TOPIC": "topic",
        "TOPIC": "topic",
    }
    for word, filling in like.items():
        address = address.replace(word, filling)
    return address
