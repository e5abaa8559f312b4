"""A run that works for days."""

from pathlib import Path

from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.runs import Scenario
from dcp_engine.simulation.server import SimulatedAws


def launch_for_days(aws: SimulatedAws, directory: Path, name: str = "Exp1") -> Launch:
    """Started, with one machine at its only job."""
    return launch_run(
        aws,
        name,
        jobs=1,
        machines=1,
        directory=directory,
        visibility_timeout=500_000,
        scenario=Scenario(job_duration=(400_000.0, 400_001.0)),
    )
