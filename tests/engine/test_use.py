"""What the run makes of its machines, by CloudWatch: whole, once, and of nobody else."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dcp_engine import series
from dcp_engine.model import Outcome, Run, State
from dcp_engine.series import RUN, Bucket, price_of
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.runs import Scenario
from dcp_engine.simulation.server import SimulatedAws
from tests.engine.fleet_watch import watch, watched
from tests.engine.rig import Killed, Rig

ASK = "cloudwatch:GetMetricData"
PERIOD = timedelta(minutes=5)


def working(aws: SimulatedAws, directory: Path, name: str = "Exp1", jobs: int = 60) -> Launch:
    """Three machines that take some four minutes for each job."""
    return launch_run(
        aws,
        name,
        jobs=jobs,
        machines=3,
        directory=directory,
        visibility_timeout=900,
        scenario=Scenario(job_duration=(200.0, 280.0)),
    )


def deleted_before(aws: SimulatedAws, launch: Launch, moment: datetime) -> int:
    """How many messages of the run's queue were deleted, by the world's own records."""
    log = aws.world.queues.log(aws.region, launch.queue_name)
    assert log is not None
    return sum(1 for at in log.deleted if at < moment)


def done(run: Run) -> tuple[float, datetime]:
    ((value, at),) = [
        (seen.value, seen.at) for seen in run.observations if seen.name == "jobs done"
    ]
    assert at is not None
    return value, at


def told(rig: Rig, run: Run, name: str, subject: str = RUN) -> dict[datetime, float]:
    """Moment → number, of those that are still kept one by one."""
    kept: list[Bucket] = rig.store.samples(run.id, subject=subject)
    return {b.at: b.values[name].mean for b in kept if name in b.values}


def test_jobs_cpu_memory_and_prices_are_the_runs_own_and_complete(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = working(aws, tmp_path)
    working(aws, tmp_path, "Exp10", jobs=20)
    run = watched(rig, launch)
    now = watch(rig, run, 70, step=10)
    value, at = done(now)
    assert value == deleted_before(aws, launch, at)
    assert 20 < value < 60
    deleted = told(rig, run, series.DELETED)
    assert [*deleted] == [run.earliest_start + n * PERIOD for n in range(len(deleted))]
    assert round(sum(deleted.values()) * 5) == value
    received = told(rig, run, series.RECEIVED)
    assert value <= round(sum(received.values()) * 5) <= value + 3
    # Three machines that work are busy in the service, whatever the others do in the cluster.
    busy = [*told(rig, run, series.SERVICE_CPU).values()][3:]
    assert min(busy) > 40
    assert {*told(rig, run, series.CLUSTER_CPU)} == {*told(rig, run, series.SERVICE_MEMORY)}
    for machine in rig.store.machines(run.id):
        assert machine.zone
        assert [*told(rig, run, series.CPU, machine.instance_id).values()][-1] > 40
        of_zone = told(rig, run, series.DOLLARS, price_of("m5.xlarge", machine.zone))
        assert of_zone
        assert min(of_zone) <= machine.began
    subjects = {bucket.subject for bucket in rig.store.samples(run.id, subject=None)}
    machines = {machine.instance_id for machine in rig.store.machines(run.id)}
    zones = {price_of("m5.xlarge", str(m.zone)) for m in rig.store.machines(run.id)}
    assert subjects == {RUN, *machines, *zones}


def test_a_kill_right_before_and_after_what_was_counted_is_written_counts_it_once(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    rig = make_rig()
    launch = working(aws, tmp_path)
    run = watched(rig, launch)
    for point in ("after aws cloudwatch:GetMetricData", "the commit", "after the commit") * 2:
        rig.kill_at(_InUse(point))
        with pytest.raises(Killed):
            watch(rig, run, 30)
        rig.restart(died=True)
    watch(rig, run, 20, step=10)
    value, at = done(rig.run(run))
    assert value == deleted_before(aws, launch, at)
    deleted = told(rig, run, series.DELETED)
    assert [*deleted] == [run.earliest_start + n * PERIOD for n in range(len(deleted))]


class _InUse:
    """A point of the duty: its question, the write that comes next, or the end of that write."""

    def __init__(self, point: str) -> None:
        self._point = point
        self._asked = False

    def reached(self, name: str) -> bool:
        if name == "after aws cloudwatch:GetMetricData":
            self._asked = True
            return self._point == name
        wanted = {"the commit": "before store commit", "after the commit": "after store commit"}
        return self._asked and name == wanted.get(self._point)


def test_after_a_night_asleep_nothing_is_missing(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = working(aws, tmp_path, jobs=400)
    run = watched(rig, launch)
    watch(rig, run, 20, step=10)
    rig.clock.advance(8 * 3600)
    now = watch(rig, run, 20, step=10)
    value, at = done(now)
    assert value == deleted_before(aws, launch, at)
    assert value > 200
    deleted = told(rig, run, series.DELETED)
    assert [*deleted] == [run.earliest_start + n * PERIOD for n in range(len(deleted))]
    cpu = told(rig, run, series.CPU, rig.store.machines(run.id)[0].instance_id)
    gaps = [b - a for a, b in zip([*cpu][:-1], [*cpu][1:], strict=True)]
    assert max(gaps) <= timedelta(hours=1)


def test_who_may_not_read_it_has_one_problem_and_a_good_end(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    aws.faults.add(ASK, Fault.DENIED, times=None)
    launch = working(aws, tmp_path, jobs=20)
    run = watched(rig, launch)
    now = watch(rig, run, 20, step=10)
    problem = now.problem("duty-use")
    assert problem is not None
    assert problem.needs_person
    assert "grant cloudwatch:GetMetricData" in problem.text
    assert [p.name for p in now.problems] == ["duty-use"]
    ended = rig.until_state(run, State.EXPORTED)
    assert ended.outcome is Outcome.COMPLETED
    assert [seen for seen in ended.observations if seen.name == series.JOBS_DONE] == []
    asked = [e for e in rig.events(run, "problem") if e.data["problem"] == "duty-use"]
    assert len(asked) == 1
    # What may be read is: prices, and the machines' names.
    assert {b.subject for b in rig.store.samples(run.id, subject=None)} > {RUN}
