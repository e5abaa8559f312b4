"""Who tells what goes on: a live view or lines, and where messages go."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pytest
from msgspec.structs import replace

from dcp_engine.app import App
from dcp_engine.cli import telling as module
from dcp_engine.cli.detach import Detach
from dcp_engine.cli.given import given
from dcp_engine.cli.live.telling import live
from dcp_engine.cli.monitor import monitor
from dcp_engine.cli.telling import LineTeller, drawable, telling
from dcp_engine.cli.terminal import Terminal
from dcp_engine.defaults import Settings
from dcp_engine.model import Event, Run, State
from tests.unit.cli.screen import Screen
from tests.unit.runs import START, run

Add = Callable[..., Run]


class Canvas:
    """A terminal as `dcp_engine.cli.live.device.Device` finds it."""

    ascii = False
    colour = False
    reflows = True

    def __init__(self) -> None:
        self.screen = Screen(70, 30)
        self.hushed = False

    def size(self) -> tuple[int, int]:
        return self.screen.width, self.screen.height

    def is_ours(self) -> bool:
        return True

    def hush(self) -> None:
        self.hushed = True

    def restore(self) -> None:
        self.hushed = False

    def write(self, text: str) -> None:
        self.screen.feed(text)


@pytest.fixture
def app(database: Path) -> Iterator[App]:
    opened = App(database=database, settings=Settings())
    yield opened
    opened.close()


def event(text: str) -> Event:
    return Event(id="1", run_id="Exp1-0123abcd", at=START, kind="alarms", text=text)


@pytest.fixture
def canvas() -> Any:
    """Stands for the terminal."""
    return Canvas()


def test_what_happens_is_told_above_the_view_and_stays(
    app: App, add: Add, canvas: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    held = add(run(State.RUNNING))
    with live(app, Terminal(), held, Detach("at once"), canvas) as teller:
        teller.tell(event("Deleting 3 alarms of machines, " + "and more, " * 7))
        teller.look(held)
        teller.warn("Another process drives it.")
    moment = START.astimezone()
    assert canvas.screen.lines == [
        f"          {moment:%A, %Y-%m-%d %Z}",
        f"{moment:%H:%M:%S}  alarms           Deleting 3 alarms of machines, and more,",
        "                           and more, and more, and more, and more,",
        "                           and more, and more,",
    ]
    assert "Another process drives it." in capsys.readouterr().err


def test_the_terminal_is_given_back_as_it_was(app: App, add: Add, canvas: Any) -> None:
    detach = Detach("at once")
    handler = signal.getsignal(signal.SIGCONT)
    with live(app, Terminal(), add(run(State.RUNNING)), detach, canvas):
        # As when a shell has had it, since Ctrl-Z.
        canvas.hushed = False
        signal.raise_signal(signal.SIGCONT)
        assert canvas.hushed
        # As at a second Ctrl-C.
        detach.last_act()
        assert not canvas.hushed
        canvas.hush()
    assert not canvas.hushed
    assert signal.getsignal(signal.SIGCONT) == handler


def test_messages_are_told_there_too_where_they_would_get_into_the_view(
    app: App, add: Add, canvas: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    detach = Detach("at once")
    with live(app, Terminal(), add(run(State.RUNNING)), detach, canvas) as teller:
        teller.warn("Another process drives it.")
        detach.announce("Detaching.")
    assert [line[-26:] for line in canvas.screen.lines] == [
        "Another process drives it.",
        "Detaching.",
    ]


def test_the_view_is_of_the_run_as_it_stands(
    app: App, add: Add, canvas: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = add(run(State.RUNNING), event("Registered."))
    detach = Detach("at once")
    shown: list[str] = []
    drawn = canvas.write

    def write(text: str) -> None:
        drawn(text)
        shown.extend(canvas.screen.lines)
        if any("Ctrl-C detaches" in line for line in shown):
            detach.ask()

    monkeypatch.setattr(canvas, "write", write)
    with live(app, Terminal(), replace(held, id=held.id), detach, canvas):
        assert detach.wait(60)
    assert shown[0].startswith("Exp1  RUNNING since ")


@contextmanager
def command(*options: str) -> Iterator[click.Context]:
    context = monitor.make_context("monitor", ["FILE", *options])
    with context:
        yield context


def test_the_log_and_the_view_are_not_mixed(monkeypatch: pytest.MonkeyPatch, canvas: Any) -> None:
    monkeypatch.setattr(module, "device", lambda stream, environ: canvas)
    with command("-v") as context:
        assert given(context).verbose
        assert drawable(context) is canvas
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        assert drawable(context) is None
    with command() as context:
        assert drawable(context) is canvas


@pytest.mark.parametrize("plain", [False, True])
def test_lines_where_there_is_no_terminal_or_nobody_wants_a_view(
    app: App, add: Add, canvas: Any, monkeypatch: pytest.MonkeyPatch, plain: bool
) -> None:
    found = canvas if plain else None
    monkeypatch.setattr(module, "device", lambda stream, environ: found)
    held = add(run(State.RUNNING))
    with command() as context, telling(context, app, held, Detach(""), plain=plain) as teller:
        assert isinstance(teller, LineTeller)
    assert canvas.screen.lines == []
