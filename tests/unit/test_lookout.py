"""Which runs one looks after, when they are listed anew, and what happens to their leases."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from dcp_engine.defaults import Settings
from dcp_engine.engine import Engine, TickReport
from dcp_engine.errors import StoreUnwritable
from dcp_engine.lookout import Lookout
from dcp_engine.model import Event, Holder, Lease, Run, State
from dcp_engine.share import Share
from dcp_engine.simulation.virtual_clock import VirtualClock
from dcp_engine.store.protocol import Due
from tests.unit.runs import run as a_run


class FakeStore:
    """A store of which somebody else may write `version` times."""

    def __init__(self) -> None:
        self.version = 1
        self.lists = 0
        self.fails = False
        self.runs = ["run-1"]
        self.wishes: list[str] = []
        self.gather: timedelta | None = None
        self.after_listing: Callable[[], None] = lambda: None

    def version_of_others(self) -> int:
        return self.version

    def crowded(self, gather: timedelta | None) -> None:
        self.gather = gather

    def agenda(self) -> list[Due]:
        self.lists += 1
        if self.fails:
            raise StoreUnwritable("locked")
        self.after_listing()
        return [
            Due(run_id=run_id, account="1", region="us-east-1", at=None) for run_id in self.runs
        ]

    def wished(self) -> list[str]:
        return self.wishes


class FakeEngine:
    """Every look finds the run in `state`, and has a lease of it unless somebody else has."""

    def __init__(self, clock: VirtualClock) -> None:
        self.state = State.RUNNING
        self.next_look: timedelta | None = None
        self.held = False
        self.during: Callable[[str], None] = lambda run_id: None
        self.released: list[str] = []
        self.hurried = False
        self._clock = clock

    def tick(self, run_id: str, *, keep_lease: bool) -> TickReport:
        assert keep_lease
        self.during(run_id)
        now = self._clock.now()
        at = None if self.next_look is None else now + self.next_look
        run = a_run(id=run_id, state=self.state, next_tick_at=at)
        if self.held:
            return TickReport(run=run, held_by="somebody")
        holder = Holder(host="here", pid=1, started=1.0, label="watch")
        lease = Lease(run_id=run_id, token=1, holder=holder, until=now + timedelta(minutes=5))
        return TickReport(run=run, lease=lease)

    def hurry(self) -> None:
        self.hurried = True

    def let_go_of_all(self, leases: Sequence[Lease]) -> None:
        self.released += [lease.run_id for lease in leases]


class FakeTeam:
    """Others there may be; of what is asked of them everything is written down."""

    def __init__(self) -> None:
        self.share = Share()
        self.next_share = self.share
        self.counted: list[int] = []
        self.asked: list[str] = []

    def count(self, runs: int) -> None:
        self.counted.append(runs)
        self.share = self.next_share

    def mind(self) -> list[str]:
        self.asked.append("mind")
        return ["one has ended"]

    def leave(self) -> None:
        self.asked.append("leave")

    def until_all_left(self) -> list[str]:
        self.asked.append("until all left")
        return ["another was killed"]


class After:
    """Says stop when it has been asked so many times."""

    def __init__(self, times: int) -> None:
        self.times = times

    def wait(self, timeout: float) -> bool:
        self.times -= 1
        return self.times < 0


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def engine(clock: VirtualClock) -> FakeEngine:
    return FakeEngine(clock)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def team() -> FakeTeam:
    return FakeTeam()


@pytest.fixture
def ready() -> list[tuple[int, int]]:
    return []


@pytest.fixture
def lookout(
    store: Any, engine: Any, clock: VirtualClock, team: FakeTeam, ready: list[tuple[int, int]]
) -> Lookout:
    def tell(run: Run, events: Sequence[Event]) -> None:
        raise AssertionError("nothing has happened")

    made: Engine = engine
    return Lookout(
        made,
        store,
        clock,
        Settings(),
        tell=tell,
        warn=print,
        ready=lambda runs, processes: ready.append((runs, processes)),
        team=team,
    )


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


def test_where_listing_takes_long_it_is_not_done_all_the_time(
    lookout: Lookout, store: FakeStore, clock: VirtualClock
) -> None:
    """Several processes write: each finds at every moment that somebody else has written."""
    store.after_listing = lambda: clock.advance(0.4)
    for _ in range(24):
        store.version += 1
        lookout._agenda()
        clock.advance(5)
    # A list each 20 seconds.
    assert store.lists == 6


def halves(runs: Sequence[str]) -> tuple[list[str], list[str]]:
    first, second = ([run for run in runs if Share(index, 2).mine(run)] for index in (0, 1))
    assert first
    assert second
    return first, second


RUNS = [f"run-{number}" for number in range(20)]


def test_all_runs_are_counted_and_only_its_own_are_looked_after(
    lookout: Lookout, store: FakeStore, team: FakeTeam, ready: list[tuple[int, int]]
) -> None:
    store.runs = RUNS
    team.next_share = Share(0, 2)
    agenda = lookout._agenda()
    assert agenda is not None
    assert list(agenda) == halves(RUNS)[0]
    assert (team.counted, ready) == ([20], [(20, 2)])


def test_how_many_runs_there_are_is_said_when_it_changes(
    lookout: Lookout, store: FakeStore, team: FakeTeam, ready: list[tuple[int, int]]
) -> None:
    for runs, share in (
        (RUNS[:1], Share()),
        (RUNS[:1], Share()),
        (RUNS[:2], Share()),
        (RUNS[:2], Share(0, 3)),
    ):
        store.runs, team.next_share = runs, share
        store.version += 1
        lookout._agenda()
    assert ready == [(1, 1), (2, 1), (2, 3)]


def test_runs_that_are_another_processs_from_now_on_are_given_back_at_once(
    lookout: Lookout, store: FakeStore, engine: FakeEngine, team: FakeTeam
) -> None:
    store.runs = RUNS
    lookout._agenda()
    for run in RUNS:
        lookout._look(run)
    assert engine.released == []
    team.next_share = Share(0, 2)
    store.version += 1
    lookout._agenda()
    own, others = halves(RUNS)
    assert engine.released == others
    lookout._leave()
    assert engine.released == others + own


def test_a_look_under_way_keeps_its_lease_to_its_end(
    lookout: Lookout, store: FakeStore, engine: FakeEngine, team: FakeTeam
) -> None:
    store.runs = RUNS
    lookout._agenda()
    _, (run, another, *_) = halves(RUNS)
    lookout._look(run)
    lookout._look(another)

    def shared_out(run_id: str) -> None:
        team.next_share = Share(0, 2)
        store.version += 1
        lookout._agenda()
        assert engine.released == [another]

    engine.during = shared_out
    lookout._look(run)
    assert engine.released == [another, run]


def test_a_look_that_fails_meanwhile_gives_its_run_back_too(
    lookout: Lookout, store: FakeStore, engine: FakeEngine, team: FakeTeam
) -> None:
    lookout._agenda()
    lookout._look("run-1")

    def fails(run_id: str) -> None:
        lookout._leave()
        raise StoreUnwritable("locked")

    engine.during = fails
    assert lookout._look("run-1").run is None
    assert engine.released == ["run-1"]


def test_a_run_that_its_driver_is_at_is_not_looked_at_without_a_pause(
    lookout: Lookout, engine: FakeEngine
) -> None:
    engine.held, engine.next_look = True, timedelta(seconds=-5)
    # The usual pause is made where nothing is known.
    assert lookout._look("run-1").run is None
    engine.next_look = timedelta(seconds=20)
    assert lookout._look("run-1").run is not None
    engine.held, engine.next_look = False, timedelta(seconds=-5)
    assert lookout._look("run-1").run is not None


def test_it_leaves_with_the_others(
    lookout: Lookout, engine: FakeEngine, team: FakeTeam, capsys: pytest.CaptureFixture[str]
) -> None:
    lookout.go(After(2), threads=1)
    assert capsys.readouterr().out == "one has ended\nanother was killed\n"
    assert team.asked == ["mind", "leave", "until all left"]
    assert engine.hurried
    assert engine.released == ["run-1"]


def test_the_log_tells_of_the_beginning_and_the_end(
    lookout: Lookout, store: FakeStore, team: FakeTeam, caplog: pytest.LogCaptureFixture
) -> None:
    store.runs, team.next_share = RUNS, Share(0, 2)
    with caplog.at_level("INFO", logger="dcp_engine"):
        lookout.go(After(2), threads=1)
    assert [record.getMessage() for record in caplog.records] == [
        "Share 0/2 of the runs: runs there are: 20; processes that look after them: 2",
        "Share 0/2 of the runs: leaving; looks under way, which are waited for: 0",
        "Share 0/2 of the runs: all looks have ended, and nothing is looked after any more",
    ]


def test_the_end_of_what_kept_runs_from_being_looked_at_is_said_once(
    lookout: Lookout,
    store: FakeStore,
    engine: FakeEngine,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    store.runs = RUNS
    lookout._agenda()

    def locked(run_id: str) -> None:
        raise StoreUnwritable("It is locked.")

    engine.during = locked
    with caplog.at_level("INFO", logger="dcp_engine"):
        for run in RUNS:
            lookout._look(run)
        assert capsys.readouterr().out == "It is locked.\n"
        engine.during = lambda run_id: None
        # One has ended elsewhere meanwhile, and is not looked at any more.
        store.runs = RUNS[1:]
        store.version += 1
        lookout._agenda()
        for run in RUNS[1:]:
            assert capsys.readouterr().out == ""
            lookout._look(run)
    over = "What kept runs from being looked at is over, and they are looked at again."
    assert capsys.readouterr().out == f"{over}\n"
    lookout._look(RUNS[1])
    assert capsys.readouterr().out == ""
    told = [record.getMessage() for record in caplog.records]
    assert told.count("It is locked.") == 1
    assert told.count(over) == 1


def test_looks_that_failed_or_found_another_driver_are_counted_apart(
    lookout: Lookout,
    engine: FakeEngine,
    clock: VirtualClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def locked(run_id: str) -> None:
        raise StoreUnwritable("It is locked.")

    engine.during = locked
    lookout._look("run-1")
    engine.during, engine.held = lambda run_id: None, True
    lookout._look("run-1")
    clock.advance(61)
    caplog.clear()
    with caplog.at_level("INFO", logger="dcp_engine"):
        lookout._punctual.note(0.5, "")
        clock.advance(61)
        lookout._punctual.note(0.5, "")
    first, second = (record.getMessage() for record in caplog.records)
    assert first.endswith("after it; 1 of them failed; 1 runs were left to their drivers")
    assert second.endswith("after it")


def test_who_was_asked_to_stop_minds_the_others_no_more(lookout: Lookout, team: FakeTeam) -> None:
    """They were asked, too, and have ended before; nothing is wrong with that."""
    lookout.go(After(1), threads=1)
    assert team.asked == ["leave", "until all left"]


def test_a_wish_of_anothers_run_is_left_to_it(
    lookout: Lookout, store: FakeStore, engine: FakeEngine, team: FakeTeam
) -> None:
    looked: list[str] = []
    engine.during = looked.append
    store.runs = store.wishes = RUNS
    team.next_share = Share(1, 2)
    lookout.go(After(2), threads=1)
    assert set(looked) <= set(halves(RUNS)[1])
    assert looked


def test_what_is_true_of_many_runs_is_said_once_until_it_is_over(
    lookout: Lookout, engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    def locked(run_id: str) -> None:
        raise StoreUnwritable("The database is locked.")

    fine, engine.during = engine.during, locked
    for run_id in ("run-1", "run-2", "run-1", "run-3"):
        lookout._look(run_id)
    assert capsys.readouterr().out == "The database is locked.\n"
    engine.during = fine
    lookout._look("run-2")
    engine.during = locked
    lookout._look("run-2")
    assert capsys.readouterr().out == ""
    engine.during = fine
    for run_id in ("run-1", "run-2", "run-3"):
        lookout._look(run_id)
    assert capsys.readouterr().out == (
        "What kept runs from being looked at is over, and they are looked at again.\n"
    )
    engine.during = locked
    lookout._look("run-2")
    assert capsys.readouterr().out == "The database is locked.\n"


def test_with_very_many_runs_of_its_own_the_store_is_frugal(
    clock: VirtualClock, store: FakeStore, lookout: Lookout
) -> None:
    store.runs = [f"run-{n}" for n in range(1000)]
    lookout._agenda()
    assert store.gather
    store.runs = ["run-1"]
    store.version += 1
    clock.advance(61)
    lookout._agenda()
    assert store.gather is None
