"""Which runs are to be looked at, without reading the runs; every function needs a transaction."""

from pathlib import Path
from typing import Final

from dcp_engine.store.codec import convert
from dcp_engine.store.handle import Handle
from dcp_engine.store.protocol import Due

_LIVE: Final = "SELECT id, account, region, next_tick_at FROM runs WHERE live = 1"
# An ended run still delivers its last messages.
_TELLING: Final = (
    "SELECT runs.id, runs.account, runs.region, min(outbox.next_at) FROM outbox "
    "JOIN runs ON runs.id = outbox.run_id "
    "WHERE outbox.next_at IS NOT NULL AND runs.live = 0 GROUP BY outbox.run_id"
)


def of_all(db: Handle, path: Path) -> list[Due]:
    """Every run that is to be looked at, and when."""
    return [
        convert(
            {"run_id": run_id, "account": account, "region": region, "at": at},
            Due,
            what=f"When run {run_id} is to be looked at",
            path=path,
        )
        for sql in (_LIVE, _TELLING)
        for run_id, account, region, at in db.execute(sql)
    ]


def wished(db: Handle) -> list[str]:
    """The ids of the runs of which something is asked."""
    rows = db.execute("SELECT DISTINCT run_id FROM requests WHERE consumed = 0")
    return [str(run_id) for (run_id,) in rows]
