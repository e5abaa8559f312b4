"""Crash points: the moments right before and after every effect, where a process can be killed.

A promise like "kill -9 anywhere loses nothing" can only be tested where "anywhere" has names. Each
call to AWS and each write to the store has two: `before aws ec2:CancelSpotFleetRequests`,
`after store commit`. Nothing happens there unless the variable DCP_ENGINE_CRASH_AT asks for it.
"""

import os
import re
import signal
import threading
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, Self

from dcp_engine.errors import BadInput
from dcp_engine.text_input import not_a_file

CrashPoint = Callable[[str], None]
"""Called with the name of each point as it is passed, from any thread."""

CRASH_VARIABLE: Final = "DCP_ENGINE_CRASH_AT"
"""Reserved: what is to happen at the crash points; see `crash_point`."""

_AIM: Final = re.compile(r"(?P<pattern>(?:before|after|\*|\?|\[)[^#]*)(?:#(?P<time>[0-9]+))?")
_LIST: Final = "list:"


def no_crash(name: str) -> None:
    """The point of every ordinary run: nothing happens."""


class Aim:
    """Which of the points passed is meant: the N-th of all, or the N-th whose name matches."""

    def __init__(self, pattern: str, time: int) -> None:
        """`pattern` is a shell pattern of names; `time` counts from 1."""
        self._pattern = pattern
        self._left = time
        self._lock = threading.Lock()

    @classmethod
    def parse(cls, value: str) -> Self:
        """A number, a pattern of names, or a pattern and which time (`pattern#3`).

        Raises BadInput.
        """
        text = value.strip()
        if text.isdecimal() and int(text) > 0:
            return cls("*", int(text))
        found = _AIM.fullmatch(text)
        if found is None or found["time"] == "0":
            raise BadInput(
                f"{CRASH_VARIABLE}={value} is not a crash point, so nothing was begun and nothing "
                "on AWS was changed. This variable kills dcp-engine in the middle of its work, "
                "which is for tests only: unset it to work as usual.",
                [
                    "a number from 1: the point of that number",
                    'a name or a pattern of names: "before aws ec2:CancelSpotFleetRequests"',
                    'a pattern and which time: "after store commit#3"',
                    f"{_LIST}FILE: go on, and write the name of every point to the file",
                ],
            )
        return cls(found["pattern"], int(found["time"] or 1))

    def reached(self, name: str) -> bool:
        """Count a point that is passed; True, once, when it is the one that is meant."""
        if not fnmatchcase(name, self._pattern):
            return False
        with self._lock:
            self._left -= 1
            return self._left == 0


def crash_point(environ: Mapping[str, str]) -> CrashPoint:
    """What DCP_ENGINE_CRASH_AT asks for; `no_crash` when it is unset or empty.

    At the point that `Aim.parse` reads from it the process kills itself with SIGKILL: no handler,
    no `finally`, no flush. `list:FILE` appends the name of every point passed to a file instead.
    Raises BadInput.
    """
    value = environ.get(CRASH_VARIABLE, "")
    if not value.strip():
        return no_crash
    if value.startswith(_LIST):
        return _lister(Path(value.removeprefix(_LIST)))
    aim = Aim.parse(value)

    def crash(name: str) -> None:
        if aim.reached(name):
            os.kill(os.getpid(), signal.SIGKILL)

    return crash


def _lister(path: Path) -> CrashPoint:
    lock = threading.Lock()

    def write(text: str) -> None:
        with lock, path.open("a", encoding="utf-8") as file:
            file.write(text)

    try:
        what = not_a_file(path)
        reason = f"it is {what}" if what else None
        if not what:
            write("")
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise BadInput(
            f"{CRASH_VARIABLE}={_LIST}{path}: that file cannot be written ({reason}), so nothing "
            "was begun. Name another one, or unset the variable."
        )
    return lambda name: write(f"{name}\n")
