"""The engine's own behaviours, each a plugin with the rights of anyone's plugin."""

from dcp_engine.builtin import (
    alarms,
    cheapest,
    cluster,
    dashboard,
    downscale,
    logs,
    notifications,
    queue,
    service,
)


def built_in() -> dict[str, object]:
    """Every built-in plugin by its name."""
    return {
        "alarms": alarms,
        "downscale": downscale,
        "cheapest": cheapest,
        "service": service,
        "queue": queue,
        "cluster": cluster,
        "dashboard": dashboard,
        "logs": logs,
        "notifications": notifications,
    }
