"""Garbage is looked for by whatever goes on for long, and by nothing that is over at once."""

import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import Result
from msgspec.structs import replace

from dcp_engine.app import App
from dcp_engine.cli import status_watch
from dcp_engine.cli.root import BRIEF, COMMANDS, cli
from dcp_engine.model import Run, State
from tests.unit.runs import NAMES, run

Invoke = Callable[..., Result]
Add = Callable[..., Run]


@pytest.fixture
def off() -> Iterator[None]:
    """As `main` leaves it to the commands."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_that_may_last_looks_for_it(off: None, name: str) -> None:
    assert cli.get_command(click.Context(cli), name) is not None
    assert gc.isenabled() == (name not in BRIEF)


def test_one_of_a_plugin_s_looks_for_it(off: None) -> None:
    cli.get_command(click.Context(cli), "theirs")
    assert gc.isenabled()


@pytest.mark.parametrize("runs", [1, 2])
def test_tick_looks_for_it_where_there_are_many_runs(
    off: None, invoke: Invoke, add: Add, monkeypatch: pytest.MonkeyPatch, runs: int
) -> None:
    seen: list[bool] = []

    def tick_all(self: App, names: list[str]) -> dict[str, object]:
        seen.append(gc.isenabled())
        return {}

    monkeypatch.setattr(App, "tick_all", tick_all)
    for number in range(runs):
        names = replace(NAMES, app_name=f"Exp{number}")
        add(run(State.RUNNING, id=f"Exp{number}-1", names=names))
    assert invoke("tick", "--all").exit_code == 0
    assert seen == [runs > 1]


@pytest.mark.parametrize("args", [(), ("Exp1",)])
def test_status_looks_for_it_where_it_watches(
    off: None, invoke: Invoke, add: Add, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]
) -> None:
    seen: list[bool] = []
    for name in ("watch_all", "watch_one"):
        monkeypatch.setattr(status_watch, name, lambda *_, **__: seen.append(gc.isenabled()))
    add(run(State.RUNNING))
    assert invoke("status", *args).exit_code == 0
    assert not gc.isenabled()
    assert invoke("status", *args, "--watch").exit_code == 0
    assert seen == [True]


def test_the_real_command_turns_it_off_before_it_loads_anything(tmp_path: Path) -> None:
    code = (
        "import gc\n"
        "before = gc.get_stats()\n"
        "from dcp_engine.cli import main\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    print(gc.isenabled(), gc.get_stats()[1:] == before[1:])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "status", "--db", str(tmp_path / "missing.db")],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.splitlines()[-1] == "False True"
