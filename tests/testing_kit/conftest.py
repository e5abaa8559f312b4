"""The kit's fixtures, as `pytest_plugins = ["dcp_engine.testing"]` gives them to a plugin's tests.

That line itself is for the uppermost conftest of a project; the template in docs/writing-plugins.md
has it, and is run as it stands.
"""

from dcp_engine.testing import bench, service_models_are_read_once

__all__ = ["bench", "service_models_are_read_once"]
