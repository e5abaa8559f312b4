"""Draws a view again and again, in a thread of its own: whoever drives a run never waits for it."""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final, Protocol

import msgspec

from dcp_engine.cli.live.paper import Line, Paper
from dcp_engine.cli.live.region import Region, in_terminal
from dcp_engine.clock import Clock
from dcp_engine.errors import EngineError

_LOG: Final = logging.getLogger(__name__)

# Seconds. So soon a window that changes its size is drawn anew.
_BREATH: Final = 0.25
# So often moments and spans are brought up to date.
_BEAT: Final = 1.0
# Looking takes no more than this part of the time, however large a run grows.
_SHARE: Final = 0.1
# How long the end waits for a terminal that takes nothing.
_PATIENCE: Final = 2.0
# So many rows stay free for what scrolls by, of a window that is not too small for it.
_FREE: Final = 4
_LOW: Final = 16

View = Callable[[datetime, Paper], Sequence[Line]]
"""What was seen, as it is drawn at a moment."""
Look = Callable[[], View]
"""Looks at what is to be drawn. Raises EngineError."""


class Canvas(Protocol):
    """A terminal; see `dcp_engine.cli.live.device`."""

    ascii: bool
    colour: bool
    reflows: bool

    def size(self) -> tuple[int, int]:
        """Columns and rows."""

    def is_ours(self) -> bool:
        """Whether it may be drawn on now."""

    def hush(self) -> None:
        """Let no key show that is pressed."""

    def write(self, text: str) -> None:
        """Write all of it. Raises OSError when the terminal is gone."""


class _Said(msgspec.Struct, frozen=True):
    text: str


class _News(msgspec.Struct, frozen=True):
    """Something has changed."""


class _Afresh(msgspec.Struct, frozen=True):
    """Somebody else has written to the terminal."""


class _End(msgspec.Struct, frozen=True):
    leave: bool


class Painter:
    """Everything that is written to a terminal while a view is shown, in order.

    Its methods, but `run` and `turn`, may be called from any thread and in a signal handler, and
    never wait (docs.python.org, `queue.SimpleQueue.put`).
    """

    def __init__(
        self,
        canvas: Canvas,
        source: AbstractContextManager[Look],
        clock: Clock,
        *,
        gone: Callable[[], None],
        every: float = _BEAT,
    ) -> None:
        """`source` is entered and left in the thread that draws.

        `gone` is called once the terminal is; `every` are the seconds between two looks.
        """
        self._canvas = canvas
        self._source = source
        self._clock = clock
        self._gone = gone
        self._every = every
        self._heard: queue.SimpleQueue[_Said | _News | _Afresh | _End] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self.run, name="painter", daemon=True)
        self._region = Region(reflows=canvas.reflows)
        self._view: View | None = None
        self._trouble: str | None = None
        self._broken = False
        self._ours = False
        self._next_look = 0.0
        self._next_beat = 0.0
        self._size: tuple[int, int] | None = None
        self._shown: tuple[Sequence[Line], tuple[int, int]] | None = None

    def start(self) -> None:
        """Begin to draw."""
        self._thread.start()

    def say(self, text: str) -> None:
        """A line that stays, above the view."""
        self._heard.put(_Said(text))

    def news(self) -> None:
        """Look again."""
        self._heard.put(_News())

    def afresh(self) -> None:
        """The terminal was somebody else's for a while: draw below what they wrote."""
        self._heard.put(_Afresh())

    def stop(self, *, leave: bool = False, patience: float | None = _PATIENCE) -> None:
        """End it; with `leave` the last view stays.

        Waits so many seconds for what is still to be said; with None for as long as it takes.
        """
        self._heard.put(_End(leave))
        self._thread.join(patience)

    def run(self) -> None:
        """Draw until the end."""
        try:
            with self._source as look:
                while self.turn(look, _BREATH):
                    pass
        except Exception as error:  # noqa: BLE001 - what is said is shown all the same
            self._break(error)
            while self.turn(_nothing, _BREATH):
                pass

    def turn(self, look: Look, wait: float = 0.0) -> bool:
        """Draw what has changed, after `wait` seconds without news; False when that was the end."""
        heard = self._all_heard(wait)
        above = "".join(f"{one.text}\n" for one in heard if isinstance(one, _Said))
        ours = self._canvas.is_ours()
        if ours and not self._ours:
            self._canvas.hush()
        self._ours = ours
        if not ours or any(isinstance(one, _Afresh) for one in heard):
            self._region.forget()
            self._shown = None
        end = next((one for one in heard if isinstance(one, _End)), None)
        try:
            if end is not None:
                told = self._region.leave() if end.leave and not above else self._wiped()
                self._canvas.write(told + in_terminal(above))
            elif ours:
                self._draw(look, above, news=any(isinstance(one, _News) for one in heard))
            elif above:
                self._canvas.write(in_terminal(above))
        except OSError:
            self._gone()
            return False
        return end is None

    def _draw(self, look: Look, above: str, *, news: bool) -> None:
        size, before = self._canvas.size(), self._size
        now = self._clock.monotonic()
        self._size = size
        if size != before and before is not None and not above:
            # What is too high for a window while it is being dragged cannot be taken back.
            return
        changed = self._shown is None or self._shown[1] != size
        if not (news or above or changed) and now < self._next_beat:
            return
        self._next_beat = now + _BEAT
        lines = self._lines(look, size, news=news)
        if not above and (lines, size) == self._shown:
            return
        self._shown = lines, size
        self._canvas.write(self._region.draw(lines, size[0], above=above))

    def _lines(self, look: Look, size: tuple[int, int], *, news: bool) -> Sequence[Line]:
        if self._broken:
            return []
        try:
            self._look(look, news=news)
            return self._view(self._clock.now(), self._paper(size)) if self._view else []
        except Exception as error:  # noqa: BLE001 - a view that cannot be drawn ends no watch
            self._break(error)
            return []

    def _look(self, look: Look, *, news: bool) -> None:
        begun = self._clock.monotonic()
        if begun < self._next_look and not (news and self._next_look - begun <= self._every):
            return
        try:
            self._view = look()
        except EngineError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                self.say(f"What is shown is not up to date: {error}")
        else:
            self._trouble = None
        ended = self._clock.monotonic()
        self._next_look = ended + max(self._every, (ended - begun) / _SHARE)

    def _paper(self, size: tuple[int, int]) -> Paper:
        columns, rows = size
        return Paper(
            # What is as wide as the terminal would wrap in some.
            width=max(1, columns - 1),
            height=rows - (_FREE if rows >= _LOW else 1),
            ascii=self._canvas.ascii,
            colour=self._canvas.colour,
        )

    def _wiped(self) -> str:
        return self._region.wipe(self._canvas.size()[0])

    def _break(self, error: Exception) -> None:
        _LOG.warning("The live view failed.", exc_info=error)
        self._broken = True
        self.say(
            f"The live view failed ({type(error).__name__}: {error}) and is left out from here on; "
            "the run is watched all the same. This is a defect of dcp-engine; please report it. "
            "Without the view: --plain."
        )

    def _all_heard(self, wait: float) -> list[_Said | _News | _Afresh | _End]:
        heard: list[_Said | _News | _Afresh | _End] = []
        try:
            heard.append(self._heard.get(timeout=wait) if wait else self._heard.get_nowait())
            while True:
                heard.append(self._heard.get_nowait())
        except queue.Empty:
            return heard


def _nothing() -> View:
    return lambda now, paper: ()
