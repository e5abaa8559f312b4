"""When which of many runs is looked at next: a schedule without threads, clocks or a store.

Moments are seconds on a stopwatch. Looks that may come at any moment are put to a phase of the
interval that each run has for itself, so that a thousand runs do not come all at once.
"""

import heapq
import zlib
from collections.abc import Iterator


class Rounds:
    """The runs that are to be looked at, each at most once at a time."""

    def __init__(self, interval: float) -> None:
        """`interval` is the usual pause between two looks at a run, in seconds."""
        self.interval = interval
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._under_way: set[str] = set()
        self._at_once: set[str] = set()
        # Of those under way: they are looked at no more when this look is over.
        self._last: set[str] = set()

    def __contains__(self, run_id: str) -> bool:
        return run_id in self._due or (run_id in self._under_way and run_id not in self._last)

    def __iter__(self) -> Iterator[str]:
        yield from (*self._due, *(self._under_way - self._last))

    def __len__(self) -> int:
        return len(self._due) + len(self._under_way) - len(self._last)

    def add(self, run_id: str, now: float, due: float | None) -> None:
        """Take a run up, due at that moment; with None at its phase within the next interval."""
        if run_id in self._under_way:
            self._last.discard(run_id)
        elif run_id not in self._due:
            self._put(run_id, self._next_phase(run_id, now) if due is None else due)

    def hurry(self, run_id: str, now: float) -> None:
        """Look at it now; one that is being looked at is looked at once more after that."""
        if run_id in self._under_way:
            self._at_once.add(run_id)
        elif run_id in self._due:
            self._put(run_id, now)

    def forget(self, run_id: str) -> None:
        """Look at it no more; a look that is under way is its last."""
        self._due.pop(run_id, None)
        if run_id in self._under_way:
            self._last.add(run_id)

    def take(self, now: float) -> tuple[str, float] | None:
        """The run that is due the longest, and since when; it is under way until `done`."""
        while self._heap:
            due, run_id = self._heap[0]
            if self._due.get(run_id) != due:
                # It was put to another moment since, or forgotten.
                heapq.heappop(self._heap)
                continue
            if due > now:
                return None
            heapq.heappop(self._heap)
            del self._due[run_id]
            self._under_way.add(run_id)
            return run_id, due
        return None

    def put_back(self, run_id: str, due: float) -> None:
        """It could not be begun after all."""
        self._under_way.discard(run_id)
        if not self._was_last(run_id):
            self._put(run_id, due)

    def done(self, run_id: str, now: float, due: float | None) -> None:
        """The look at it is over, and the next one is due then; None when there is none."""
        self._under_way.discard(run_id)
        asked = run_id in self._at_once
        self._at_once.discard(run_id)
        if self._was_last(run_id):
            return
        if asked:
            due = now
        elif due is not None:
            due = max(due, now)
            if due - now > self.interval / 2:
                due = self._nearest_phase(run_id, due, now)
        if due is not None:
            self._put(run_id, due)

    def next_at(self) -> float | None:
        """When the next run is due; None when none is."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def _was_last(self, run_id: str) -> bool:
        was = run_id in self._last
        self._last.discard(run_id)
        return was

    def _put(self, run_id: str, due: float) -> None:
        self._due[run_id] = due
        heapq.heappush(self._heap, (due, run_id))

    def _phase(self, run_id: str) -> float:
        # The same in every process, unlike `hash`.
        return zlib.crc32(run_id.encode()) / 2**32 * self.interval

    def _next_phase(self, run_id: str, now: float) -> float:
        return now + (self._phase(run_id) - now) % self.interval

    def _nearest_phase(self, run_id: str, due: float, now: float) -> float:
        after = due + (self._phase(run_id) - due) % self.interval
        before = after - self.interval
        nearest = before if due - before < after - due else after
        return nearest if nearest > now else after
