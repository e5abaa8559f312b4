"""A whole run, as Prometheus would see it."""

from pathlib import Path

from dcp_engine_openmetrics import plugin
from dcp_engine_openmetrics.exposition import Samples, values_in

from dcp_engine.testing import Bench, Fault, Run, State


class Folder:
    """What node_exporter reads."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def of(self, run: Run) -> Samples:
        """The samples of a run's file."""
        return values_in((self._path / f"dcp_engine_{run.id}.prom").read_text())

    def value(self, run: Run, name: str, **labels: str) -> float | None:
        """The sum of a metric's values that have these labels; None where there is none."""
        found = [
            value
            for (known, given), value in self.of(run).items()
            if known == f"dcp_engine_{name}" and labels.items() <= dict(given).items()
        ]
        return sum(found) if found else None


def test_a_whole_run_is_shown(bench: Bench, tmp_path: Path) -> None:
    bench.install("openmetrics", plugin, table={"directory": str(tmp_path)})
    folder = Folder(tmp_path)
    run = bench.run(State.RUNNING, jobs=4, machines=2)
    run = bench.until(run, lambda run: run.active_machines == 2)
    assert folder.value(run, "run_state", state=run.state.value) == 1
    assert folder.value(run, "fleet_machines") == 2
    assert run.reading is not None
    assert folder.value(run, "queue_jobs") == run.reading.total
    calls = folder.value(run, "aws_calls")
    assert calls is not None
    assert calls > 0

    bench.restart()
    bench.advance(minutes=1)
    run = bench.tick(run)
    assert (folder.value(run, "aws_calls") or 0) > calls

    run = bench.until(run, State.EXPORTED)
    assert folder.value(run, "run_state", state="EXPORTED") == 1
    assert folder.value(run, "run_outcome", outcome="completed") == 1
    assert folder.value(run, "fleet_machines") == 0
    assert folder.value(run, "step_unfinished") == 0
    assert folder.value(run, "queue_jobs") is None
    assert folder.value(run, "problems") == 0
    assert bench.failures == []


def test_what_aws_does_not_say_is_not_shown_as_none(bench: Bench, tmp_path: Path) -> None:
    bench.install("openmetrics", plugin, table={"directory": str(tmp_path)})
    folder = Folder(tmp_path)
    run = bench.run(State.RUNNING, jobs=4, machines=2)
    counted = folder.value(run, "queue_counted_timestamp_seconds")
    bench.aws.faults.add("sqs:GetQueueAttributes", Fault.DENIED, times=None)
    bench.aws.faults.add("ec2:DescribeSpotFleetRequests", Fault.DENIED, times=None)
    bench.advance(minutes=11)
    run = bench.tick(run)
    assert folder.value(run, "queue_jobs") is None
    assert folder.value(run, "queue_counted_timestamp_seconds") == counted
    assert folder.value(run, "fleet_machines") is None
    assert folder.value(run, "problems", kind="needs_person") == len(run.problems) > 0


def test_a_step_that_fails_is_shown(bench: Bench, tmp_path: Path) -> None:
    bench.install("openmetrics", plugin, table={"directory": str(tmp_path)})
    folder = Folder(tmp_path)
    bench.aws.faults.add("sqs:DeleteQueue", Fault.DENIED, times=None)
    run = bench.run(State.TEARDOWN, jobs=2, machines=1)
    run = bench.until(run, lambda run: (s := run.step("queue")) is not None and s.failures >= 2)
    assert folder.value(run, "step_unfinished", step="queue") == 1
    assert (folder.value(run, "step_failures", step="queue") or 0) >= 2
    assert folder.value(run, "step_failures", step="fleets") == 0


def test_a_folder_that_cannot_be_written_is_a_problem_and_the_run_goes_on(
    bench: Bench, tmp_path: Path
) -> None:
    bench.install("openmetrics", plugin, table={"directory": str(tmp_path / "missing")})
    run = bench.run(State.RUNNING, jobs=2, machines=1)
    assert "could not be written" in bench.problems(run)["plugin-openmetrics"]
    (tmp_path / "missing").mkdir()
    run = bench.until(run, lambda run: run.problem("plugin-openmetrics") is None)
    bench.until(run, State.EXPORTED)
