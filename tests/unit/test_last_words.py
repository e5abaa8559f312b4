"""Who watches a run stays a little after its end, for what a plugin could not tell at once."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from dcp_engine.app import App
from dcp_engine.defaults import Settings
from dcp_engine.loaded import Selection
from dcp_engine.model import Event, Run, State
from dcp_engine.simulation.virtual_clock import VirtualClock
from dcp_engine.store.sqlite import SqliteStore
from tests.unit.runs import run

NOTIFIER = """
from pathlib import Path
from dcp_engine.hookspecs import hookimpl

tried = Path(__file__).with_name("tried")

@hookimpl
def notify(event):
    before = tried.read_text() if tried.exists() else ""
    tried.write_text(before + event.id + " ")
    if before.count(" ") < {failing}:
        raise ConnectionError("no network")
"""


class Waiting:
    """A stop that does not come; the clock goes on meanwhile."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.leaves_after = timedelta.max

    def wait(self, timeout: float) -> bool:
        began = self.clock.now()
        self.clock.advance(timeout)
        self.leaves_after -= self.clock.now() - began
        return self.leaves_after <= timedelta(0)


Watch = Callable[[int], tuple[Run, list[str], list[str]]]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def stop(clock: VirtualClock) -> Waiting:
    return Waiting(clock)


@pytest.fixture
def watch(tmp_path: Path, clock: VirtualClock, stop: Waiting) -> Iterator[Watch]:
    """Drive a run that has just ended, with a notifier that fails so often first."""
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    database = folder / "runs.db"

    def watched(failing: int) -> tuple[Run, list[str], list[str]]:
        plugin = folder / "flaky.py"
        plugin.write_text(NOTIFIER.format(failing=failing))
        plugin.chmod(0o600)
        ended = run(State.EXPORTED)
        event = Event(id="the-end", run_id=ended.id, at=clock.now(), kind="state", text="over")
        with closing(SqliteStore.open(database)) as store:
            store.insert_run(ended, [event], ["flaky"])
        warned: list[str] = []
        app = App(
            database=database,
            settings=Settings(),
            region="us-east-1",
            clock=clock,
            plugins=Selection(only=(str(plugin),)),
        )
        with closing(app):
            found = app.drive(ended.id, stop=stop, tell=lambda _: None, warn=warned.append)
        return found, (folder / "tried").read_text().split(), warned

    yield watched


def test_what_goes_through_at_once_keeps_nobody_waiting(watch: Watch, clock: VirtualClock) -> None:
    began = clock.now()
    assert watch(0)[1:] == (["the-end"], [])
    assert clock.now() - began < timedelta(seconds=1)


def test_what_does_not_is_tried_again_before_leaving(watch: Watch) -> None:
    _, tried, warned = watch(2)
    assert tried[:3] == ["the-end"] * 3
    (said,) = warned
    assert "tick --all" in said


def test_nobody_is_kept_for_longer_than_five_minutes(watch: Watch, clock: VirtualClock) -> None:
    began = clock.now()
    _, tried, warned = watch(1000)
    assert timedelta(minutes=2) < clock.now() - began <= timedelta(minutes=6)
    assert 3 <= len(tried) <= 5
    assert len(warned) == 1


def test_ctrl_c_leaves_at_once(watch: Watch, stop: Waiting, clock: VirtualClock) -> None:
    stop.leaves_after = timedelta(seconds=5)
    began = clock.now()
    assert watch(1000)[1] == ["the-end"]
    assert clock.now() - began <= timedelta(seconds=6)
