"""A kit for testing plugins: the real engine, on a clock that takes no time, over a simulated AWS.

In the `conftest.py` beside a plugin's tests:

    pytest_plugins = ["dcp_engine.testing"]

Then a test asks for the fixture `bench`, a `Bench`:

    def test_it_tells_the_end(bench):
        bench.install("my-alerts", my_alerts, table={"channel": "#imaging"})
        bench.run(State.EXPORTED)

It needs the extra `dcp-engine[testing]`. Nothing here speaks to AWS, and no test waits.
"""

try:
    import moto  # noqa: F401 - only to say in words that it is not there
    import pytest  # noqa: F401 - as above
except ImportError as error:
    raise ImportError(
        f"dcp_engine.testing needs {error.name}, which is not installed. Type: "
        "pip install 'dcp-engine[testing]'"
    ) from error

from dcp_engine.defaults import Settings
from dcp_engine.model import Event, Run, State
from dcp_engine.plugin_facts import PluginFailure
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.runs import Scenario
from dcp_engine.testing.examples import example_event, example_run
from dcp_engine.testing.fixtures import bench, service_models_are_read_once
from dcp_engine.testing.outbox import Undelivered
from dcp_engine.testing.workbench import Bench, BenchError

__all__ = [
    "Bench",
    "BenchError",
    "Event",
    "Fault",
    "PluginFailure",
    "Run",
    "Scenario",
    "Settings",
    "State",
    "Undelivered",
    "bench",
    "example_event",
    "example_run",
    "service_models_are_read_once",
]
