"""Writing to whoever reads: a terminal, a pipe, a cron mail, or nobody any more.

Work never fails because its words could not be written.
"""

import contextlib
import errno
import io
import os
import sys
from typing import Any, Final, TextIO

import click

from dcp_engine.cli.wrapping import wrapped

# The reader of a pipe has gone, or the terminal was closed.
_GONE: Final = frozenset({errno.EPIPE, errno.EIO, errno.EBADF})


class Terminal:
    """Standard output for results, standard error for messages, a line or a few at a time."""

    def __init__(self) -> None:
        self.reader_gone = False
        """Whether nobody reads standard output any more."""
        self.unwritten = False
        """Whether somebody wants to read it and it could not be written, as on a full disk."""
        for name in ("stdout", "stderr"):
            stream = _stream(name)
            # A locale without the arrow in "RUNNING → DRAINING" must not end the watch.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")

    @property
    def width(self) -> int | None:
        """How many columns it has, where standard output is a terminal and says so."""
        return _width(_stream("stdout"))

    def say(
        self,
        text: str = "",
        *,
        lead: str = "",
        colour: str | None = None,
        hang: int | None = None,
        whole: bool = False,
    ) -> None:
        """A result. `lead` comes first and stands out, where standard output can show that.

        A terminal gets it in lines that fit, further ones below the text or after `hang` columns;
        `whole` is what is to be copied as it stands. A pipe gets it as it is.
        """
        shown = shows_colour(_stream("stdout"))
        width = None if whole else self.width
        self._result(styled(text, lead, colour, shown=shown, width=width, hang=hang))

    def json(self, value: Any) -> None:
        """A result for programs."""
        import json  # noqa: PLC0415 - seldom needed

        encoding = str(getattr(_stream("stdout"), "encoding", None)).casefold()
        self._result(json.dumps(value, indent=2, ensure_ascii=not encoding.startswith("utf")))

    def message(self, text: str) -> None:
        """A message about the command itself, on standard error."""
        stream = _stream("stderr")
        _write(stream, wrapped(harmless(text), _width(stream)))

    def error(self, text: str) -> None:
        """What went wrong, on standard error."""
        self.message(f"dcp-engine: {text}")

    def close(self) -> None:
        """Flush; what cannot be written by now is dropped, in silence."""
        for name in ("stdout", "stderr"):
            stream = _stream(name)
            try:
                if stream is not None:
                    stream.flush()
            except (OSError, ValueError):
                _to_nowhere(stream)

    def _result(self, text: str) -> None:
        if self.reader_gone:
            return
        trouble = _write(_stream("stdout"), text)
        if trouble is None:
            return
        self.reader_gone = trouble in _GONE
        if not self.reader_gone and not self.unwritten:
            self.unwritten = True
            self.error(f"Standard output cannot be written: {os.strerror(trouble)}.")


def terminal(ctx: click.Context) -> Terminal:
    """The terminal of this command line."""
    key = f"{__name__}.terminal"
    if key not in ctx.meta:
        ctx.meta[key] = Terminal()
        ctx.find_root().call_on_close(ctx.meta[key].close)
    found: Terminal = ctx.meta[key]
    return found


def styled(
    text: str,
    lead: str,
    colour: str | None,
    *,
    shown: bool,
    width: int | None = None,
    hang: int | None = None,
) -> str:
    """Text after a lead that stands out, where that can be `shown`; in lines that fit a width."""
    lead = harmless(lead)
    text = wrapped(harmless(text), width, taken=len(lead), hang=hang)
    return (click.style(lead, bold=True, fg=colour) if lead and shown else lead) + text


def harmless(text: str) -> str:
    """The text without characters that a terminal would obey, since some of it comes from AWS."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _stream(name: str) -> TextIO | None:
    """A standard stream; None where the process was started without it."""
    stream: TextIO | None = getattr(sys, name)
    return stream


def _width(stream: TextIO | None) -> int | None:
    try:
        if stream is None or not stream.isatty():
            return None
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


def shows_colour(stream: TextIO | None) -> bool:
    """Whether it is a terminal with colours, and nobody asked for none."""
    if stream is None or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def _write(stream: TextIO | None, text: str) -> int | None:
    """The errno of what kept the text from being written; None when it was."""
    try:
        click.echo(text, file=stream)
    except ValueError:
        return errno.EBADF
    except OSError as error:
        if error.errno in _GONE:
            _to_nowhere(stream)
        return error.errno or errno.EIO
    return None


def _to_nowhere(stream: TextIO | None) -> None:
    """Let Python's own flush at exit succeed; see "Note on SIGPIPE" in its signal module."""
    with contextlib.suppress(OSError, ValueError):
        if stream is not None:
            target = stream.fileno()
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, target)
            os.close(nowhere)
