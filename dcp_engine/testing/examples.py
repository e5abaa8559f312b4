"""Values to hand to a plugin's functions directly, where no engine is needed."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from dcp_engine.model import Event, Fleet, Identities, Names, Reading, Run, State

_START: Final = datetime(2030, 1, 1, 12, tzinfo=UTC)
_RUN_ID: Final = "Exp1-0123abcd"


def example_run(**changes: Any) -> Run:
    """A run that works: `Exp1`, RUNNING, 2 machines, 6 jobs waiting and 2 in flight.

    Any field of `Run` may be given instead. Two runs with the same `changes` are equal.
    """
    facts: dict[str, Any] = {
        "id": _RUN_ID,
        "names": Names(
            app_name="Exp1",
            cluster="default",
            queue="Exp1Queue",
            bucket="exp1-bucket",
            log_group="Exp1",
            clean_dashboard=True,
        ),
        "account": "123456789012",
        "region": "us-east-1",
        "registered_at": _START,
        "earliest_start": _START,
        "state": State.RUNNING,
        "state_since": _START,
        "identities": Identities(
            queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/Exp1Queue",
            queue_created_at=_START,
        ),
        "fleets": (
            Fleet(
                id="sfr-11111111-2222-3333-4444-555555555555",
                added_at=_START,
                start_time=_START,
                state="active",
                type="maintain",
                target=2,
                fulfilled=2.0,
                active=2,
                observed_at=_START,
            ),
        ),
        "reading": Reading(visible=6, in_flight=2, delayed=0, at=_START),
        "jobs_seen": True,
        "machines_seen": True,
        "dead_letters": 0,
    }
    return Run(**{**facts, **changes})


def example_event(kind: str, text: str, **data: Any) -> Event:
    """An event of `example_run`, told a minute after that was registered.

    The same arguments make an event with the same id, as a repeated telling has it.
    """
    return Event(
        id=uuid.uuid5(uuid.NAMESPACE_OID, repr((kind, text, data))).hex,
        run_id=_RUN_ID,
        at=_START + timedelta(minutes=1),
        kind=kind,
        text=text,
        data=data,
    )
