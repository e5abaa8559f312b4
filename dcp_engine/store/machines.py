"""The machines of a run; every function needs a transaction."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from dcp_engine.model import Machine
from dcp_engine.store.codec import encode, stamp, stamp_or_none, undecodable
from dcp_engine.store.handle import Handle

_COLUMNS: Final = ("instance_id", "fleet_id", "first_seen", "ended_at")

# Whatever is known of a machine beyond that.
_DETAILS: Final = msgspec.json.Decoder(
    msgspec.defstruct(
        "Details",
        [
            (field.name, field.type, field.default)
            for field in msgspec.structs.fields(Machine)
            if field.name not in _COLUMNS
        ],
    )
)


def record(db: Handle, run_id: str, machines: Sequence[Machine]) -> None:
    """Add machines, or put what is known of them now in place of what was."""
    for machine in machines:
        details = {
            name: value
            for name, value in msgspec.structs.asdict(machine).items()
            if name not in _COLUMNS and value is not None
        }
        db.execute(
            "INSERT INTO machines (run_id, instance_id, fleet_id, first_seen, ended_at, details) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (run_id, instance_id) DO UPDATE SET "
            "fleet_id = excluded.fleet_id, first_seen = excluded.first_seen, "
            "ended_at = excluded.ended_at, details = excluded.details",
            [
                run_id,
                machine.instance_id,
                machine.fleet_id,
                stamp(machine.first_seen),
                stamp_or_none(machine.ended_at),
                encode(details) if details else None,
            ],
        )


def of_run(db: Handle, path: Path, run_id: str) -> list[Machine]:
    """Every machine ever recorded, oldest first."""
    rows = db.execute(
        f"SELECT {', '.join(_COLUMNS)}, details FROM machines "
        "WHERE run_id = ? ORDER BY first_seen, rowid",
        [run_id],
    )
    return [_machine(row, path, run_id) for row in rows]


def _machine(row: Sequence[Any], path: Path, run_id: str) -> Machine:
    instance_id, fleet_id, first_seen, ended_at, details = row
    try:
        # There may be thousands, and this is five times as fast as to convert them.
        return Machine(
            instance_id=instance_id,
            fleet_id=fleet_id,
            first_seen=datetime.fromisoformat(first_seen),
            ended_at=None if ended_at is None else datetime.fromisoformat(ended_at),
            **(msgspec.structs.asdict(_DETAILS.decode(details)) if details else {}),
        )
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError, ValueError) as error:
        what = f"Machine {instance_id} of run {run_id}"
        raise undecodable(what, path, error) from error
