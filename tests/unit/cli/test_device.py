"""Which terminals can be drawn on, and what is done to one."""

import fcntl
import io
import os
import pty
import struct
import termios
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

import pytest

from dcp_engine.cli.live.device import Device, device


@dataclass
class Pty:
    """A terminal, from both of its sides."""

    ours: int
    theirs: int
    stream: TextIO

    def opened(self, **variables: str) -> Device:
        found = device(self.stream, {"TERM": "xterm", **variables})
        assert found is not None
        return found

    def resize(self, columns: int, rows: int) -> None:
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, size)

    def modes(self) -> int:
        found: int = termios.tcgetattr(self.theirs)[3]
        return found

    def read(self) -> str:
        return os.read(self.ours, 65536).decode()


@pytest.fixture
def terminal() -> Iterator[Pty]:
    ours, theirs = pty.openpty()
    with os.fdopen(os.dup(theirs), "w", encoding="utf-8") as stream:
        found = Pty(ours, theirs, stream)
        found.resize(100, 30)
        yield found
    os.close(found.ours)
    os.close(found.theirs)


def test_a_terminal(terminal: Pty) -> None:
    found = terminal.opened()
    assert found.size() == (100, 30)
    assert not found.ascii
    assert found.reflows
    found.write("→ one\n")
    assert terminal.read() == "→ one\r\n"
    terminal.resize(50, 10)
    assert found.size() == (50, 10)


def test_one_that_does_not_know_its_size(terminal: Pty) -> None:
    terminal.resize(0, 0)
    assert terminal.opened().size() == (80, 24)


@pytest.mark.parametrize("kind", ["", "dumb", "unknown"])
def test_one_that_cannot_move_its_cursor(terminal: Pty, kind: str) -> None:
    assert device(terminal.stream, {"TERM": kind}) is None
    assert device(terminal.stream, {}) is None


@pytest.mark.parametrize("size", [(19, 30), (100, 3)])
def test_one_that_is_too_small(terminal: Pty, size: tuple[int, int]) -> None:
    terminal.resize(*size)
    assert device(terminal.stream, {"TERM": "xterm"}) is None


@pytest.mark.parametrize("stream", [None, io.StringIO()])
def test_no_terminal_at_all(stream: io.StringIO | None) -> None:
    assert device(stream, {"TERM": "xterm"}) is None


def test_one_in_the_background_is_left_to_the_shell(
    terminal: Pty, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = terminal.opened()
    before = terminal.modes()
    monkeypatch.setattr(os, "tcgetpgrp", lambda fd: os.getpgrp() + 1)
    assert device(terminal.stream, {"TERM": "xterm"}) is None
    assert not found.is_ours()
    found.hush()
    assert terminal.modes() == before


def test_other_letters_than_utf_8(terminal: Pty) -> None:
    with os.fdopen(os.dup(terminal.theirs), "w", encoding="latin-1") as stream:
        found = device(stream, {"TERM": "xterm"})
        assert found is not None
        assert found.ascii
        found.write("→ é\n")
    assert os.read(terminal.ours, 100) == "\\u2192 é\r\n".encode("latin-1")


@pytest.mark.parametrize(
    ("variables", "reflows", "ascii_"),
    [
        ({"XTERM_VERSION": "XTerm(390)"}, False, False),
        ({"STY": "17.pts-0.lab", "TERM": "screen"}, False, False),
        ({"TERM": "linux"}, False, True),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/tmux"}, True, False),
    ],
)
def test_what_is_known_of_some(
    terminal: Pty, variables: dict[str, str], reflows: bool, ascii_: bool
) -> None:
    found = terminal.opened(**variables)
    assert (found.reflows, found.ascii) == (reflows, ascii_)


def test_no_colour_where_nobody_wants_it(terminal: Pty, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert terminal.opened().colour
    monkeypatch.setenv("NO_COLOR", "1")
    assert not terminal.opened().colour


def test_keys_do_not_show_until_the_end(terminal: Pty) -> None:
    found, before = terminal.opened(), terminal.modes()
    assert before & termios.ECHO
    found.restore()
    assert terminal.modes() == before
    found.hush()
    found.hush()
    assert not terminal.modes() & termios.ECHO
    assert terminal.modes() & termios.ISIG
    found.restore()
    assert terminal.modes() == before


def test_a_terminal_that_is_gone(terminal: Pty) -> None:
    found = terminal.opened()
    os.close(terminal.ours)
    with pytest.raises(OSError, match=r"."):
        found.write("lost")
    found.hush()
    found.restore()
    terminal.ours = os.dup(terminal.theirs)
