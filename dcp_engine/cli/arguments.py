"""Arguments and options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from dcp_engine.cli.command import utf8
from dcp_engine.cli.given import complete_names

_Function = TypeVar("_Function", bound=Callable[..., Any])


def monitor_file(function: _Function) -> _Function:
    """FILE, as `startCluster` wrote it; whether it is one is for the engine to say."""
    return click.argument("file", type=click.Path(path_type=Path))(function)


def app_name(function: _Function) -> _Function:
    """APP_NAME of a run, or its id."""
    return click.argument("app_name", metavar="APP_NAME", type=utf8, shell_complete=complete_names)(
        function
    )


def cheapest(function: _Function) -> _Function:
    """Cheapest mode, on or off; None where nothing is said, which leaves it as it is."""
    return click.option(
        "--cheapest/--no-cheapest",
        default=None,
        help="Engage cheapest mode: after a while only one machine is requested, and those that "
        "are up keep working. Or leave it, as long as it has not acted.",
    )(function)


def allow_missing(function: _Function) -> _Function:
    """Register although AWS does not know the fleet."""
    return click.option(
        "--allow-missing",
        is_flag=True,
        help="Register the run although AWS does not know its fleet (any more), or names its "
        "machines for another run.",
    )(function)


def take_over(function: _Function) -> _Function:
    """Drive the run although something else does."""
    return click.option(
        "--take-over",
        is_flag=True,
        help="Take the run over from whatever else drives it or would end it: Auto-Monitor's two "
        "alarms are disarmed, and dcp-engine on another computer steps back.",
    )(function)


def yes(function: _Function) -> _Function:
    """For scripts: consent is given beforehand."""
    return click.option("--yes", is_flag=True, help="Do not ask.")(function)


def as_json(function: _Function) -> _Function:
    """For programs."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, with times in UTC.")(
        function
    )


def plain(function: _Function) -> _Function:
    """Without a live view."""
    return click.option(
        "--plain",
        is_flag=True,
        help="Print lines, one for each thing that happens, even on a terminal that could show a "
        "live view.",
    )(function)
