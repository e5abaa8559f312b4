"""A database that cannot be trusted: it says so, it stays as it is, and AWS is left alone."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from dcp_engine.app import App
from dcp_engine.aws.cloud import BotoCloud
from dcp_engine.defaults import Settings
from dcp_engine.errors import EXIT_NEEDS_PERSON, EngineError, NoSuchRun, StoreBroken
from dcp_engine.model import Request, RequestKind, State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import launch_run
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.engine.rig import Rig
from tests.reliability.store_trouble import DAMAGE, as_of_a_newer_version, contents

CANCEL = "ec2:CancelSpotFleetRequests"
STATES = (State.RUNNING, State.TEARDOWN)


class World(NamedTuple):
    """An AWS with a run in it, and the run's database as it was in each state."""

    aws: SimulatedAws
    clock: VirtualClock
    cloud: BotoCloud
    databases: dict[State, Path]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    clock, folder = VirtualClock(), tmp_path_factory.mktemp("world")
    with SimulatedAws(clock=clock, seed=1) as aws, pytest.MonkeyPatch.context() as patch:
        for name, value in aws.environment().items():
            patch.setenv(name, value)
        rig = Rig(aws, clock, folder)
        launch = launch_run(aws, "Exp1", jobs=3, machines=1, directory=folder)
        run = rig.until_state(rig.register(launch).run, State.RUNNING)
        databases = {State.RUNNING: saved(rig, folder / "running.db")}
        # Nobody can say that the fleets of this one had been stopped anyway.
        aws.faults.add(CANCEL, Fault.DENIED, times=None)
        rig.store.add_request(
            Request(id="abort", run_id=run.id, kind=RequestKind.ABORT, at=clock.now())
        )
        assert rig.tick(run).run.state is State.TEARDOWN
        databases[State.TEARDOWN] = saved(rig, folder / "teardown.db")
        rig.store.close()
        assert not launch.fleet.state.startswith("cancelled")
        yield World(aws, clock, rig.cloud, databases)


def saved(rig: Rig, path: Path) -> Path:
    """A copy of the database, whole in one file."""
    with closing(sqlite3.connect(rig.database)) as now, closing(sqlite3.connect(path)) as then:
        now.backup(then)
        then.execute("PRAGMA journal_mode=wal")
    return path


@pytest.fixture(params=STATES)
def database(world: World, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "runs.db"
    shutil.copy(world.databases[request.param], path)
    return path


@pytest.fixture
def app(world: World, tmp_path: Path) -> Iterator[App]:
    app = opened(world, tmp_path / "runs.db")
    yield app
    app.close()


def opened(world: World, path: Path) -> App:
    """Another process with that database; its way to AWS, which is slow to build, is shared."""
    app = App(database=path, settings=Settings(), clock=world.clock)
    vars(app)["_cloud"] = world.cloud
    return app


def refused(world: World, app: App) -> str:
    """What the tick of a database says that must not be gone by; AWS was not even asked."""
    asked, before = len(world.aws.requests), contents(app.database.parent)
    with pytest.raises(StoreBroken) as broken:
        app.tick("Exp1")
    assert broken.value.exit_code == EXIT_NEEDS_PERSON
    assert len(world.aws.requests) == asked
    app.close()
    assert contents(app.database.parent) == before
    said = str(broken.value)
    for word in (str(app.database), "nobody is watching", "billing"):
        assert word in said
    return said


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged(world: World, database: Path, app: App, damage: Callable[[bytes], bytes]) -> None:
    database.write_bytes(damage(database.read_bytes()))
    assert "register the runs again" in refused(world, app)


def test_of_a_newer_version(world: World, database: Path, app: App) -> None:
    as_of_a_newer_version(database)
    said = refused(world, app)
    for word in ("newer version", "costs", "pip install --upgrade"):
        assert word in said


def test_of_another_program(world: World, database: Path, app: App) -> None:
    database.unlink()
    with closing(sqlite3.connect(database)) as other:
        other.execute("CREATE TABLE moz_places (id INTEGER)")
    assert "another program" in refused(world, app)


def test_a_folder_in_its_place(world: World, database: Path, app: App) -> None:
    database.unlink()
    database.mkdir()
    assert "a folder" in refused(world, app)


def test_emptied_with_its_log_left(world: World, database: Path, app: App) -> None:
    database.write_bytes(b"")
    database.with_name("runs.db-wal").write_bytes(b"what was committed last")
    assert "log is not" in refused(world, app)


def test_emptied(world: World, database: Path, app: App) -> None:
    database.write_bytes(b"")
    asked = len(world.aws.requests)
    with pytest.raises(NoSuchRun, match="register FILE"):
        app.tick("Exp1")
    assert len(world.aws.requests) == asked


def test_a_log_of_garbage_hides_nothing_that_the_file_has(
    world: World, database: Path, app: App
) -> None:
    """SQLite goes by the log's checksums (https://www.sqlite.org/fileformat2.html#wal_format)."""
    database.with_name("runs.db-wal").write_bytes(b"\x37\x7f\x06\x82 no log" * 1000)
    before = app.find("Exp1")
    assert app.tick("Exp1").run.state is before.state


def test_garbage_in_one_page_is_told_of_or_does_not_matter(world: World, tmp_path: Path) -> None:
    good = world.databases[State.RUNNING].read_bytes()
    told = 0
    for start in range(4096, len(good), 3 * 4096):
        path = tmp_path / str(start) / "runs.db"
        path.parent.mkdir()
        path.write_bytes(good[:start] + b"\xa5" * 4096 + good[start + 4096 :])
        app = opened(world, path)
        try:
            assert app.tick("Exp1").run.live
        except EngineError as error:
            assert isinstance(error, StoreBroken)
            assert str(path) in str(error)
            told += 1
        finally:
            app.close()
    assert told > 1
