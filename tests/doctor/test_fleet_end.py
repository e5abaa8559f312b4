"""Whether a fleet lasts for as long as its work does."""

from datetime import UTC, datetime, timedelta

import pytest

from dcp_engine.doctor.finding import Verdict
from dcp_engine.doctor.fleet import fleet_end
from dcp_engine.doctor.memory import Memory
from dcp_engine.doctor.subject import Subject
from dcp_engine.ports import FleetFacts
from tests.doctor.conftest import Clinic, not_fine
from tests.unit.runs import FLEET_ID, run

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def facts(end: datetime | None, *, id: str = FLEET_ID, state: str = "active") -> FleetFacts:
    return FleetFacts(
        id=id,
        state=state,
        type="maintain",
        target=3,
        fulfilled=3.0,
        valid_until=end,
        observed_at=NOW,
    )


@pytest.mark.parametrize(
    ("end", "ends", "verdict", "word"),
    [
        (None, None, Verdict.FINE, "no end date"),
        (2, None, Verdict.FINE, "ends on 2030-01-03 12:00 UTC."),
        (0.5, None, Verdict.ADVICE, "jobs left or not"),
        (-0.1, None, Verdict.WRONG, "which is over"),
        (2, (0.5, 1), Verdict.FINE, "ends on 2030-01-03"),
        (2, (1, 3), Verdict.ADVICE, "between 2030-01-02 12:00 UTC and 2030-01-04 12:00 UTC"),
        (2, (3, 4), Verdict.WRONG, "between 2030-01-04 12:00 UTC and 2030-01-05 12:00 UTC"),
        (-0.1, (3, 4), Verdict.WRONG, "which is over"),
    ],
)
def test_its_end_and_that_of_the_work(
    end: float | None, ends: tuple[float, float] | None, verdict: Verdict, word: str
) -> None:
    at = None if end is None else NOW + end * DAY
    work = None if ends is None else (NOW + ends[0] * DAY, NOW + ends[1] * DAY)
    subject = Subject(run=run(), ends=work)
    finding = fleet_end(subject, {FLEET_ID: facts(at)}, DAY, NOW)
    assert finding is not None
    assert finding.verdict is verdict
    assert word in finding.text


def test_the_fleet_that_lasts_longest_counts() -> None:
    ended, lasting, over = NOW - DAY, NOW + 5 * DAY, NOW + 9 * DAY
    seen = {
        "a": facts(ended, id="a"),
        "b": facts(lasting, id="b"),
        "c": facts(over, id="c", state="cancelled"),
        "d": None,
    }
    finding = fleet_end(Subject(run=run()), seen, DAY, NOW)
    assert finding is not None
    assert "fleet b ends on 2030-01-06" in finding.text
    forever = fleet_end(Subject(run=run()), {**seen, "e": facts(None, id="e")}, DAY, NOW)
    assert forever is not None
    assert "fleet e has no end date" in forever.text


def test_of_a_fleet_that_is_over_nothing_more_is_said() -> None:
    seen = {FLEET_ID: facts(NOW + DAY, state="cancelled_terminating")}
    assert fleet_end(Subject(run=run()), seen, DAY, NOW) is None


def test_the_end_of_the_work_is_that_of_the_run(ward: Clinic) -> None:
    """As `status` tells it, from what the database keeps of the run's queue."""
    launch = ward.launch_next(jobs=60, machines=3)
    watched, memory = ward.watched(launch), Memory(ward.database)
    at_work = ward.rig.until(
        watched,
        lambda now: memory.subject(now, ward.clock.now()).ends is not None,
        every=timedelta(minutes=5),
    )
    early, late = memory.subject(at_work, ward.clock.now()).ends or pytest.fail("no end")
    launch.fleet.config["ValidUntil"] = early - timedelta(minutes=1)
    finding = not_fine(ward.of_run(at_work))["fleet-end"]
    assert finding.verdict is Verdict.WRONG
    assert f"between {early:%Y-%m-%d %H:%M} UTC and {late:%Y-%m-%d %H:%M} UTC" in finding.text
