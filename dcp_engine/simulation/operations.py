"""All operations that the simulation carries out itself, or corrects; moto does the rest."""

from collections.abc import Mapping

from dcp_engine.simulation import (
    alarm_api,
    ecs_api,
    fleet_api,
    identity_api,
    instance_api,
    logs_api,
    policy_api,
    queue_api,
    tag_api,
    volume_api,
)
from dcp_engine.simulation.call import Handler


def all_operations() -> Mapping[str, Handler]:
    """`service:Operation` to its handler."""
    return {
        **alarm_api.OPERATIONS,
        **ecs_api.OPERATIONS,
        **fleet_api.OPERATIONS,
        **identity_api.OPERATIONS,
        **instance_api.OPERATIONS,
        **logs_api.OPERATIONS,
        **policy_api.OPERATIONS,
        **queue_api.OPERATIONS,
        **tag_api.OPERATIONS,
        **volume_api.OPERATIONS,
    }
