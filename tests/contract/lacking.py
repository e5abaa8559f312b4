"""What ministack does not have, of the operations that the engine makes.

`test_operations.py` asks it for every operation: those listed here must be answered with "unknown",
and all others must not.
"""

from dcp_engine.aws import operations as op

LACKING = frozenset(
    {
        op.DESCRIBE_FLEETS,
        op.DESCRIBE_FLEET_INSTANCES,
        op.DESCRIBE_FLEET_HISTORY,
        op.MODIFY_FLEET,
        op.CANCEL_FLEETS,
        op.DESCRIBE_SPOT_PRICES,
        op.DEREGISTER_CONTAINER_INSTANCE,
        op.CREATE_EXPORT_TASK,
        op.DESCRIBE_EXPORT_TASKS,
    }
)

HOLLOW = frozenset({op.DESCRIBE_CONTAINER_INSTANCES})
"""Answered, but without anything in it, whatever is asked: `test_differences.py` shows that."""

SAYS_UNKNOWN = ("InvalidAction", "InvalidOperationException")
"""How ministack says that it does not have an operation."""
