"""Many runs in one process, on a virtual clock and with a crew that takes as long as it is told."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest

from dcp_engine.crew import Looked, Threads
from dcp_engine.errors import StoreBroken, StoreUnwritable
from dcp_engine.model import State
from dcp_engine.patrol import Appointment, Patrol
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.unit.runs import run as a_run

INTERVAL = 60.0


class FakeCrew:
    """Looks that take `takes[run_id]` seconds of the virtual clock, 0.1 where nothing is said."""

    def __init__(self, clock: VirtualClock, size: int) -> None:
        self.size = size
        self.takes: dict[str, float] = {}
        self.begun: list[tuple[str, float]] = []
        self.dismissed = False
        self.after: Callable[[str], Looked] = self._usual
        self._clock = clock
        self._under_way: list[tuple[float, str]] = []

    def begin(self, run_id: str) -> None:
        assert run_id not in {name for _, name in self._under_way}
        assert len(self._under_way) < self.size
        now = self._clock.monotonic()
        self.begun.append((run_id, now))
        self._under_way.append((now + self.takes.get(run_id, 0.1), run_id))

    def ended(self, seconds: float) -> Looked | None:
        until = self._clock.monotonic() + seconds
        self._under_way.sort()
        if self._under_way and self._under_way[0][0] <= until:
            moment, run_id = self._under_way.pop(0)
            self._clock.advance(max(0.0, moment - self._clock.monotonic()))
            return self.after(run_id)
        self._clock.advance(seconds)
        return None

    def dismiss(self) -> None:
        self.dismissed = True

    def _usual(self, run_id: str) -> Looked:
        due = self._clock.now() + timedelta(seconds=INTERVAL)
        return Looked(run_id, a_run(id=run_id, next_tick_at=due))

    def times(self) -> Counter[str]:
        return Counter(run_id for run_id, _ in self.begun)


class After:
    """Stops when the virtual clock has gone on for so long."""

    def __init__(self, clock: VirtualClock, seconds: float) -> None:
        self._clock = clock
        self._end = clock.monotonic() + seconds

    def wait(self, timeout: float) -> bool:
        return self._clock.monotonic() >= self._end


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


class Scene:
    """A patrol over runs that may come and go."""

    def __init__(self, clock: VirtualClock, crew: FakeCrew) -> None:
        self.clock = clock
        self.crew = crew
        self.runs: dict[str, Appointment] = {}
        self.wishes: list[str] = []
        self.late: list[float] = []
        self.patrol = Patrol(
            crew,
            agenda=lambda: self.runs,
            wished=lambda: self.wishes,
            clock=clock,
            interval=INTERVAL,
            late=self.late.append,
        )

    def go(self, seconds: float) -> None:
        self.patrol.go(After(self.clock, seconds))


def test_each_run_is_looked_at_every_minute_and_none_waits(clock: VirtualClock) -> None:
    scene = Scene(clock, FakeCrew(clock, size=4))
    scene.runs = {f"run-{n}": Appointment(None, "here") for n in range(200)}
    scene.go(10 * INTERVAL)
    assert set(scene.crew.times()) == set(scene.runs)
    assert set(scene.crew.times().values()) <= {9, 10, 11}
    assert max(scene.late) < 1.0
    assert scene.crew.dismissed


def test_one_that_hangs_delays_nobody_else(clock: VirtualClock) -> None:
    scene = Scene(clock, FakeCrew(clock, size=2))
    scene.runs = {f"run-{n}": Appointment(None, "here") for n in range(50)}
    scene.crew.takes["run-7"] = 180.0
    scene.go(10 * INTERVAL)
    times = scene.crew.times()
    assert times.pop("run-7") == 3
    assert set(times.values()) <= {9, 10, 11}
    assert max(scene.late) < 1.0


def test_a_place_where_all_hang_leaves_the_others_their_turn(clock: VirtualClock) -> None:
    scene = Scene(clock, FakeCrew(clock, size=8))
    for n in range(40):
        scene.runs[f"bad-{n}"] = Appointment(None, "there")
        scene.runs[f"good-{n}"] = Appointment(None, "here")
        scene.crew.takes[f"bad-{n}"] = 180.0
    scene.go(10 * INTERVAL)
    good = {name: times for name, times in scene.crew.times().items() if name.startswith("good")}
    assert len(good) == 40
    assert set(good.values()) <= {9, 10, 11}


def test_new_runs_are_picked_up_and_ended_ones_are_left(clock: VirtualClock) -> None:
    scene = Scene(clock, FakeCrew(clock, size=2))
    scene.runs = {"old": Appointment(None, "here")}
    ended = a_run(id="old", state=State.EXPORTED, next_tick_at=None)

    def after(run_id: str) -> Looked:
        scene.runs = {"new": Appointment(None, "here")}
        return Looked(run_id, ended if run_id == "old" else None)

    scene.crew.after = after
    scene.go(5 * INTERVAL)
    assert scene.crew.times()["old"] == 1
    # A look that failed is made again after the usual pause.
    assert scene.crew.times()["new"] in {4, 5}


def test_a_wish_is_heard_within_a_second(clock: VirtualClock) -> None:
    scene = Scene(clock, FakeCrew(clock, size=2))
    due = clock.now() + timedelta(seconds=50)
    scene.runs = {"run": Appointment(due, "here")}
    scene.wishes = ["run"]

    def obeyed(run_id: str) -> Looked:
        scene.wishes = []
        return scene.crew._usual(run_id)

    scene.crew.after = obeyed
    began = clock.monotonic()
    scene.go(20)
    assert [moment - began for _, moment in scene.crew.begun] == [pytest.approx(0, abs=1.0)]


def test_a_locked_database_ends_nothing(clock: VirtualClock) -> None:
    scene = Scene(clock, FakeCrew(clock, size=2))
    scene.runs = {"run": Appointment(None, "here")}
    scene.go(INTERVAL)

    def locked() -> dict[str, Appointment]:
        raise StoreUnwritable("locked")

    scene.patrol._agenda = locked
    scene.patrol._wished = locked
    scene.go(3 * INTERVAL)
    assert scene.crew.times()["run"] in {3, 4, 5}


def test_a_database_that_is_gone_for_good_ends_it_so_that_somebody_starts_it_anew(
    clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene(clock, FakeCrew(clock, size=2))
    scene.runs = {"run": Appointment(None, "here")}
    began = clock.monotonic()

    def gone() -> dict[str, Appointment]:
        raise StoreBroken("replaced")

    scene.patrol._agenda = gone
    scene.patrol._wished = gone
    with pytest.raises(StoreBroken, match="replaced"):
        scene.go(3600)
    assert clock.monotonic() - began == pytest.approx(60, abs=2)
    assert scene.crew.dismissed
    assert sorted(record.getMessage() for record in caplog.records) == [
        "The list of runs could not be read: replaced",
        "What is asked of the runs could not be read: replaced",
    ]


def test_a_database_that_is_put_back_in_time_ends_nothing(
    clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene(clock, FakeCrew(clock, size=2))
    scene.runs = {"run": Appointment(None, "here")}
    began = clock.monotonic()

    def now_and_then() -> dict[str, Appointment]:
        if (clock.monotonic() - began) % 100 < 50:
            raise StoreBroken("replaced")
        return scene.runs

    scene.patrol._agenda = now_and_then
    with caplog.at_level("INFO", logger="dcp_engine"):
        scene.go(600)
    assert scene.crew.times()["run"] >= 8
    assert [record.getMessage() for record in caplog.records] == 6 * [
        "The list of runs could not be read: replaced",
        "The list of runs could be read again",
    ]


def test_threads_make_their_looks_and_end(clock: VirtualClock) -> None:
    crew = Threads(3, lambda run_id: Looked(run_id, None))
    for number in range(20):
        crew.begin(f"run-{number}")
    found = {looked.run_id for _ in range(20) if (looked := crew.ended(10)) is not None}
    assert found == {f"run-{number}" for number in range(20)}
    assert crew.ended(0) is None
    crew.dismiss()
    assert not any(thread.is_alive() for thread in crew._threads)


def test_a_run_of_the_far_future_is_looked_at_all_the_same(clock: VirtualClock) -> None:
    scene = Scene(clock, FakeCrew(clock, size=1))
    scene.runs = {"run": Appointment(clock.now() + timedelta(days=365), "here")}
    scene.go(16 * INTERVAL)
    assert scene.crew.times()["run"] >= 1


def test_once_is_once_for_each_and_one_that_hangs_delays_nobody(clock: VirtualClock) -> None:
    crew = FakeCrew(clock, size=4)
    crew.takes = {"run-0": 100.0}
    scene = Scene(clock, crew)
    scene.runs = {f"run-{n}": Appointment(None, "here") for n in range(20)}
    scene.patrol.once()
    assert crew.times() == Counter(scene.runs.keys())
    assert max(at for _, at in crew.begun) < 1.0
    assert crew.dismissed


def test_once_a_place_where_all_hang_leaves_the_others_their_turn(clock: VirtualClock) -> None:
    crew = FakeCrew(clock, size=4)
    crew.takes = {f"there-{n}": 100.0 for n in range(10)}
    scene = Scene(clock, crew)
    scene.runs = {f"there-{n}": Appointment(None, "there") for n in range(10)}
    scene.runs |= {f"here-{n}": Appointment(None, "here") for n in range(10)}
    scene.patrol.once()
    assert set(crew.times()) == set(scene.runs)
    assert max(at for name, at in crew.begun if name.startswith("here")) < 2.0


def test_once_with_no_run_is_over_at_once(clock: VirtualClock) -> None:
    crew = FakeCrew(clock, size=4)
    Scene(clock, crew).patrol.once()
    assert crew.dismissed
    assert not crew.begun
