"""What is written can be read by both official parsers, and says the same to both."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import prometheus_client.openmetrics.parser as openmetrics
import prometheus_client.parser as prometheus
import pytest
from dcp_engine_openmetrics.exposition import Samples, text_of, values_in
from dcp_engine_openmetrics.metrics import METRICS, Before, Look, families

from dcp_engine.hookspecs import Tick
from dcp_engine.model import Ended, Names, Outcome, Problem, Reading, Run, State, Step
from dcp_engine.testing import example_run

NOW = datetime(2030, 1, 1, 12, 5, tzinfo=UTC)
TICK = Tick(at=NOW, took=timedelta(seconds=1.5), calls=7, retries=2)


def _full(**changes: Any) -> Run:
    everything: dict[str, Any] = {
        "problems": (
            Problem(name="step-queue", since=NOW, text="denied", needs_person=True),
            Problem(name="auto-monitor", since=NOW, text="armed", advice=True),
        ),
        "steps": (
            Step(name="fleets", ended=Ended.DONE, attempts=1),
            Step(name="queue", attempts=4, failures=3),
        ),
    }
    return example_run(**{**everything, **changes})


def _samples(run: Run, tick: Tick = TICK, before: Before | None = None) -> Samples:
    return values_in(text_of(families(Look(run=run, tick=tick, before=before or Before()))))


def _of(samples: Samples, name: str) -> dict[str, float]:
    """The values of a metric by its own label, or under an empty one where it has none."""
    (labels,) = (shown.labels for shown in METRICS if shown.name == f"dcp_engine_{name}")
    return {
        dict(given)[labels[0]] if labels else "": value
        for (found, given), value in samples.items()
        if found == f"dcp_engine_{name}"
    }


def _seen(parser: Callable[[str], Iterable[Any]], text: str) -> list[tuple[Any, ...]]:
    return sorted(
        (family.name, family.type, family.documentation, s.name, sorted(s.labels.items()), s.value)
        for family in parser(text)
        for s in family.samples
    )


@pytest.mark.parametrize(
    "run",
    [
        _full(),
        _full(state=State.EXPORTED, outcome=Outcome.COMPLETED_WITH_DEAD_LETTERS),
        example_run(
            names=Names(
                app_name='odd "name" \\ of\na run',
                cluster="default",
                queue="q",
                bucket="b",
                log_group="l",
            )
        ),
    ],
    ids=["working", "ended", "odd name"],
)
def test_both_parsers_read_the_same(run: Run) -> None:
    text = text_of(families(Look(run=run, tick=TICK)))
    seen = _seen(openmetrics.text_string_to_metric_families, text)
    assert seen
    assert seen == _seen(prometheus.text_string_to_metric_families, text)
    assert {labels["run"] for labels in (dict(sample[4]) for sample in seen)} == {
        run.names.app_name
    }


def test_nothing_is_in_it_that_the_older_format_lacks() -> None:
    text = text_of(families(Look(run=_full(), tick=TICK)))
    assert text.endswith("\n# EOF\n")
    assert {line.split()[3] for line in text.splitlines() if line.startswith("# TYPE")} == {"gauge"}
    assert not any("python_" in line or "process_" in line for line in text.splitlines())
    for shown in METRICS:
        assert not set(shown.help) & set('"\\\n'), "the formats write these differently in a help"


def test_a_run_at_work() -> None:
    samples = _samples(_full())
    assert _of(samples, "run_state") == {
        "PENDING": 0,
        "RUNNING": 1,
        "DRAINING": 0,
        "TEARDOWN": 0,
        "EXPORTED": 0,
    }
    assert _of(samples, "queue_jobs") == {"visible": 6, "in_flight": 2, "delayed": 0}
    assert list(_of(samples, "fleet_target_capacity").values()) == [2]
    assert list(_of(samples, "fleet_machines").values()) == [2]
    assert _of(samples, "step_unfinished") == {"fleets": 0, "queue": 1}
    assert _of(samples, "step_failures") == {"fleets": 0, "queue": 3}
    assert _of(samples, "problems") == {"needs_person": 1, "may_pass": 0, "advice": 1}
    assert _of(samples, "problem_since_timestamp_seconds")["step-queue"] == NOW.timestamp()
    assert _of(samples, "last_tick_timestamp_seconds") == {"": NOW.timestamp()}
    assert _of(samples, "last_tick_duration_seconds") == {"": 1.5}
    assert _of(samples, "aws_calls") == {"": 7}
    assert _of(samples, "aws_retries") == {"": 2}
    assert _of(samples, "ticks") == {"": 1}
    assert _of(samples, "run_outcome") == {}


def test_what_is_counted_goes_on_from_before() -> None:
    once = _samples(_full())
    twice = _samples(_full(), before=Before.of(once))
    assert _of(twice, "aws_calls") == {"": 14}
    assert _of(twice, "aws_retries") == {"": 4}
    assert _of(twice, "ticks") == {"": 2}


@pytest.mark.parametrize(
    ("changes", "unknown"),
    [
        ({"reading": None}, {"queue_jobs", "queue_counted_timestamp_seconds"}),
        ({"dead_letters": None}, {"dead_letter_jobs"}),
        (
            {"fleets": ()},
            {
                "fleet_target_capacity",
                "fleet_fulfilled_capacity",
                "fleet_machines",
                "fleet_observed_timestamp_seconds",
            },
        ),
        ({"problems": (Problem(name="queue-unreadable", since=NOW, text="…"),)}, {"queue_jobs"}),
        ({"problems": (Problem(name="queue-missing", since=NOW, text="…"),)}, {"queue_jobs"}),
        (
            {"problems": (Problem(name="fleet-unreadable", since=NOW, text="…"),)},
            {"fleet_target_capacity", "fleet_fulfilled_capacity", "fleet_machines"},
        ),
        (
            {"problems": (Problem(name="credentials", since=NOW, text="…"),)},
            {"queue_jobs", "fleet_target_capacity", "fleet_fulfilled_capacity", "fleet_machines"},
        ),
        (
            {"state": State.TEARDOWN},
            {"queue_jobs", "fleet_target_capacity", "fleet_fulfilled_capacity", "fleet_machines"},
        ),
    ],
)
def test_what_is_not_known_is_left_out(changes: dict[str, Any], unknown: set[str]) -> None:
    always = {name for name, _ in _samples(_full())}
    now = {name for name, _ in _samples(_full(**changes))}
    assert always - now == {f"dcp_engine_{name}" for name in unknown}


def test_a_count_of_an_earlier_tick_is_not_shown_as_this_ones() -> None:
    before = Before.of(_samples(_full()))
    stale = _samples(_full(), before=before)
    assert _of(stale, "queue_jobs") == {}
    assert _of(stale, "queue_counted_timestamp_seconds") == {"": before.counted}
    reading = Reading(visible=0, in_flight=0, delayed=0, at=NOW)
    fresh = _samples(_full(reading=reading), before=before)
    assert _of(fresh, "queue_jobs") == {"visible": 0, "in_flight": 0, "delayed": 0}


def test_machines_that_have_ended_are_none() -> None:
    ended = _full(state=State.EXPORTED, machines_ended_at=NOW, outcome=Outcome.ABORTED)
    assert list(_of(_samples(ended), "fleet_machines").values()) == [0]
    assert list(_of(_samples(ended), "fleet_target_capacity").values()) == [0]
    assert _of(_samples(ended), "run_outcome") == {"aborted": 1}
