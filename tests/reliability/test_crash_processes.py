"""A real process is really killed at a crash point, and a fresh one, or cron, finishes the run."""

import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from dcp_engine.crash import CRASH_VARIABLE
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.surroundings import no_own_aws
from dcp_engine.simulation.timings import Timings
from tests.e2e.processes import Answer
from tests.e2e.scene import NAME, NOBODY_COMES, Scene
from tests.e2e.waiting import until
from tests.reliability.crash_points import EFFECTS, points

FIRST: Final = ("ec2:DescribeSpotFleetRequestHistory", "ec2:ModifySpotFleetRequest")
"""What is only done while machines are missing and while jobs are left."""
NOT_MET: Final = frozenset(
    {
        "aws cloudwatch:GetMetricData",
        "aws cloudwatch:PutMetricAlarm",
        "aws ec2:DeleteTags",
        "aws ec2:DescribeSpotPriceHistory",
        "aws ec2:DescribeVolumes",
        "aws ec2:TerminateInstances",
        "aws logs:FilterLogEvents",
        "store delivery_failed",
        "store release_all",
        "store renew",
    }
)
"""What an untroubled run does not do; `test_crash_matrix` kills there too."""


@dataclass(frozen=True)
class Death:
    """A crash point at its first passing, and who goes on."""

    point: str
    heir: str

    def __str__(self) -> str:
        return f"{self.point}, {self.heir}"


MET: Final = tuple(point for effect in sorted(EFFECTS - NOT_MET) for point in points(effect))
DEATHS: Final = tuple(
    Death(point, ("resume", "cron")[number // 2 % 2]) for number, point in enumerate(MET)
)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    timings = replace(Timings.fast(), export_delay=0.2)
    with no_own_aws(), SimulatedAws(seed=1, timings=timings) as aws:
        scene = Scene(aws, tmp_path, jobs=4, machines=2, scenario=NOBODY_COMES)
        # The jobs may be done before anybody who lives has seen them.
        scene.computer.environment["DCP_ENGINE_FIRST_JOB_GRACE"] = "1s"
        yield scene


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "told.log"


def monitored(scene: Scene, log: Path, crash_at: str | None) -> Answer:
    """`monitor` the run to its end, or its own; machines come when it has done what comes first."""
    with scene.computer.start(
        *("monitor", scene.file, "--take-over", "--cheapest", "--log-file", log),
        **{CRASH_VARIABLE: crash_at},
    ) as monitor:
        until(
            lambda: all(map(scene.was_done, FIRST)) or monitor.said().code is not None,
            monitor.said,
        )
        scene.let_machines_come()
        return monitor.until_ended()


def go_on(scene: Scene, log: Path, heir: str) -> None:
    """What a person does after a crash: the same command again, `resume`, or nothing but cron."""
    if scene.computer.stored(NAME) is None:
        command = "register" if heir == "cron" else "monitor"
        scene.computer.run(command, scene.file, "--take-over", "--log-file", log).fine()
    elif heir == "resume":
        scene.computer.run("resume", NAME, "--log-file", log).fine()
    if heir == "cron":
        until(lambda: ticked(scene, log) == "EXPORTED", "cron does not get to the end")


def ticked(scene: Scene, log: Path) -> str:
    answer = scene.computer.run("tick", NAME, "--log-file", log)
    assert "Traceback" not in answer.text, answer
    stored = scene.computer.stored(NAME)
    assert stored is not None
    return stored.state


def told(log: Path) -> set[str]:
    """The ids of the events that the built-in notifier has told of."""
    return set(re.findall(r"dcp_engine\.events: .*\[([0-9a-f]{32})\]$", log.read_text(), re.M))


@pytest.mark.matrix("death", DEATHS, sample=2)
def test_killed_really_the_run_is_finished_by_the_next_process(
    scene: Scene, log: Path, death: Death
) -> None:
    assert monitored(scene, log, death.point).code == -signal.SIGKILL
    go_on(scene, log, death.heir)
    scene.is_done()
    assert told(log) == {event["id"] for event in scene.computer.history(NAME)}


def test_the_points_to_be_killed_at_are_those_a_process_passes(
    scene: Scene, log: Path, tmp_path: Path
) -> None:
    passed = tmp_path / "passed"
    monitored(scene, log, f"list:{passed}").fine()
    scene.is_done()
    assert set(passed.read_text().splitlines()) == set(MET)
