"""The program's own log: off unless somebody asks for it."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from dcp_engine.cli.terminal import terminal
from dcp_engine.errors import BadInput
from dcp_engine.text_input import not_a_file

_FORMAT: Final = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def start_logging(
    ctx: click.Context, verbose: int, file: Path | None, hide: Callable[[str], str] = str
) -> None:
    """Log `dcp_engine` to standard error and to a file until the command ends.

    Only our own log: botocore's may hold credentials. `hide` takes the secrets of plugins out of
    what they log. Raises BadInput when the file cannot be written.
    """
    # Without any handler Python prints warnings of libraries, and cron would mail them.
    handlers: list[tuple[logging.Logger, logging.Handler]] = [
        (logging.getLogger(), logging.NullHandler())
    ]
    ours = logging.getLogger("dcp_engine")
    level = logging.DEBUG if verbose > 1 else logging.INFO
    if verbose:
        handlers.append((ours, _Unbreakable(sys.stderr)))
    if file is not None:
        handlers.append((ours, _to_file(file, terminal(ctx).error)))
    before = ours.level
    if verbose or file is not None:
        ours.setLevel(level)
    formatter = _Hiding(hide)
    for logger, handler in handlers:
        handler.setFormatter(formatter)
        logger.addHandler(handler)

    def stop() -> None:
        ours.setLevel(before)
        for logger, handler in handlers:
            logger.removeHandler(handler)
            handler.close()

    ctx.call_on_close(stop)


class _Hiding(logging.Formatter):
    """Shows no secret, in errors and their traces neither."""

    def __init__(self, hide: Callable[[str], str]) -> None:
        super().__init__(_FORMAT)
        self._hide = hide

    def format(self, record: logging.LogRecord) -> str:
        return self._hide(super().format(record))


class _Unbreakable(logging.StreamHandler):  # type: ignore[type-arg]
    """Where a line cannot be written, the work goes on without it."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Say nothing: there is nowhere to say it."""


class _UnbreakableFile(logging.FileHandler):
    """The same for a file: a full disk must not end the watch, and it is said once."""

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")
        self._path = path
        self._say = say
        self._said = False

    def handleError(self, record: logging.LogRecord) -> None:
        """Say that the log has a gap."""
        self._lost(sys.exception())

    def close(self) -> None:
        """Close it; what cannot be written by now is dropped."""
        try:
            super().close()
        except OSError as error:
            self._lost(error)

    def _lost(self, error: BaseException | None) -> None:
        if self._said:
            return
        self._said = True
        why = (isinstance(error, OSError) and error.strerror) or str(error)
        self._say(
            f"The log file {self._path} cannot be written: {why}. The work goes on without it."
        )


def _to_file(path: Path, say: Callable[[str], None]) -> logging.Handler:
    try:
        what = not_a_file(path)
        if not what:
            return _UnbreakableFile(path, say)
        reason = f"it is {what}"
    except OSError as error:
        reason = error.strerror or str(error)
    raise BadInput(
        f"The log file {path} cannot be written: {reason}. Nothing was started; name another file "
        "with --log-file."
    )
