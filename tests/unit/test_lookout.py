"""When the runs of a database are listed anew for who looks after them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from dcp_engine.defaults import Settings
from dcp_engine.engine import Engine, TickReport
from dcp_engine.errors import StoreUnwritable
from dcp_engine.lookout import Lookout
from dcp_engine.model import Event, Run, State
from dcp_engine.simulation.virtual_clock import VirtualClock
from dcp_engine.store.protocol import Due
from tests.unit.runs import run as a_run


class FakeStore:
    """A store of which somebody else may write `version` times."""

    def __init__(self) -> None:
        self.version = 1
        self.lists = 0
        self.fails = False

    def version_of_others(self) -> int:
        return self.version

    def gather(self, pause: timedelta) -> None:
        self.pause = pause

    def agenda(self) -> list[Due]:
        self.lists += 1
        if self.fails:
            raise StoreUnwritable("locked")
        return [Due(run_id="run-1", account="1", region="us-east-1", at=None)]


class FakeEngine:
    """Every look finds the run in `state`."""

    state = State.RUNNING

    def tick(self, run_id: str, *, keep_lease: bool) -> TickReport:
        return TickReport(run=a_run(state=self.state))


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def lookout(store: Any, engine: Any, clock: VirtualClock) -> Lookout:
    def tell(run: Run, events: Sequence[Event]) -> None:
        raise AssertionError("nothing has happened")

    made: Engine = engine
    return Lookout(made, store, clock, Settings(), tell=tell, warn=print)


def test_the_runs_are_listed_anew_where_somebody_has_written(
    lookout: Lookout, store: FakeStore
) -> None:
    assert lookout._agenda() is not None
    assert lookout._agenda() is None
    store.version += 1
    assert lookout._agenda() is not None
    assert lookout._agenda() is None
    assert store.lists == 2


def test_they_are_listed_anew_where_a_run_has_ended_here_since_it_may_have_things_to_tell(
    lookout: Lookout, engine: FakeEngine
) -> None:
    lookout._agenda()
    lookout._look("run-1")
    assert lookout._agenda() is None
    engine.state = State.EXPORTED
    lookout._look("run-1")
    assert lookout._agenda() is not None
    assert lookout._agenda() is None


def test_they_are_listed_anew_within_the_minute_whatever_is_thought(
    lookout: Lookout, clock: VirtualClock
) -> None:
    lookout._agenda()
    clock.advance(timedelta(seconds=61).total_seconds())
    assert lookout._agenda() is not None


def test_a_list_that_could_not_be_read_is_read_the_next_time(
    lookout: Lookout, store: FakeStore
) -> None:
    store.fails = True
    with pytest.raises(StoreUnwritable):
        lookout._agenda()
    store.fails = False
    assert lookout._agenda() is not None
