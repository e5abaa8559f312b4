"""A computer with dcp-engine on it: the real command, in processes of their own."""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from dcp_engine.app import App
from dcp_engine.defaults import Settings
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.surroundings import without_own_aws
from dcp_engine.status import Status
from tests.e2e.processes import Answer, Process, Terminal
from tests.e2e.waiting import until

SETTINGS: Mapping[str, str] = {
    "DCP_ENGINE_POLL_INTERVAL": "250ms",
    "DCP_ENGINE_ALARM_SWEEP_INTERVAL": "1h",
    "DCP_ENGINE_DOWNSCALE_INTERVAL": "1h",
    "DCP_ENGINE_CHEAPEST_AFTER": "1s",
    "DCP_ENGINE_EMPTY_WINDOW": "1s",
    # A slow computer may have all its jobs done before the first look at them.
    "DCP_ENGINE_FIRST_JOB_GRACE": "15s",
    "DCP_ENGINE_ORPHAN_GRACE": "2s",
    "DCP_ENGINE_LOG_SETTLE": "200ms",
    "DCP_ENGINE_REQUEST_TIMEOUT": "20s",
    "DCP_ENGINE_TICK_DEADLINE": "2m",
    "DCP_ENGINE_LEASE_TTL": "1h",
}
"""What a test waits for is short, and what must not come by itself is longer than any test.

A lease, above all, outlasts them: only that of a driver known to be dead can be taken.
"""


class Computer:
    """One database, one environment, any number of terminals."""

    def __init__(self, aws: SimulatedAws, directory: Path) -> None:
        directory.mkdir(parents=True)
        self.directory = directory
        self.database = directory / "runs.db"
        self.home = directory / "home"
        self.home.mkdir()
        self.environment: dict[str, str] = {
            **without_own_aws(os.environ),
            **aws.environment(),
            **SETTINGS,
            "DCP_ENGINE_DB": str(self.database),
            # Whoever runs the tests may have settings and a state directory of their own.
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_STATE_HOME": str(self.home / "state"),
            "PYTHONIOENCODING": "utf-8",
            "TZ": "UTC",
            "TERM": "xterm-256color",
        }
        self._terminals = 0
        self.command: Sequence[str] | None = None
        """How dcp-engine is called on this computer, where that is not as everywhere."""

    def start(self, *arguments: object, **variables: str | None) -> Process:
        """Start a command whose output goes to files, as under cron."""
        self._terminals += 1
        return Process(
            [str(argument) for argument in arguments],
            self._environment(variables),
            self.directory / f"output{self._terminals}",
            self.command,
        )

    def run(self, *arguments: object, **variables: str | None) -> Answer:
        """Run a command to its end."""
        with self.start(*arguments, **variables) as process:
            return process.until_ended()

    def in_a_terminal(
        self, *arguments: object, size: tuple[int, int] = (200, 50), **variables: str | None
    ) -> Terminal:
        """Start a command in a terminal of its own, with a keyboard."""
        words = [str(argument) for argument in arguments]
        return Terminal(words, self._environment(variables), size)

    def stored(self, name: str) -> Status | None:
        """A run as the store has it, without starting a process; None where it has none yet."""
        with closing(App(database=self.database, settings=Settings())) as app:
            return next((run for run in app.runs(live=False) if run.app_name == name), None)

    def until_state(self, name: str, *states: str) -> None:
        """Wait until a run is in one of the states."""

        def reached() -> bool:
            run = self.stored(name)
            return run is not None and run.state in states

        until(reached, lambda: self.stored(name))

    def status(self, name: str) -> dict[str, Any]:
        """How a run stands, by the command."""
        told: dict[str, Any] = json.loads(self.run("status", name, "--json").fine().out)
        return told

    def every_run(self) -> list[dict[str, Any]]:
        """Every run there is, by the command."""
        told: list[dict[str, Any]] = json.loads(self.run("list", "--all", "--json").fine().out)
        return told

    def history(self, name: str) -> list[dict[str, Any]]:
        """A run's events, by the command."""
        told: list[dict[str, Any]] = json.loads(self.run("history", name, "--json").fine().out)
        return told

    def moves(self, name: str) -> list[str]:
        """The states a run has been in, in order, by the command."""
        moves = [event["data"] for event in self.history(name) if event["kind"] == "state"]
        return [moves[0]["from"], *(move["to"] for move in moves)] if moves else []

    def _environment(self, variables: Mapping[str, str | None]) -> dict[str, str]:
        """The computer's own with these on top; None takes one away."""
        together = {**self.environment, **variables}
        return {name: value for name, value in together.items() if value is not None}
