"""Who makes the looks at many runs: a fixed number of threads."""

import queue
import threading
from collections.abc import Callable
from typing import Protocol

import msgspec

from dcp_engine.errors import EngineError
from dcp_engine.model import Run


class Looked(msgspec.Struct, frozen=True):
    """What came of a look: the run as it is now, None where that could not be told."""

    run_id: str
    run: Run | None
    error: EngineError | None = None


class Crew(Protocol):
    """Makes looks side by side."""

    @property
    def size(self) -> int:
        """How many can be under way at the same time."""

    def begin(self, run_id: str) -> None:
        """Look at a run; returns at once."""

    def ended(self, seconds: float) -> Looked | None:
        """A look that has ended, waited for that long at most."""

    def dismiss(self) -> None:
        """Wait for what is under way, and begin nothing more."""


class Threads:
    """A crew of threads. They are daemons: one that hangs does not keep the process from its end.

    A look ends by its own deadline, so `dismiss` does not wait for ever either.
    """

    def __init__(self, size: int, look: Callable[[str], Looked]) -> None:
        """`look` raises nothing."""
        self.size = size
        self._look = look
        self._work: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[Looked] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"look-{n}", daemon=True) for n in range(size)
        ]
        for thread in self._threads:
            thread.start()

    def begin(self, run_id: str) -> None:
        """Look at a run; returns at once."""
        self._work.put(run_id)

    def ended(self, seconds: float) -> Looked | None:
        """A look that has ended, waited for that long at most."""
        try:
            return self._ended.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return None

    def dismiss(self) -> None:
        """Wait for what is under way, and begin nothing more."""
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while (run_id := self._work.get()) is not None:
            self._ended.put(self._look(run_id))
