"""The plugins we ship, installed as wheels beside the engine, through a whole run."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics import parser

from tests.e2e.post_office import PostOffice, post_office
from tests.e2e.scene import NAME, MakeScene

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))


def run(*command: object) -> None:
    done = subprocess.run(
        [str(word) for word in command],
        # pip would compile what the commands use a small part of.
        env={**os.environ, "PIP_COMPILE": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """`dcp-engine` in an environment of its own, with every plugin."""
    wheels, place = tmp_path / "wheels", tmp_path / "environment"
    offline = ("--no-deps", "--no-build-isolation", "-q", "-w", wheels)
    run(sys.executable, "-m", "pip", "wheel", *offline, ROOT, *PLUGINS)
    run(sys.executable, "-m", "venv", place)
    found = sorted(wheels.glob("*.whl"))
    assert len(found) == 1 + len(PLUGINS)
    run(place / "bin" / "python", "-m", "pip", "install", "-q", *found)
    return place / "bin" / "dcp-engine"


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office() as opened:
        yield opened


def test_the_plugins_we_ship_see_a_run_to_its_end(
    program: Path, office: PostOffice, stage: MakeScene, tmp_path: Path
) -> None:
    metrics = tmp_path / "metrics"
    metrics.mkdir()
    config = tmp_path / "config.toml"
    config.write_text(
        f"""
        [slack]
        webhook_url = "http://{office.address}/hooks/secret-of-slack"

        [apprise]
        urls = ["json://{office.address}/secret-of-apprise"]

        [openmetrics]
        directory = "{metrics}"
        """
    )
    config.chmod(0o600)
    scene = stage()
    computer = scene.computer
    computer.command = (str(program),)
    computer.environment |= {
        "DCP_ENGINE_CONFIG": str(config),
        "NO_PROXY": "*",
        # What they were installed with, and nothing of the checkout.
        "PYTHONPATH": "",
    }

    plugins = json.loads(computer.run("plugins", "check", "--json").fine().out)
    ours = {plugin["name"]: plugin for plugin in plugins if plugin["from"] != "built in"}
    assert set(ours) == {"apprise", "openmetrics", "slack"}
    for name, plugin in ours.items():
        assert (plugin["from"], plugin["state"]) == (f"dcp-engine-{name}", "loaded"), plugin
        assert plugin["version"]
    told = computer.run("notify", "test").fine()
    assert "NOT TOLD" not in told.out
    for path in ("/hooks/secret-of-slack", "/secret-of-apprise"):
        assert len(office.posted(path)) == 1

    monitored = computer.run("monitor", scene.file).fine()
    scene.is_done()
    for path in ("/hooks/secret-of-slack", "/secret-of-apprise"):
        letters = [json.dumps(letter) for letter in office.posted(path)]
        assert NAME in letters[1], letters
        assert "completed" in letters[-1], letters
        assert len(set(letters)) == len(letters), "something was told twice"
    (file,) = metrics.glob("*.prom")
    families: Iterable[Metric] = parser.text_string_to_metric_families(file.read_text())  # type: ignore[no-untyped-call]
    samples = {
        (sample.name, sample.labels.get("state")): sample.value
        for family in families
        for sample in family.samples
    }
    assert samples["dcp_engine_run_state", "EXPORTED"] == 1
    assert samples["dcp_engine_aws_calls", None] > 10
    shown = monitored.text + told.text + computer.run("status", NAME).text
    shown += computer.run("history", NAME).text + computer.run("plugins").text
    assert "secret-of" not in shown
