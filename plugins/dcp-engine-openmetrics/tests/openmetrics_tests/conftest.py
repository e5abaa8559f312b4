"""The kit."""

from dcp_engine.testing import bench, service_models_are_read_once

__all__ = ["bench", "service_models_are_read_once"]
