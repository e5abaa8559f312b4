"""`dcp-engine watch` in several processes: they end together, and none ends for good alone."""

import re
import signal
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from dcp_engine.share import Share
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import launch_run
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.status import Status
from tests.e2e.computer import Computer
from tests.e2e.processes import Process
from tests.e2e.scene import NOBODY_COMES
from tests.e2e.waiting import until

TWO = ("watch", "--processes", "2")
FEW_AT_ONCE = """
import os
import dcp_engine.share
dcp_engine.share.RUNS_OF_ONE = {runs}
os.sched_getaffinity = lambda pid: {{0, 1}}
"""
"""A computer with two cores, on which one process is kept busy by so many runs."""

SOON_TAKEN_FOR_FROZEN = """
import dcp_engine.app
dcp_engine.app._patience = lambda settings: 4.0
"""
"""Not after the deadline of a look and a minute, but after four seconds."""


class Runs:
    """Registered runs whose jobs wait: some of the first process's, and some of the other's."""

    def __init__(self, aws: SimulatedAws, computer: Computer, folder: Path) -> None:
        self.computer = computer
        self.names: tuple[list[str], list[str]] = ([], [])
        self._aws = aws
        self._folder = folder
        while not all(self.names):
            self.register_one()

    @property
    def number(self) -> int:
        return sum(map(len, self.names))

    def register_one(self) -> None:
        """One more run."""
        name = f"Exp{self.number}"
        launch = launch_run(
            self._aws, name, jobs=1, machines=1, directory=self._folder, scenario=NOBODY_COMES
        )
        self.computer.run("register", launch.monitor_file).fine()
        self.names[Share(1, 2).mine(self.status(name).run_id)].append(name)

    def status(self, name: str) -> Status:
        status = self.computer.stored(name)
        assert status is not None
        return status

    def until_looked_after_by(self, share: int, pid: int) -> None:
        """Wait until a process has looked at all of a share, and has them."""

        def all_are() -> bool:
            found = [self.status(name) for name in self.names[share]]
            return all(f"(process {pid} on" in (one.driver or "") for one in found)

        until(all_are, lambda: [self.status(name) for name in self.names[share]])

    def until_looked_at_again(self, share: int) -> None:
        """Wait until each of a share has been looked at since now."""
        before = {name: self.status(name).last_tick_at for name in self.names[share]}
        until(
            lambda: all(self.status(name).last_tick_at != at for name, at in before.items()),
            lambda: f"{before} are not looked at",
        )

    def nobody_has_them(self) -> None:
        """Assert that no lease is left."""
        drivers = {name: self.status(name).driver for share in self.names for name in share}
        assert set(drivers.values()) == {None}, drivers


@pytest.fixture
def runs(aws: SimulatedAws, tmp_path: Path) -> Runs:
    return Runs(aws, Computer(aws, tmp_path / "computer"), tmp_path)


def the_other(pid: int, *, than: int = 0) -> psutil.Process:
    """The process that the one with this id has started, as soon as there is one."""

    def living() -> list[psutil.Process]:
        return [one for one in psutil.Process(pid).children() if is_there(one) and one.pid != than]

    until(lambda: len(living()) == 1, lambda: f"it has started {living()}")
    (found,) = living()
    return found


def is_there(process: psutil.Process) -> bool:
    """Whether it still runs; who has ended may be counted until somebody asks how."""
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def goes_on_with_another(watch: Process, runs: Runs, other: psutil.Process) -> None:
    """Assert that a new process has the runs of the other one, and that all can be ended then."""
    another = the_other(watch.pid, than=other.pid)
    runs.until_looked_after_by(1, another.pid)
    runs.until_looked_at_again(0)
    watch.send(signal.SIGTERM)
    watch.until_ended().fine()
    assert not is_there(another)
    runs.nobody_has_them()


def test_two_processes_look_after_all_runs_and_end_together(runs: Runs, tmp_path: Path) -> None:
    log = tmp_path / "watch.log"
    with runs.computer.start(*TWO, "--log-file", log) as watch:
        watch.until_says(f"{runs.number} runs are looked after, by 2 processes")
        other = the_other(watch.pid)
        assert other.cmdline()[-2:] == ["--share", "1/2"]
        runs.until_looked_after_by(0, watch.pid)
        runs.until_looked_after_by(1, other.pid)
        watch.send(signal.SIGTERM)
        left = watch.until_ended().fine()
    assert not is_there(other)
    runs.nobody_has_them()
    # One process alone speaks of all of them; what has happened to the runs comes from both.
    assert left.err.count("looked after") == 1
    assert left.err.count("nobody looks after the runs until") == 1
    for name in (*runs.names[0], *runs.names[1]):
        assert left.out.count(f"{name}  RUNNING: ") == 1, left
    assert all(re.match(r"\d{4}-\d\d-\d\d ", line) for line in log.read_text().splitlines())


def test_one_that_is_killed_is_started_again_and_its_runs_go_on(runs: Runs) -> None:
    with runs.computer.start(*TWO) as watch:
        other = the_other(watch.pid)
        runs.until_looked_after_by(1, other.pid)
        other.kill()
        watch.until_says(rf"share 1/2 of the runs \(process {other.pid}\) has ended by .* SIGKILL")
        goes_on_with_another(watch, runs, other)


def test_one_that_is_frozen_is_killed_and_its_runs_go_on(runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(SOON_TAKEN_FOR_FROZEN)
    with runs.computer.start(*TWO, PYTHONPATH=str(tmp_path)) as watch:
        other = the_other(watch.pid)
        runs.until_looked_after_by(1, other.pid)
        other.suspend()
        watch.until_says(rf"\(process {other.pid}\) was frozen for \d+ seconds")
        goes_on_with_another(watch, runs, other)


def test_where_the_first_one_is_killed_the_other_ends_by_itself(runs: Runs) -> None:
    with runs.computer.start(*TWO) as watch:
        other = the_other(watch.pid)
        runs.until_looked_after_by(0, watch.pid)
        runs.until_looked_after_by(1, other.pid)
        watch.die()
        until(lambda: not is_there(other), "it goes on alone")
        said = watch.said().err
    assert "Traceback" not in said
    # What it had it has given back; what the dead one had is free since that is dead.
    assert {runs.status(name).driver for name in runs.names[1]} == {None}
    runs.computer.run("tick", "--all").fine()
    runs.nobody_has_them()


def test_ctrl_c_is_for_the_first_one_to_hear_whenever_it_reaches_the_other(runs: Runs) -> None:
    with runs.computer.start(*TWO) as watch:
        other = the_other(watch.pid)
        # It is still loading; then it is at work.
        other.send_signal(signal.SIGINT)
        runs.until_looked_after_by(1, other.pid)
        other.send_signal(signal.SIGINT)
        for _ in range(2):
            runs.until_looked_at_again(1)
        assert is_there(other)
        said = watch.said().err
    assert said.splitlines() == [f"{runs.number} runs are looked after, by 2 processes."]


def test_ctrl_c_in_a_terminal_ends_both(runs: Runs) -> None:
    with runs.computer.in_a_terminal(*TWO) as terminal:
        terminal.until_shows("by 2 processes")
        terminal.until_shows(rf"{runs.names[1][0]}  RUNNING: ")
        terminal.type("\x03")
        assert terminal.until_ended() == 0
        shown = terminal.screen
    assert shown.count("nobody looks after the runs until") == 1
    assert "Traceback" not in shown
    assert "Interrupted" not in shown
    runs.nobody_has_them()


def test_a_second_ctrl_c_leaves_at_once_all_of_them(runs: Runs, aws: SimulatedAws) -> None:
    with runs.computer.start(*TWO, DCP_ENGINE_REQUEST_TIMEOUT="110s") as watch:
        watch.until_says(rf"{runs.names[0][0]}  RUNNING: ")
        watch.until_says(rf"{runs.names[1][0]}  RUNNING: ")
        other = the_other(watch.pid)
        rule = aws.faults.add("*", Fault.HANG, times=None)
        until(lambda: rule.hits >= runs.number, "nobody asks any more")
        watch.send(signal.SIGINT)
        watch.until_says("Ctrl-C once more leaves at once")
        watch.send(signal.SIGINT)
        left = watch.until_ended()
        assert left.code == 130
        until(lambda: not is_there(other), "it waits for its looks")
    assert left.err.splitlines()[-1] == "Left at once. What is recorded is kept."
    aws.faults.clear()
    runs.computer.run("tick", "--all").fine()


def test_another_process_comes_when_there_are_more_runs(runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(FEW_AT_ONCE.format(runs=runs.number))
    with runs.computer.start("watch", PYTHONPATH=str(tmp_path)) as watch:
        watch.until_says(rf"{runs.number} runs are looked after\.")
        for share in (0, 1):
            runs.until_looked_after_by(share, watch.pid)
        assert psutil.Process(watch.pid).children() == []
        runs.register_one()
        watch.until_says(rf"{runs.number} runs are looked after, by 2 processes\.")
        other = the_other(watch.pid)
        # No lease would lapse within this test: they were given back.
        runs.until_looked_after_by(0, watch.pid)
        runs.until_looked_after_by(1, other.pid)
        watch.send(signal.SIGTERM)
        watch.until_ended().fine()
    assert not is_there(other)
    runs.nobody_has_them()


def test_a_share_that_a_person_names_is_looked_after_until_it_is_ended(runs: Runs) -> None:
    with runs.computer.start("watch", "--share", "1/2") as watch:
        runs.until_looked_after_by(1, watch.pid)
        assert {runs.status(name).driver for name in runs.names[0]} == {None}
        watch.send(signal.SIGTERM)
        left = watch.until_ended().fine().err
    assert left == f"Of {runs.number} runs only share 1/2 is looked after by this process.\n"
    runs.nobody_has_them()
