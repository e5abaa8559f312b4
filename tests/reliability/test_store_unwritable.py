"""A database that cannot be written: no new decision, and yet the money stops in a teardown."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from dcp_engine.app import App
from dcp_engine.clock import Clock
from dcp_engine.defaults import Settings
from dcp_engine.errors import EXIT_TIME_MAY_MEND, StoreUnwritable
from dcp_engine.model import Request, RequestKind, Run, State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from dcp_engine.store.crashing import CrashingStore
from tests.engine.rig import Rig, leftovers
from tests.reliability.store_drivers import CHANGING, Driver, drive_on
from tests.reliability.store_trouble import UNWRITABLE, FullDisk, no_file_may_grow

CANCEL: Final = "ec2:CancelSpotFleetRequests"
MONEY: Final = {CANCEL, "ec2:TerminateInstances"}
MakeDriver = Callable[..., Driver]


@pytest.fixture
def make_driver(rig: Rig) -> Iterator[MakeDriver]:
    drivers: list[Driver] = []

    def make(clock: Clock, **more: Any) -> Driver:
        pid = 100 + len(drivers)
        patience = timedelta(milliseconds=1)
        drivers.append(Driver(rig.database, clock, pid, patience=patience, **more))
        return drivers[-1]

    yield make
    for driver in drivers:
        driver.close()


def launched(aws: SimulatedAws, directory: Path) -> Launch:
    return launch_run(aws, "Exp1", jobs=3, machines=2, directory=directory)


def ask_for_an_abort(rig: Rig, run: Run) -> None:
    rig.store.add_request(
        Request(id="abort", run_id=run.id, kind=RequestKind.ABORT, at=rig.clock.now())
    )


def in_teardown(aws: SimulatedAws, rig: Rig, launch: Launch, driver: Driver) -> Run:
    """A run whose TEARDOWN is committed, and whose fleets AWS has not yet let go of."""
    run = drive_on(rig.clock, rig.register(launch).run, lambda: driver, machines_up)
    ask_for_an_abort(rig, run)
    return refused_by_aws(aws, driver, run)


def refused_by_aws(aws: SimulatedAws, driver: Driver, run: Run) -> Run:
    """One tick, in which TEARDOWN is committed and the fleets cannot be stopped."""
    rule = aws.faults.add(CANCEL, Fault.DENIED, times=None)
    torn_down = driver.tick(run).run
    assert torn_down.state is State.TEARDOWN
    assert rule.hits
    aws.faults.clear()
    return torn_down


def machines_up(run: Run) -> bool:
    return bool(run.active_machines)


def changes(aws: SimulatedAws, since: int) -> list[str]:
    return [name for name in aws.requests.names()[since:] if name in CHANGING]


def is_gone(rig: Rig, launch: Launch) -> None:
    own, _ = rig.split(launch)
    assert leftovers(own) == {}
    assert len(own["exports"]) == 2


@pytest.mark.parametrize("way", UNWRITABLE)
def test_no_new_decision_is_made_and_yet_the_fleets_of_a_teardown_are_stopped(
    aws: SimulatedAws,
    rig: Rig,
    clock: VirtualClock,
    tmp_path: Path,
    make_driver: MakeDriver,
    way: str,
) -> None:
    launch = launched(aws, tmp_path)
    driver = make_driver(clock)
    run = drive_on(clock, rig.register(launch).run, lambda: driver, machines_up)
    # What is asked for and not obeyed yet is no committed teardown.
    ask_for_an_abort(rig, run)
    before, since = rig.run(run), len(aws.requests)
    if way != "full":  # There is room for so small a change.
        with UNWRITABLE[way](driver.store):
            with pytest.raises(StoreUnwritable) as unwritable:
                driver.tick(run)
            assert rig.run(run) == before
        assert "told to stop" not in str(unwritable.value)
        assert changes(aws, since) == []

    run = refused_by_aws(aws, driver, run)
    since = len(aws.requests)
    clock.advance(60)
    with UNWRITABLE[way](driver.store):
        with pytest.raises(StoreUnwritable) as unwritable:
            driver.tick(run)
        assert launch.fleet.state.startswith("cancelled")
        assert set(changes(aws, since)) == {CANCEL}
    assert unwritable.value.exit_code == EXIT_TIME_MAY_MEND
    for word in (str(rig.database), "was not recorded", f"told to stop {launch.fleet_id}"):
        assert word in str(unwritable.value)
    assert driver.tick(run).run.step("fleets") != run.step("fleets")


def test_aws_fails_as_well(
    aws: SimulatedAws, rig: Rig, clock: VirtualClock, tmp_path: Path, make_driver: MakeDriver
) -> None:
    launch = launched(aws, tmp_path)
    driver = make_driver(clock)
    run = in_teardown(aws, rig, launch, driver)
    aws.faults.add(CANCEL, Fault.DENIED, times=None)
    with no_file_may_grow(driver.store), pytest.raises(StoreUnwritable) as unwritable:
        driver.tick(run)
    for word in ("was not recorded", "could not be stopped either", CANCEL, launch.fleet_id):
        assert word in str(unwritable.value)


def test_the_database_cannot_even_be_opened_for_writing(
    aws: SimulatedAws, rig: Rig, clock: VirtualClock, tmp_path: Path, make_driver: MakeDriver
) -> None:
    """No room for the write-ahead log: `resume` can read, and that is enough."""
    launch = launched(aws, tmp_path)
    driver = make_driver(clock)
    run = in_teardown(aws, rig, launch, driver)
    driver.close()
    rig.store.close()
    before = rig.database.read_bytes()
    app = App(database=rig.database, settings=Settings(), clock=clock)
    stopped = pytest.raises(StoreUnwritable, match=f"told to stop {launch.fleet_id}")
    with closing(app), no_file_may_grow(driver.store), stopped:
        app.drive(run.id, stop=NEVER, tell=print, warn=print)
    assert launch.fleet.state.startswith("cancelled")
    assert rig.database.read_bytes() == before


class Never:
    """Nobody ends the drive."""

    def wait(self, timeout: float) -> bool:
        raise AssertionError("it went on without a database")


NEVER: Final = Never()


def test_fresh_credentials_in_the_tick_in_which_the_disk_fills_up(
    aws: SimulatedAws,
    rig: Rig,
    clock: VirtualClock,
    tmp_path: Path,
    make_driver: MakeDriver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whose account they open is written down before anything is done, and cannot be here."""
    launch = launched(aws, tmp_path)
    run = in_teardown(aws, rig, launch, make_driver(clock))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another-key")
    clock.advance(600)
    disk = FullDisk(writes=1)
    driver = make_driver(clock, store=lambda store: CrashingStore(store, disk.point))
    with pytest.raises(StoreUnwritable, match=f"told to stop {launch.fleet_id}"):
        driver.tick(run)
    assert launch.fleet.state.startswith("cancelled")


def test_jobs_that_came_meanwhile_keep_their_machines(
    aws: SimulatedAws, rig: Rig, clock: VirtualClock, tmp_path: Path, make_driver: MakeDriver
) -> None:
    """A teardown that has stopped nothing yet counts once more, on a full disk too."""
    launch = launched(aws, tmp_path)
    disk = FullDisk(writes=1_000_000)
    late: list[str] = []

    def point(name: str) -> None:
        if not late and name == "after store commit" and rig.run(run).state is State.TEARDOWN:
            late.extend(launch.send_jobs(2))
            disk.fill()
        disk.point(name)

    driver = make_driver(clock, store=lambda store: CrashingStore(store, point))
    run = rig.register(launch).run
    with pytest.raises(StoreUnwritable) as unwritable:
        drive_on(clock, run, lambda: driver)
    assert "told to stop" not in str(unwritable.value)
    assert not launch.fleet.state.startswith("cancelled")
    disk.free()
    assert driver.tick(run).run.state is State.RUNNING
    drive_on(clock, run, lambda: driver, lambda now: now.state is State.TEARDOWN)
    assert launch.all_jobs_done()


FILLS_UP: Final = range(1, 200, 3)


@pytest.mark.matrix("writes", FILLS_UP, sample=1)
def test_a_disk_that_fills_up_at_any_write_and_has_room_again_after_an_hour(
    aws: SimulatedAws,
    rig: Rig,
    clock: VirtualClock,
    tmp_path: Path,
    make_driver: MakeDriver,
    writes: int,
) -> None:
    launch = launched(aws, tmp_path)
    run = rig.register(launch).run
    disk = FullDisk(writes)
    driver = make_driver(clock, store=lambda store: CrashingStore(store, disk.point))

    def until_full() -> bool:
        try:
            drive_on(clock, run, lambda: driver)
        except StoreUnwritable:
            return True
        return False

    assert until_full()
    since, stopping = len(aws.requests), rig.run(run).state is State.TEARDOWN
    for _ in range(60):
        clock.advance(60)
        with pytest.raises(StoreUnwritable):
            driver.tick(run)
    made = changes(aws, since)
    assert set(made) <= (MONEY if stopping else set())
    assert len(aws.requests) - since <= 60 * 4
    if stopping:
        assert not launch.live_instance_ids
        assert launch.fleet.state.startswith("cancelled")
    disk.free()
    drive_on(clock, run, lambda: driver)
    is_gone(rig, launch)
    assert launch.killed_while_working == []
    assert launch.all_jobs_done()
