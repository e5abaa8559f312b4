"""Drawing again and again: whatever becomes of the terminal or the view, the watch goes on."""

import errno
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime

import pytest

from dcp_engine.cli.live.painter import Look, Painter, View
from dcp_engine.cli.live.paper import Line, Paper
from dcp_engine.errors import StoreUnwritable
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.unit.cli.screen import Screen


class Canvas:
    """A terminal of these tests."""

    ascii = False
    colour = False
    reflows = True

    def __init__(self) -> None:
        self.screen = Screen(60, 20)
        self.ours = True
        self.hushed = 0
        self.told: list[str] = []
        self.trouble: OSError | None = None

    def size(self) -> tuple[int, int]:
        return self.screen.width, self.screen.height

    def is_ours(self) -> bool:
        return self.ours

    def hush(self) -> None:
        self.hushed += 1

    def write(self, text: str) -> None:
        if self.trouble:
            raise self.trouble
        self.told.append(text)
        self.screen.feed(text)


class Bench:
    """A painter whose turns are taken one by one, on a clock of its own."""

    def __init__(self) -> None:
        self.canvas = Canvas()
        self.clock = VirtualClock()
        self.looks = 0
        self.takes = 0.0
        self.trouble: Exception | None = None
        self.gone = 0
        self.text = "view"
        self.painter = Painter(self.canvas, self.source(), self.clock, gone=self.is_gone)

    def is_gone(self) -> None:
        self.gone += 1

    @contextmanager
    def source(self) -> Iterator[Look]:
        yield self.look

    def look(self) -> View:
        self.looks += 1
        self.clock.advance(self.takes)
        if self.trouble:
            raise self.trouble
        seen = self.looks

        def view(now: datetime, paper: Paper) -> Sequence[Line]:
            shown = f"{self.text} {seen} at {now:%S}"
            return [Line(shown, len(shown)), Line("keys", 4)]

        return view

    def turn(self, seconds: float = 0.0) -> bool:
        self.clock.advance(seconds)
        return self.painter.turn(self.look)

    @property
    def shown(self) -> list[str]:
        return self.canvas.screen.lines


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_what_is_said_stays_above_the_view(bench: Bench) -> None:
    bench.painter.say("first")
    bench.turn()
    bench.painter.say("second")
    bench.turn(1)
    assert bench.shown == ["first", "second", "view 2 at 01", "keys"]


def test_nothing_is_written_where_nothing_has_changed(bench: Bench) -> None:
    bench.turn()
    for _ in range(3):
        bench.turn(0.25)
    assert len(bench.canvas.told) == 1
    bench.turn(0.25)
    assert len(bench.canvas.told) == 2


def test_a_window_is_drawn_anew_when_it_has_come_to_rest(bench: Bench) -> None:
    bench.turn()
    told = len(bench.canvas.told)
    for width in (50, 40, 30, 12):
        bench.canvas.screen.resize(width, 20)
        bench.turn(0.1)
    assert len(bench.canvas.told) == told
    bench.turn(0.1)
    assert len(bench.canvas.told) == told + 1
    assert bench.shown == ["view 1 at 00", "keys"]


def test_news_is_looked_at_at_once(bench: Bench) -> None:
    bench.turn()
    bench.painter.news()
    bench.turn(0.1)
    assert bench.looks == 2


def test_a_large_run_is_not_looked_at_all_the_time(bench: Bench) -> None:
    bench.takes = 3.0
    bench.turn()
    for _ in range(20):
        bench.painter.news()
        bench.turn(1)
    assert bench.looks == 1
    assert bench.shown[0].startswith("view 1 at 2")
    for _ in range(10):
        bench.turn(1)
    assert bench.looks == 2


def test_in_the_background_nothing_is_drawn(bench: Bench) -> None:
    bench.turn()
    bench.canvas.screen.feed("\r\n[1]+ dcp-engine &\r\n")
    bench.canvas.ours = False
    bench.painter.say("event")
    bench.turn(2)
    bench.turn(2)
    before = ["view 1 at 00", "keys", "[1]+ dcp-engine &", "event"]
    assert bench.shown == before
    assert bench.canvas.hushed == 1
    bench.canvas.ours = True
    bench.turn(2)
    assert bench.shown == [*before, "view 2 at 06", "keys"]
    assert bench.canvas.hushed == 2


def test_after_a_stop_it_is_drawn_below_what_the_shell_said(bench: Bench) -> None:
    bench.turn()
    bench.canvas.screen.feed("\r\n[1]+ Stopped\r\n")
    bench.painter.afresh()
    bench.turn()
    assert bench.shown[2:] == ["[1]+ Stopped", "view 1 at 00", "keys"]


@pytest.mark.parametrize("number", [errno.EIO, errno.EBADF, errno.EPIPE])
def test_a_terminal_that_is_gone_is_told_once(bench: Bench, number: int) -> None:
    bench.turn()
    bench.canvas.trouble = OSError(number, "gone")
    bench.painter.say("event")
    assert not bench.turn()
    assert bench.gone == 1


def test_what_cannot_be_read_leaves_the_view_as_it_was(bench: Bench) -> None:
    bench.turn()
    bench.trouble = StoreUnwritable("The database is locked.")
    bench.turn(1)
    bench.turn(1)
    bench.turn(1)
    said = "What is shown is not up to date: The database is locked."
    assert bench.shown == [said, "view 1 at 03", "keys"]
    bench.trouble = None
    bench.turn(1)
    assert bench.shown == [said, "view 5 at 04", "keys"]


def test_a_view_that_fails_is_left_out_and_the_rest_goes_on(bench: Bench) -> None:
    bench.turn()
    bench.trouble = ZeroDivisionError("division by zero")
    bench.painter.say("event")
    assert bench.turn(1)
    bench.painter.say("another")
    assert bench.turn(1)
    assert bench.turn(1)
    first, failed, last = bench.shown
    assert (first, last) == ("event", "another") or (first, failed) == ("event", "another")
    assert any("--plain" in line and "ZeroDivisionError" in line for line in bench.shown)


@pytest.mark.parametrize(
    ("leave", "left"), [(False, ["event"]), (True, ["event", "view 1 at 00", "keys"])]
)
def test_at_the_end_the_view_is_gone_or_stays(bench: Bench, leave: bool, left: list[str]) -> None:
    bench.painter.say("event")
    bench.turn()
    bench.painter.start()
    bench.painter.stop(leave=leave, patience=None)
    assert bench.shown == left


class Blocked(Canvas):
    """A terminal that takes nothing, as after Ctrl-S."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()
        self.freed = threading.Event()

    def write(self, text: str) -> None:
        self.asked.set()
        self.freed.wait()
        super().write(text)


def test_nobody_waits_for_a_terminal_that_takes_nothing() -> None:
    bench = Bench()
    canvas = Blocked()
    painter = Painter(canvas, bench.source(), bench.clock, gone=bench.is_gone)
    painter.start()
    canvas.asked.wait()
    for number in range(1000):
        painter.say(str(number))
        painter.news()
    painter.stop(patience=0.0)
    assert canvas.screen.lines == []
    canvas.freed.set()
    painter.stop(patience=None)
    assert [line for line in canvas.screen.lines if line.isdigit()] == list(map(str, range(1000)))


def test_a_source_that_cannot_be_opened_does_not_silence_it() -> None:
    class Broken(AbstractContextManager[Look]):
        def __enter__(self) -> Look:
            raise ImportError("no module")

        def __exit__(self, *error: object) -> None:
            """It was never entered."""

    bench = Bench()
    painter = Painter(bench.canvas, Broken(), bench.clock, gone=bench.is_gone)
    painter.start()
    painter.say("event")
    painter.stop(patience=None)
    assert "event" in bench.shown
    assert any("ImportError" in line for line in bench.shown)
