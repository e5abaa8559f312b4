"""Asking EC2 whether a change would be allowed, without making it.

With DryRun EC2 does nothing and answers DryRunOperation or UnauthorizedOperation (Amazon EC2 API
Reference, "Common query parameters"). An emulator may take no notice of it and really act, so a
question that changes nothing goes first: only who answers that one as EC2 does is asked further.
"""

from collections.abc import Sequence
from typing import Any

from dcp_engine.aws import operations as op
from dcp_engine.aws.edge import Edge
from dcp_engine.aws.operations import Operation
from dcp_engine.errors import Denied, Invalid

_WOULD_HAVE = "DryRunOperation"


class DryRuns:
    """The part of `Access` that Amazon EC2 answers."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    def may_cancel(self, fleet_ids: Sequence[str]) -> bool | None:
        """Whether these fleets may be cancelled with their machines; None where it cannot be told.

        AWS checks only the permission, not the state of the fleets.
        """
        return self._may(
            op.DRY_CANCEL_FLEETS,
            fleet_ids[0],
            SpotFleetRequestIds=list(fleet_ids),
            TerminateInstances=True,
        )

    def may_terminate(self, fleet_id: str, instance_ids: Sequence[str]) -> bool | None:
        """Whether these machines of a fleet may be ended; None where it cannot be told."""
        return self._may(op.DRY_TERMINATE_INSTANCES, fleet_id, InstanceIds=list(instance_ids))

    def _may(self, operation: Operation, fleet_id: str, **params: Any) -> bool | None:
        harmless = self._answer(op.DRY_DESCRIBE_FLEETS, SpotFleetRequestIds=[fleet_id])
        # Whoever may not even look gets no answer that shows whether dry runs are known here.
        return self._answer(operation, **params) if harmless else None

    def _answer(self, operation: Operation, **params: Any) -> bool | None:
        """Whether it would have been allowed; None where it was carried out as if it were meant."""
        try:
            self._edge.call(operation, **params)
        except Invalid as error:
            if error.code != _WOULD_HAVE:
                raise
            return True
        except Denied:
            return False
        return None
