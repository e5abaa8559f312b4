"""Waiting for something to become so, with an end to the patience."""

import threading
from collections.abc import Callable
from typing import Final

from dcp_engine.clock import SystemClock

PATIENCE: Final = 90.0
"""Seconds until what ought to happen is believed never to. A computer with much to do is slow."""
_BREATH: Final = 0.1


def until(reached: Callable[[], bool], otherwise: Callable[[], object] | str) -> None:
    """Wait until it is so; AssertionError with `otherwise` when that does not come."""
    clock, nobody = SystemClock(), threading.Event()
    end = clock.monotonic() + PATIENCE
    while not reached():
        if clock.monotonic() > end:
            what = otherwise() if callable(otherwise) else otherwise
            raise AssertionError(f"not within {PATIENCE:g} s: {what}")
        nobody.wait(_BREATH)
