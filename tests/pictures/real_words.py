"""What the program says of the runs in the pictures, in its own words."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from dcp_engine import series
from dcp_engine.builtin import alarms
from dcp_engine.builtin.troubles.scene import Scene
from dcp_engine.builtin.troubles.work import stalled
from dcp_engine.defaults import Settings
from dcp_engine.hookspecs import Context
from dcp_engine.model import Machine, Run
from dcp_engine.series import Bucket, Spread

_PERIOD = timedelta(minutes=5)


def no_job_was_done(run: Run, machines: Sequence[Machine], since: datetime, until: datetime) -> str:
    """That no job was done for so long; before that, one took 4 minutes on average."""
    left = run.reading.total if run.reading else 0
    in_flight = 60
    buckets = []
    at = since - timedelta(hours=4)
    while at < until:
        pace = in_flight / 4 if at < since else 0
        still_to_do = left + in_flight / 4 * max(0, (since - at) / timedelta(minutes=1))
        values = {
            series.VISIBLE: still_to_do - in_flight,
            series.IN_FLIGHT: in_flight,
            series.DELAYED: 0,
            series.MACHINES: len(machines),
            series.DELETED: pace,
            series.RECEIVED: pace,
        }
        spreads = {name: Spread(value, value, value) for name, value in values.items()}
        buckets.append(Bucket(at=at, span=timedelta(0), values=spreads, subject=series.RUN))
        at += _PERIOD
    found = stalled(
        Scene(run=run, now=until, settings=Settings(), numbers=buckets, machines=machines)
    )
    assert isinstance(found, str)
    return found


def somebody_altered(run: Run, name: str, difference: str) -> str:
    """That somebody altered an idle alarm."""
    context = cast("Context", SimpleNamespace(run=run))
    words: Any = alarms._altered
    return str(words(context, {name: difference}))
