"""Runs and readings to test with."""

from datetime import UTC, datetime, timedelta
from typing import Any

from dcp_engine.model import Fleet, Identities, Names, Reading, Run, State

START = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
FLEET_ID = "sfr-11111111-2222-3333-4444-555555555555"
NAMES = Names(
    app_name="Exp1",
    cluster="default",
    queue="Exp1Queue",
    bucket="exp-bucket",
    log_group="Exp1",
    clean_dashboard=True,
)


def reading(visible: int = 0, in_flight: int = 0, delayed: int = 0, *, at: float = 0) -> Reading:
    """A reading `at` seconds after START."""
    return Reading(
        visible=visible,
        in_flight=in_flight,
        delayed=delayed,
        at=START + timedelta(seconds=at),
    )


def fleet(**changes: Any) -> Fleet:
    """A live fleet with three machines."""
    facts: dict[str, Any] = {
        "id": FLEET_ID,
        "added_at": START,
        "start_time": START,
        "state": "active",
        "type": "maintain",
        "target": 3,
        "fulfilled": 3.0,
        "active": 3,
        "observed_at": START,
    }
    return Fleet(**{**facts, **changes})


def run(state: State = State.PENDING, **changes: Any) -> Run:
    """A run registered at START whose queue has been seen."""
    facts: dict[str, Any] = {
        "id": "Exp1-0123abcd",
        "names": NAMES,
        "account": "123456789012",
        "region": "us-east-1",
        "registered_at": START,
        "earliest_start": START,
        "state": state,
        "state_since": START,
        "fleets": (fleet(),),
        "identities": Identities(queue_url="http://queue/Exp1Queue", queue_created_at=START),
    }
    return Run(**{**facts, **changes})
