"""The terminal itself: how large it is, whether it is ours to draw on, and writing to it."""

import contextlib
import os
import select
import termios
from collections.abc import Mapping
from typing import Any, Final, TextIO

from dcp_engine.cli.terminal import shows_colour

_USUAL: Final = (80, 24)
# What cannot move its cursor.
_DUMB: Final = frozenset({"", "dumb", "unknown"})
# Its console has no glyphs for the blocks.
_FEW_GLYPHS: Final = frozenset({"linux"})
_SMALLEST: Final = (20, 4)


class Device:
    """Standard output, where it is a terminal that can be drawn on."""

    def __init__(self, fd: int, encoding: str, *, ascii: bool, colour: bool, reflows: bool) -> None:
        """`ascii` is whether it has no glyphs beyond those, whatever its `encoding` could say."""
        self._fd = fd
        self._encoding = encoding
        self.ascii = ascii
        self.colour = colour
        self.reflows = reflows
        self._before: list[Any] | None = None

    def size(self) -> tuple[int, int]:
        """Columns and rows now; the usual ones where the terminal does not know."""
        try:
            columns, rows = os.get_terminal_size(self._fd)
        except OSError:
            return _USUAL
        return (columns, rows) if columns and rows else _USUAL

    def is_ours(self) -> bool:
        """Whether we are in the foreground: a shell's prompt must not be drawn over."""
        try:
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:
            # It is nobody's controlling terminal.
            return True

    def write(self, text: str) -> None:
        """Write all of it, however long the terminal takes. Raises OSError when it is gone."""
        rest = memoryview(text.encode(self._encoding, "backslashreplace"))
        while rest:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:
                select.select([], [self._fd], [])

    def hush(self) -> None:
        """Let no key show that is pressed: it would, in the middle of what is drawn.

        Nor may Ctrl-C throw half of what is being drawn away (termios(3), NOFLSH).
        """
        if not self.is_ours():
            return
        with contextlib.suppress(termios.error, OSError):
            modes = termios.tcgetattr(self._fd)
            if self._before is None:
                self._before = [*modes]
            modes[3] = modes[3] & ~(termios.ECHO | termios.ECHONL) | termios.NOFLSH
            termios.tcsetattr(self._fd, termios.TCSANOW, modes)

    def restore(self) -> None:
        """Let keys show again. What was typed unseen is thrown away: the shell shall not get it."""
        # In the background the terminal is the shell's, and to change it would stop this process.
        if self._before is None or not self.is_ours():
            return
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(self._fd, termios.TCSANOW, self._before)
            termios.tcflush(self._fd, termios.TCIFLUSH)


def device(stream: TextIO | None, environ: Mapping[str, str]) -> Device | None:
    """Standard output as a terminal to draw on; None where it is none, or too poor or small."""
    try:
        if stream is None or not stream.isatty():
            return None
        fd = stream.fileno()
    except (OSError, ValueError):
        return None
    kind = environ.get("TERM", "")
    if kind in _DUMB:
        return None
    utf8 = stream.encoding.casefold().replace("-", "") in {"utf8", "utf8sig"}
    found = Device(
        fd,
        stream.encoding,
        ascii=not utf8 or kind in _FEW_GLYPHS,
        colour=shows_colour(stream),
        # The others that matter wrap their lines anew when they become narrower.
        reflows="XTERM_VERSION" not in environ and "STY" not in environ and kind != "linux",
    )
    columns, rows = found.size()
    small = columns < _SMALLEST[0] or rows < _SMALLEST[1]
    return None if small or not found.is_ours() else found
