"""The engine's own behaviours, each a plugin with the rights of anyone's plugin."""

from collections.abc import Mapping
from importlib import import_module
from typing import Final

_HERE = __name__

BUILT_IN: Final[Mapping[str, str]] = {
    name: f"{_HERE}.{name}"
    for name in (
        "logs",
        "dashboard",
        "cluster",
        "queue",
        "service",
        "cheapest",
        "downscale",
        "alarms",
        "labels",
        "unjoined",
        "use",
        "prices",
        "troubles",
        # It takes its time, so the others go first.
        "idle_alarms",
        "report",
        "notifications",
    )
}
"""Every built-in plugin: name → module."""


def built_in() -> dict[str, object]:
    """Every built-in plugin by its name, loaded."""
    return {name: import_module(module) for name, module in BUILT_IN.items()}
