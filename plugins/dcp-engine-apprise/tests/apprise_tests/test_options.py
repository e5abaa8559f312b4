"""What can be set, and what is refused without showing an address."""

from pathlib import Path

import pytest
from apprise.plugins import N_MGR
from dcp_engine_apprise import plugin
from dcp_engine_apprise.options import Options

from dcp_engine.hookspecs import Secret
from dcp_engine.options import Given, read
from dcp_engine.testing import Bench

HIDDEN = "hunter22-and-more"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"{HIDDEN}@lab.example", "does not begin like one"),
        (f"mailtoo://robot:{HIDDEN}@lab.example", "no service that apprise knows"),
        (f"discord://{HIDDEN}", "not written as addresses of Discord are"),
        (f"mailto://{HIDDEN}:", "not written as addresses of E-Mail are"),
    ],
)
def test_an_address_that_cannot_be_used_is_named_by_its_number_alone(url: str, words: str) -> None:
    urls = (Secret("json://lab.example/hook"), Secret(url))
    with pytest.raises(ValueError, match="address 2 of urls") as refused:
        Options(urls=urls)
    assert words in str(refused.value)
    assert HIDDEN not in str(refused.value)


def test_every_address_that_cannot_be_used_is_named_at_once() -> None:
    wrong = Secret("mailtoo://lab.example"), Secret("lab.example"), Secret("lab.example")
    with pytest.raises(ValueError, match=r"address 1 of urls .*; address 3 of urls ") as refused:
        Options(urls=(wrong[0], Secret("json://lab.example/hook"), *wrong[1:]))
    assert "address 4" not in str(refused.value)


def test_a_service_that_lacks_its_package_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(N_MGR["mqtt"], "enabled", False)
    with pytest.raises(ValueError, match=r"MQTT Notification needs .* paho-mqtt"):
        Options(urls=(Secret("mqtt://lab.example/topic"),))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"urls": []}, "nobody would be told"),
        ({"urls": ["json://lab.example"], "events": []}, "nothing would be told"),
        ({}, "urls is missing"),
    ],
)
def test_what_would_tell_nobody_is_refused(
    bench: Bench, table: dict[str, object], words: str
) -> None:
    bench.install("apprise", plugin, table=table)
    assert [words in failure.error for failure in bench.failures] == [True]


def test_the_addresses_can_be_given_in_each_documented_way(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "addresses"
    file.write_text("json://lab.example/one\n\nmailto://u:p@lab.example?to=a@x.org,b@y.org\n")
    file.chmod(0o600)
    ways: list[tuple[dict[str, object], dict[str, str]]] = [
        ({"urls": ["json://lab.example/one", "json://lab.example/two"]}, {}),
        ({"urls_file": str(file)}, {}),
        ({}, {"DCP_ENGINE_APPRISE_URLS": "json://lab.example/one, json://lab.example/two"}),
        ({}, {"DCP_ENGINE_APPRISE_URLS_FILE": str(file)}),
    ]
    for number, (table, environ) in enumerate(ways):
        assert _read(table, environ) == 2, number
    bench.install("apprise", plugin, table={"urls_file": str(file)})
    assert bench.failures == []


def test_the_same_address_twice_is_one() -> None:
    same = Secret("json://lab.example/one")
    assert len(Options(urls=(same, same)).addresses) == 1


def test_ready_says_when_it_cannot_remember(tmp_path: Path) -> None:
    urls = (Secret("json://lab.example/one"),)
    assert list(plugin.ready(options=Options(urls=urls, memory=tmp_path / "told"))) == []
    (tmp_path / "file").write_text("")
    said = list(plugin.ready(options=Options(urls=urls, memory=tmp_path / "file" / "told")))
    assert len(said) == 1
    assert "`memory`" in said[0]


def _read(table: dict[str, object], environ: dict[str, str]) -> int:
    options = read("apprise", Options, Given(table=table, variables=environ))
    assert isinstance(options, Options)
    return len(options.addresses)
