"""A plugin that kept everybody waiting when it was loaded is left out for a time."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from dcp_engine.app import App
from dcp_engine.defaults import Settings
from dcp_engine.loaded import Selection
from dcp_engine.model import PluginRecord
from dcp_engine.plugin_desk import PluginReport
from dcp_engine.plugin_sources import in_file, installed, mark_of
from dcp_engine.plugins import Plugins
from dcp_engine.simulation.virtual_clock import VirtualClock
from dcp_engine.store.sqlite import SqliteStore
from tests.unit.distributions import TELLS, errors, install, write_plugin
from tests.unit.runs import run

HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A plugin that leaves a trace when it is loaded."""
    code = f"with open({str(tmp_path / 'loaded')!r}, 'a') as trace: trace.write('x')\n{TELLS}"
    return write_plugin(tmp_path / "private" / "slow.py", code)


def app(folder: Path, clock: VirtualClock, file: Path, *, insist: bool = False) -> App:
    return App(
        database=folder / "runs.db",
        settings=Settings(),
        clock=clock,
        plugins=Selection(only=(str(file),)),
        insist=insist,
    )


def remember(folder: Path, clock: VirtualClock, *files: Path) -> None:
    """A run that has waited for these, three times on end."""
    records = tuple(
        PluginRecord(
            plugin=file.stem,
            hook="load",
            failures=3,
            next_at=clock.now() + HOUR,
            error="it did not come back within 30 seconds.",
            mark=mark_of(in_file(file)),
        )
        for file in files
    )
    store = SqliteStore.open(folder / "runs.db")
    store.insert_run(run(plugins=records), [], [])
    store.close()


def report(of: App) -> PluginReport:
    (found,) = [one for one in of.plugin_desk.reports() if one.plugin.name == "slow"]
    of.close()
    return found


def loaded(folder: Path) -> int:
    trace = folder / "loaded"
    return len(trace.read_text()) if trace.exists() else 0


def test_it_is_left_out_and_named_until_its_time_comes(
    tmp_path: Path, clock: VirtualClock, file: Path
) -> None:
    remember(tmp_path, clock, file)
    found = report(app(tmp_path, clock, file))
    assert found.state == "failed"
    assert found.plugin.error == (
        "it did not come back within 30 seconds. That was so 3 times on end, so it is left out "
        "until 2030-01-01 01:00 UTC, unless it is changed before; `dcp-engine plugins check` tries "
        "it at once"
    )
    assert loaded(tmp_path) == 0
    clock.advance(HOUR.total_seconds())
    assert report(app(tmp_path, clock, file)).state == "loaded"
    assert loaded(tmp_path) == 1


def test_it_is_tried_at_once_when_somebody_asks_or_it_was_changed(
    tmp_path: Path, clock: VirtualClock, file: Path
) -> None:
    remember(tmp_path, clock, file)
    assert report(app(tmp_path, clock, file, insist=True)).state == "loaded"
    os.utime(file, ns=(1, 1))
    assert report(app(tmp_path, clock, file)).state == "loaded"
    assert loaded(tmp_path) == 2


def test_without_a_database_nothing_is_left_out(
    tmp_path: Path, clock: VirtualClock, file: Path
) -> None:
    found = app(tmp_path, clock, file)
    assert "slow" in found._plugins.notifiers()
    found.close()


def test_where_there_is_nobody_elses_nothing_is_looked_up() -> None:
    def resting() -> dict[str, PluginRecord]:
        raise AssertionError

    found = Plugins()
    found.load([], Selection(only=()), resting)
    assert errors(found) == {}


def test_another_version_of_an_installed_one_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    install(site, "alerts", TELLS)
    (source,) = [one for one in installed() if one.name == "alerts"]
    assert mark_of(source) == "1.0"
