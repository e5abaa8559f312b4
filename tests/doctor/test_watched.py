"""Whether anybody looks after a run, by what the database and the fleets' marks tell."""

from datetime import timedelta
from pathlib import Path

import pytest

from dcp_engine.doctor.finding import Finding, Verdict
from dcp_engine.doctor.subject import Subject
from dcp_engine.doctor.watched import watched
from dcp_engine.driver_tag import KEY, DriverTag
from dcp_engine.errors import AwsError, Transient
from dcp_engine.model import Holder, Lease, State
from dcp_engine.ports import FleetFacts
from dcp_engine.status import status_of
from tests.unit.runs import FLEET_ID, START, run

NOW = START + timedelta(hours=3)
DRIVER = Holder(host="laptop/1", pid=17, started=1.0, label="dcp-engine monitor")
MINUTE = timedelta(minutes=1)


def registered(*, looked: timedelta | None, lease: bool = False) -> Subject:
    """A run that was last looked at so long ago, and was to be looked at again a minute later."""
    last = None if looked is None else NOW - looked
    known = run(State.RUNNING, last_tick_at=last, next_tick_at=(last or NOW) + MINUTE)
    held = Lease(run_id=known.id, token=1, holder=DRIVER, until=NOW + MINUTE) if lease else None
    status = status_of(known, lease=held, requests=[], machines_seen=0, now=NOW)
    return Subject(run=known, status=status)


def marked(store: str, *, lasts: timedelta = timedelta(hours=1)) -> dict[str, FleetFacts | None]:
    """The fleet with the mark of a store."""
    mark = str(DriverTag(store=store, until=NOW + lasts))
    facts = FleetFacts(
        id=FLEET_ID,
        state="active",
        type="maintain",
        target=3,
        fulfilled=3.0,
        tags={KEY: mark},
        observed_at=NOW,
    )
    return {FLEET_ID: facts}


def looked_at(subject: Subject, fleets: dict[str, FleetFacts | None] | AwsError) -> Finding:
    return watched(subject, fleets, "ours", NOW)


@pytest.mark.parametrize(
    ("subject", "verdict", "word"),
    [
        (registered(looked=MINUTE, lease=True), Verdict.FINE, "driven by dcp-engine monitor"),
        (registered(looked=MINUTE), Verdict.FINE, "the last look was a minute ago"),
        (registered(looked=20 * MINUTE), Verdict.FINE, "20 minutes ago"),
        (registered(looked=120 * MINUTE), Verdict.WRONG, "Nobody has looked at Exp1 for 2 hours"),
        (registered(looked=120 * MINUTE, lease=True), Verdict.FINE, "process 17 on laptop"),
        (registered(looked=None), Verdict.ADVICE, "nobody has looked at it yet"),
        (Subject(run=run()), Verdict.ADVICE, "not registered in this database"),
    ],
)
@pytest.mark.parametrize(
    "fleets",
    [
        {},
        {FLEET_ID: None},
        marked("ours"),
        marked("theirs", lasts=-MINUTE),
        Transient("a", "b", ""),
    ],
)
def test_who_looks(
    subject: Subject,
    verdict: Verdict,
    word: str,
    fleets: dict[str, FleetFacts | None] | AwsError,
) -> None:
    finding = looked_at(subject, fleets)
    assert finding.verdict is verdict
    assert word in finding.text


@pytest.mark.parametrize(
    ("subject", "command"),
    [
        (registered(looked=120 * MINUTE), "dcp-engine resume Exp1"),
        (registered(looked=None), "dcp-engine resume Exp1"),
        (
            Subject(run=run(), file=Path("my files/Exp1.json")),
            "dcp-engine monitor 'my files/Exp1.json'",
        ),
    ],
)
def test_how_to_have_it_watched(subject: Subject, command: str) -> None:
    assert looked_at(subject, {}).copy == command
    elsewhere = looked_at(subject, marked("theirs"))
    assert elsewhere.verdict is Verdict.ADVICE
    assert "on another computer" in elsewhere.text
    assert elsewhere.copy == f"{command} --take-over"
