"""Telling a fleet that works for somebody else, though a monitor file names it.

The worker calls its machine APP_NAMEWorker when it starts (Distributed-CellProfiler's
run-worker.sh). In a shared cluster another run's worker may be placed on a machine of ours, so one
name of ours among the machines is enough for a fleet to be ours.
"""

from dcp_engine.model import Names
from dcp_engine.ports import Aws

_WORKER = "Worker"


def works_for(aws: Aws, names: Names, fleet_id: str) -> str | None:
    """Whose names the machines of the fleet carry, where none carries ours; None otherwise.

    A fleet without a machine that was named yet tells nothing. Raises AwsError.
    """
    workers = {name for name in aws.machines.names(fleet_id) if name.endswith(_WORKER)}
    if not workers or names.worker in workers:
        return None
    return ", ".join(sorted(name.removesuffix(_WORKER) for name in workers))
