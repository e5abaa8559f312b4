"""A driver frozen anywhere past its lease, another one at work meanwhile, and then the thaw.

What remains open is a call that was already let through when the freeze came: nobody can take it
back. So there is no more than that one, and nothing is lost by it.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from dcp_engine.defaults import Settings
from dcp_engine.model import Run, State
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.engine.rig import Rig, leftovers
from tests.reliability.store_drivers import CHANGING, Driver, OtherClock, drive_on

SETTINGS: Final = Settings(downscale_interval=timedelta(minutes=2))
EXPORT: Final = "logs:CreateExportTask"
LOWER: Final = "ec2:ModifySpotFleetRequest"
# Every call that changes something in the life of this run.
CALLS: Final = (
    "cloudwatch:DeleteAlarms",
    "cloudwatch:DeleteDashboards",
    "ec2:CancelSpotFleetRequests",
    "ec2:CreateTags",
    LOWER,
    "ecs:DeleteCluster",
    "ecs:DeleteService",
    "ecs:DeregisterContainerInstance",
    "ecs:DeregisterTaskDefinition",
    "ecs:UpdateService",
    EXPORT,
    "s3:PutObject",
    "sqs:DeleteQueue",
)


class Case(NamedTuple):
    """Where the first driver freezes, and what the other one is like."""

    point: str
    off: int
    """By how many hours the other one's clock is off."""
    to_the_end: bool
    """Whether the other one sees the run to its end before the thaw, or ticks once."""

    def __str__(self) -> str:
        how_long = "to the end" if self.to_the_end else "one tick"
        return f"{self.point}, {self.off:+}h, {how_long}"


ANYWHERE: Final = [
    Case(str(point), off, to_the_end)
    for point, off, to_the_end in zip(
        range(1, 700, 4), cycle((0, 1, -1)), cycle((True, False)), strict=False
    )
]
ON_THE_WIRE: Final = [
    Case(f"{when} aws {call}", off, to_the_end)
    for call in CALLS
    for when in ("before", "after")
    for off, to_the_end in ((0, False), (1, True), (-1, False))
]


@pytest.fixture
def make_driver(rig: Rig) -> Iterator[Callable[..., Driver]]:
    drivers: list[Driver] = []

    def make(clock: VirtualClock, *, off: int = 0) -> Driver:
        pid = 100 + len(drivers)
        own = OtherClock(clock, timedelta(hours=off))
        drivers.append(Driver(rig.database, own, pid, settings=SETTINGS))
        return drivers[-1]

    yield make
    for driver in drivers:
        driver.close()


def launched(aws: SimulatedAws, directory: Path) -> Launch:
    return launch_run(
        aws,
        "Exp1",
        jobs=4,
        machines=4,
        directory=directory,
        cluster="Exp1Cluster",
        clean_dashboard=True,
    )


def freeze_and_thaw(
    clock: VirtualClock, run: Run, one: Driver, other: Driver, case: Case
) -> list[str]:
    """The run's whole life with that in it; the frozen driver's changing calls after the thaw."""
    since: list[str] | None = None
    both = cycle((one, other))

    def meanwhile() -> None:
        # By the other one's clock the lease may have an hour more to go than by the first one's.
        drive_on(clock, run, lambda: other, lambda _: has_driven(other))
        if case.to_the_end:
            drive_on(clock, run, lambda: other)

    def turns() -> Driver:
        nonlocal since
        if one.freezer.frozen_at is None:
            return one
        if since is None:
            since = one.freezer.changes_since_waking()
        return next(both)

    one.freezer.freeze(case.point, meanwhile)
    drive_on(clock, run, turns)
    assert one.freezer.frozen_at is not None
    return one.freezer.changes_since_waking() if since is None else since


def has_driven(driver: Driver) -> bool:
    """Whether it has had the run for one tick by now."""
    return driver.freezer.passed[-1:] == ["after store release"]


def targets(aws: SimulatedAws) -> list[int]:
    return [int(record.params["TargetCapacity"]) for record in aws.requests.matching(LOWER)]


def is_well_ended(rig: Rig, launch: Launch, run: Run, *, frozen_at: str | None = None) -> None:
    assert rig.run(run).state is State.EXPORTED
    own, _ = rig.split(launch)
    assert leftovers(own) == {}
    assert launch.killed_while_working == []
    assert launch.all_jobs_done()
    # An export that the other one knew nothing of when it made its own clutters the bucket.
    assert len(own["exports"]) in ({2, 3} if frozen_at == f"before aws {EXPORT}" else {2})
    groups = {export["log_group"] for export in own["exports"].values()}
    assert groups == {launch.log_group, launch.per_instance_log_group}


@pytest.mark.matrix("case", ANYWHERE, sample=1)
def test_a_driver_frozen_anywhere_changes_nothing_more_once_another_one_drives(
    aws: SimulatedAws,
    rig: Rig,
    clock: VirtualClock,
    tmp_path: Path,
    make_driver: Callable[..., Driver],
    case: Case,
) -> None:
    launch = launched(aws, tmp_path)
    run = rig.register(launch).run
    one, other = make_driver(clock), make_driver(clock, off=case.off)
    assert freeze_and_thaw(clock, run, one, other, case) == []
    frozen_at = one.freezer.frozen_at
    is_well_ended(rig, launch, run, frozen_at=frozen_at)
    if frozen_at != f"before aws {LOWER}":
        assert targets(aws) == sorted(targets(aws), reverse=True)


@pytest.mark.matrix("case", ON_THE_WIRE, sample=1)
def test_only_the_call_on_the_wire_still_goes_out(
    aws: SimulatedAws,
    rig: Rig,
    clock: VirtualClock,
    tmp_path: Path,
    make_driver: Callable[..., Driver],
    case: Case,
) -> None:
    launch = launched(aws, tmp_path)
    run = rig.register(launch).run
    one, other = make_driver(clock), make_driver(clock, off=case.off)
    assert freeze_and_thaw(clock, run, one, other, case) == []
    assert one.freezer.frozen_at == case.point
    is_well_ended(rig, launch, run, frozen_at=case.point)


def test_the_calls_are_those_that_such_a_run_makes(
    aws: SimulatedAws,
    rig: Rig,
    clock: VirtualClock,
    tmp_path: Path,
    make_driver: Callable[..., Driver],
) -> None:
    launch = launched(aws, tmp_path)
    run = rig.register(launch).run
    driver = make_driver(clock)
    drive_on(clock, run, lambda: driver)
    is_well_ended(rig, launch, run)
    assert sorted(set(driver.freezer.changes())) == sorted(CALLS)
    assert set(CALLS) <= CHANGING
    assert len(driver.freezer.passed) >= int(ANYWHERE[-1].point)
