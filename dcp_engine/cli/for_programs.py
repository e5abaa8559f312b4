"""A run as `status --json` prints it; docs/runs.md describes what is in it."""

from typing import Any

import msgspec

from dcp_engine.headcount import headcount, latest
from dcp_engine.picture import Picture
from dcp_engine.series import CLUSTER_CPU, CLUSTER_MEMORY
from dcp_engine.status import Status


def for_programs(status: Status, picture: Picture) -> dict[str, Any]:
    """Plain values for JSON: the status, and what its numbers over time tell; null for unknown."""
    count = headcount(picture.run, picture.machines, picture.numbers, picture.at)
    return {
        **status.as_json(),
        "progress": {
            **msgspec.to_builtins(picture.progress),
            "share": picture.progress.share,
        },
        "money": msgspec.to_builtins(picture.money),
        "machines_up": count.up,
        "machines_idle": count.idle,
        "machines_unnamed": count.unnamed,
        "machines_ended": count.ended,
        "machines_ended_why": dict(count.reasons),
        "cluster_cpu": latest(picture.of_run, CLUSTER_CPU, picture.at),
        "cluster_memory": latest(picture.of_run, CLUSTER_MEMORY, picture.at),
        "duties": [
            {
                "name": duty.name,
                "next_at": msgspec.to_builtins(duty.next_at),
                "failures": duty.failures,
            }
            for duty in picture.run.duties
            if picture.run.state.watches
        ],
    }
