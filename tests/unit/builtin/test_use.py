"""Use: whole periods, each counted once, whenever the process sleeps, dies or comes late."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from dcp_engine import series
from dcp_engine.builtin import use
from dcp_engine.errors import Denied
from dcp_engine.hookspecs import DutyResult
from dcp_engine.model import Machine
from dcp_engine.ports import MetricQuery
from tests.unit.builtin.watched import HOUR, MINUTE, Watched, machine
from tests.unit.runs import START

PERIOD = 5 * MINUTE


class CloudWatch:
    """Knows one job deleted and two received a minute, and uses that grow with the time.

    It tells a period's numbers `lag` after its end; a queue is only reported from `queue_from` on.
    """

    def __init__(self) -> None:
        self.context: Watched | None = None
        self.lag = timedelta(0)
        self.lag_of_queue = timedelta(0)
        self.silent: set[str] = set()
        self.refuse: Exception | None = None
        self.asked: list[tuple[int, datetime, datetime, timedelta]] = []

    def data(
        self, queries: Sequence[MetricQuery], start: datetime, end: datetime, period: timedelta
    ) -> Mapping[MetricQuery, tuple[tuple[datetime, float], ...]]:
        assert self.context is not None
        if self.refuse:
            raise self.refuse
        assert len(set(queries)) == len(queries)
        assert start == series.start_of(start, period)
        assert end == series.start_of(end, period)
        assert start < end
        self.asked.append((len(queries), start, end, period))
        now = self.context.clock.now()
        return {query: tuple(self._told(query, start, end, period, now)) for query in queries}

    def _told(
        self,
        query: MetricQuery,
        start: datetime,
        end: datetime,
        period: timedelta,
        now: datetime,
    ) -> list[tuple[datetime, float]]:
        lag = self.lag_of_queue if query.namespace == "AWS/SQS" else self.lag
        if query.metric in self.silent or query.namespace in self.silent:
            return []
        moments = [start + n * period for n in range((end - start) // period)]
        return [(at, self._value(query, period)) for at in moments if at + period + lag <= now]

    def _value(self, query: MetricQuery, period: timedelta) -> float:
        minutes = period / MINUTE
        values = {
            "NumberOfMessagesDeleted": 1 * minutes,
            "NumberOfMessagesReceived": 2 * minutes,
            "NumberOfMessagesSent": 3 * minutes,
        }
        return values.get(query.metric, float(len(query.dimensions) * 10))


def watched(cloudwatch: CloudWatch, *machines: Machine, **of_run: Any) -> Watched:
    rig = Watched(use.measure, SimpleNamespace(metrics=cloudwatch), *machines, **of_run)
    cloudwatch.context = rig
    return rig


def done(result: DutyResult) -> tuple[float, datetime | None]:
    ((name, value, at),) = [(seen.name, seen.value, seen.at) for seen in result.observations]
    assert name == series.JOBS_DONE
    return value, at


def moments(results: Sequence[DutyResult], subject: str = series.RUN) -> list[datetime]:
    return sorted({s.at for result in results for s in result.samples if s.subject == subject})


def test_one_call_asks_for_everything_and_nothing_for_what_has_not_ended() -> None:
    cloudwatch = CloudWatch()
    rig = watched(cloudwatch, *map(machine, range(100)))
    rig.tick(61)
    assert [queries for queries, *_ in cloudwatch.asked] == [107] * 6
    assert all(end <= START + 55 * MINUTE for _, _, end, _ in cloudwatch.asked)
    assert done(rig.results[-1]) == (55, START + 55 * MINUTE)
    assert moments(rig.results) == [START + n * PERIOD for n in range(11)]
    sample = rig.results[-1].samples[0]
    assert sample.values == {
        series.DELETED: 1.0,
        series.RECEIVED: 2.0,
        series.SENT: 3.0,
        series.SERVICE_CPU: 20.0,
        series.SERVICE_MEMORY: 20.0,
        series.CLUSTER_CPU: 10.0,
        series.CLUSTER_MEMORY: 10.0,
    }
    one = next(s for s in rig.results[-1].samples if s.subject == machine(7).instance_id)
    assert one.values == {series.CPU: 10.0}


def test_a_run_without_any_sign_of_work_is_not_asked_about() -> None:
    cloudwatch = CloudWatch()
    rig = watched(cloudwatch)
    rig.run = replace(rig.run, jobs_seen=False, machines_seen=False)
    rig.tick(120)
    assert cloudwatch.asked == []


@settings(max_examples=50, deadline=None)
@given(
    pauses=st.lists(st.integers(1, 400), min_size=1, max_size=12),
    deaths=st.lists(st.booleans(), min_size=12, max_size=12),
    lag=st.integers(0, 14),
)
def test_no_period_is_counted_twice_or_left_out(
    pauses: list[int], deaths: list[bool], lag: int
) -> None:
    """Killed before its result is written, asleep for hours, with numbers that come late."""
    cloudwatch = CloudWatch()
    cloudwatch.lag_of_queue = lag * MINUTE
    rig = watched(cloudwatch, machine(1))
    told: list[DutyResult] = []
    for minutes, dies in zip(pauses, deaths, strict=False):
        rig.clock.advance(60 * minutes)
        result = rig.do(lose=dies)
        told += [] if dies else [result]
        now = rig.clock.now()
        for seen in [] if dies else result.observations:
            assert seen.at is not None
            # What SQS has told by now, up to the last period that was asked for.
            until = min(seen.at, series.start_of(now - cloudwatch.lag_of_queue, PERIOD))
            assert seen.value == (until - START) / MINUTE
    cloudwatch.lag_of_queue = timedelta(0)
    rig.clock.advance(3600)
    told.append(rig.do())
    last, at = done(told[-1])
    assert at is not None
    assert last == (at - START) / MINUTE
    assert moments(told) == [START + n * PERIOD for n in range((at - START) // PERIOD)]


def test_a_number_that_changes_within_half_an_hour_is_the_later_one() -> None:
    cloudwatch = CloudWatch()
    cloudwatch.silent = {"NumberOfMessagesDeleted"}
    rig = watched(cloudwatch)
    rig.clock.advance(1200)
    assert list(rig.do().observations) == []
    cloudwatch.silent = set()
    rig.clock.advance(600)
    result = rig.do()
    assert done(result) == (25, START + 25 * MINUTE)
    assert [s.at for s in result.samples if series.DELETED in s.values] == [
        START + n * PERIOD for n in range(5)
    ]


def test_what_cloudwatch_never_told_is_not_zero() -> None:
    cloudwatch = CloudWatch()
    cloudwatch.silent = {"AWS/SQS", "AWS/ECS", "AWS/EC2"}
    rig = watched(cloudwatch, machine(1))
    rig.tick(120)
    assert len(rig.results) == 12
    assert all(not result.observations and not result.samples for result in rig.results)


def test_none_deleted_is_none_done() -> None:
    cloudwatch = CloudWatch()
    rig = watched(cloudwatch)
    cloudwatch._value = lambda query, period: 0.0  # type: ignore[method-assign]  # nobody works
    rig.tick(30)
    assert done(rig.results[-1])[0] == 0


def test_after_a_day_asleep_the_machines_are_asked_after_by_hours() -> None:
    cloudwatch = CloudWatch()
    fleet = [machine(n) for n in range(300)]
    rig = watched(cloudwatch, *fleet)
    rig.tick(31)
    cloudwatch.asked.clear()
    rig.clock.advance(timedelta(days=3).total_seconds())
    result = rig.do()
    now = rig.clock.now()
    assert done(result)[0] == (series.start_of(now - PERIOD, PERIOD) - START) / MINUTE
    assert [(n, p) for n, _, _, p in cloudwatch.asked if p == HOUR] == [(300, HOUR)]
    of_one = [s for s in result.samples if s.subject == machine(1).instance_id]
    assert 24 <= len(of_one) <= 24 + 24
    assert of_one[0].at >= now - timedelta(days=1, minutes=10)
    assert len(of_one) == len({s.at for s in of_one})


def test_one_that_ended_is_asked_after_for_its_last_periods() -> None:
    cloudwatch = CloudWatch()
    rig = watched(cloudwatch, machine(1), machine(2))
    rig.tick(31)
    rig.end(machine(1).instance_id)
    asked = len(cloudwatch.asked)
    rig.tick(60)
    assert [queries for queries, *_ in cloudwatch.asked[asked:]] == [9, 9, 8, 8, 8, 8]


def test_a_run_that_was_watched_late_counts_from_its_start() -> None:
    cloudwatch = CloudWatch()
    rig = watched(cloudwatch, earliest_start=START - timedelta(days=2, minutes=3))
    rig.clock.advance(300)
    result = rig.do()
    assert done(result) == (2 * 24 * 60 + 5, START)


def test_a_start_that_turns_out_to_be_earlier_counts_anew() -> None:
    cloudwatch = CloudWatch()
    rig = watched(cloudwatch)
    rig.tick(31)
    rig.run = replace(rig.run, earliest_start=START - HOUR)
    rig.clock.advance(600)
    value, at = done(rig.do())
    assert at is not None
    assert value == (at - START + HOUR) / MINUTE


def test_a_clock_that_was_ahead_is_made_up_for() -> None:
    cloudwatch = CloudWatch()
    rig = watched(cloudwatch)
    rig.clock.advance(24 * 3600)
    rig.do()
    rig.clock.set_back(20 * 3600)
    assert done(rig.do()) == (235, START + 235 * MINUTE)


def test_what_may_not_be_read_changes_nothing_that_is_remembered() -> None:
    cloudwatch = CloudWatch()
    rig = watched(cloudwatch)
    rig.tick(31)
    before = rig.remembered
    cloudwatch.refuse = Denied("cloudwatch:GetMetricData", "AccessDenied", "no")
    rig.clock.advance(600)
    with pytest.raises(Denied):
        rig.do()
    assert rig.remembered == before
    cloudwatch.refuse = None
    value, at = done(rig.do())
    assert at is not None
    assert value == (at - START) / MINUTE
