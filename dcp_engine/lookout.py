"""Many runs on one engine: what a look at each comes to, and who is told of it."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from dcp_engine.crew import Looked, Threads
from dcp_engine.errors import EngineError, StoreError
from dcp_engine.model import Event, Lease, Run
from dcp_engine.patrol import Appointment, Patrol, place_of
from dcp_engine.supervisor import Alone

if TYPE_CHECKING:
    from dcp_engine.clock import Clock
    from dcp_engine.defaults import Settings
    from dcp_engine.engine import Engine
    from dcp_engine.patrol import Stop
    from dcp_engine.store.protocol import Due, Store
    from dcp_engine.supervisor import Team

# How often the log tells how punctual the looks are.
_TELL_EVERY: Final = 60.0
# All runs are listed again at the latest after so many seconds: there may be ten thousand.
_READ_AGAIN: Final = 60.0
# And no more often than that it takes a fiftieth of the time. Where several processes write, each
# finds at every moment that somebody else has written.
_REST: Final = 50

# From so many runs on each write waits for those of other looks: to write and to wait for the disk
# ninety times a second is a sixth of the work, and a look that waits holds up no other one. And
# what is asked of the runs is what was heard within the last second.
_MANY: Final = 1000
_GATHER: Final = timedelta(milliseconds=20)

_log = logging.getLogger(__name__)


class Lookout:
    """Looks after its share of the runs.

    It keeps the leases of those that it looks at, and gives them back when it goes or when a run is
    another's to look after.
    """

    def __init__(
        self,
        engine: "Engine",
        store: "Store",
        clock: "Clock",
        settings: "Settings",
        *,
        tell: Callable[[Run, Sequence[Event]], None],
        warn: Callable[[str], None],
        ready: Callable[[int, int], None] = lambda runs, processes: None,
        team: "Team | None" = None,
    ) -> None:
        """`tell` gets what has happened to a run, `warn` what keeps it from being looked at.

        Both may be called from any thread, one at a time. `ready` is told how many runs there are,
        and how many processes look after them, whenever that changes. The share is `team`'s: all
        runs, where there is none.
        """
        self._engine = engine
        self._store = store
        self._clock = clock
        self._settings = settings
        self._tell = tell
        self._warn = warn
        self._ready = ready
        self._team = team or Alone()
        self._share = self._team.share
        self._lock = threading.Lock()
        self._leases: dict[str, Lease] = {}
        self._under_way: set[str] = set()
        self._left = False
        self._warned: dict[str, str] = {}
        # Of how many runs it is so.
        self._said: Counter[str] = Counter()
        self._punctual = _Punctuality(clock)
        self._announced: tuple[int, int] | None = None
        # What an ended run still has to tell comes with the agenda.
        self._ended = threading.Event()
        self._version: int | None = None
        self._read_at = 0.0
        self._took = 0.0

    def go(self, stop: "Stop", *, threads: int) -> None:
        """Look after the runs until `stop` says so.

        Raises StoreBroken where the database has been gone for a minute.
        """

        def wished() -> Collection[str]:
            # Who was asked to stop lets the others go, and starts none again.
            if not stop.wait(0):
                self._say(self._team.mind())
            return [run_id for run_id in self._store.wished() if self._share.mine(run_id)]

        patrol = Patrol(
            Threads(threads, self._look),
            agenda=self._agenda,
            wished=wished,
            clock=self._clock,
            interval=self._settings.poll_interval.total_seconds(),
            late=lambda seconds: self._punctual.note(seconds, self._who),
            leave=self._leave,
        )
        try:
            patrol.go(stop)
        finally:
            self._engine.let_go_of_all(list(self._leases.values()))
            self._say(self._team.until_all_left())
            _log.info("%sall looks have ended, and nothing is looked after any more", self._who)

    @property
    def _who(self) -> str:
        """Whose line it is in a log that several processes write."""
        return f"Share {self._share} of the runs: " if self._share.of > 1 else ""

    def _agenda(self) -> dict[str, Appointment] | None:
        """Every run and its moment; None where it is what it was."""
        now = self._clock.monotonic()
        version = self._store.version_of_others()
        same = version == self._version and not self._ended.is_set()
        rest = _READ_AGAIN if same else min(_READ_AGAIN, _REST * self._took)
        if self._version is not None and now - self._read_at < rest:
            return None
        self._ended.clear()
        try:
            due = self._store.agenda()
        except StoreError:
            self._ended.set()
            raise
        self._version, self._read_at = version, now
        self._took = self._clock.monotonic() - now
        return self._of_these(due)

    def _of_these(self, due: "Sequence[Due]") -> dict[str, Appointment]:
        """Those that are this process's own, when all have been counted."""
        self._team.count(len(due))
        if self._share != self._team.share:
            self._share = self._team.share
            self._give_back()
        counted = len(due), self._share.of
        if self._announced != counted:
            self._announced = counted
            _log.info(
                "%sruns there are: %d; processes that look after them: %d", self._who, *counted
            )
            self._ready(*counted)
        if self._warned:
            with self._lock:
                for run_id in set(self._warned).difference(one.run_id for one in due):
                    self._solved(run_id)
        own = {
            one.run_id: Appointment(one.at, place_of(one.account, one.region))
            for one in due
            if self._share.mine(one.run_id)
        }
        self._store.crowded(_GATHER if len(own) >= _MANY else None)
        return own

    def _leave(self) -> None:
        """No look is begun any more: who comes after us need not wait for the last ones."""
        self._left = True
        with self._lock:
            under_way = len(self._under_way)
        self._engine.hurry()
        _log.info("%sleaving; looks under way, which are waited for: %d", self._who, under_way)
        self._team.leave()
        self._give_back()

    def _give_back(self) -> None:
        """Give back the leases of the runs that are not looked after here any more."""
        with self._lock:
            # None of them is looked at before this is done; what is under way gives back its own.
            runs = [run_id for run_id in self._leases if self._is_lost(run_id)]
            runs = [run_id for run_id in runs if run_id not in self._under_way]
            if runs:
                self._engine.let_go_of_all([self._leases.pop(run_id) for run_id in runs])

    def _is_lost(self, run_id: str) -> bool:
        return self._left or not self._share.mine(run_id)

    def _look(self, run_id: str) -> Looked:
        with self._lock:
            self._under_way.add(run_id)
        try:
            return self._looked(run_id)
        finally:
            with self._lock:
                self._under_way.discard(run_id)
                lost = self._leases.pop(run_id, None) if self._is_lost(run_id) else None
            if lost is not None:
                self._engine.let_go_of_all([lost])

    def _looked(self, run_id: str) -> Looked:
        try:
            report = self._engine.tick(run_id, keep_lease=True)
        except EngineError as error:
            self._complain(run_id, str(error))
            return Looked(run_id, None, error)
        except Exception:  # noqa: BLE001 - the others have machines running too
            # A defect that one run shows must not leave the others unwatched.
            _log.exception("The look at run %s failed", run_id)
            self._complain(
                run_id,
                f"The look at run {run_id} failed because of a defect of dcp-engine; the log has "
                "it. The other runs are looked after; this one is tried again.",
            )
            return Looked(run_id, None)
        with self._lock:
            self._go_on(run_id)
            if report.held_by:
                self._punctual.left += 1
            if report.lease is not None:
                self._leases[run_id] = report.lease
            if not report.run.live:
                self._ended.set()
            if report.events:
                self._tell(report.run, report.events)
        if report.held_by and (report.run.next_tick_at or self._clock.now()) <= self._clock.now():
            # Its driver is at it, or about to be: to look without a pause would find nothing else.
            return Looked(run_id, None)
        return Looked(run_id, report.run)

    def _say(self, troubles: Sequence[str]) -> None:
        with self._lock:
            for trouble in troubles:
                self._warn(trouble)

    def _complain(self, run_id: str, text: str) -> None:
        """Say it, unless it was said already of this run or, word for word, of another one."""
        with self._lock:
            said = self._said[text]
            self._solved(run_id)
            self._warned[run_id] = text
            self._said[text] += 1
            self._punctual.failed += 1
            if not said:
                _log.warning("%s%s", self._who, text)
                self._warn(text)

    def _go_on(self, run_id: str) -> None:
        """It was looked at; where that was the last one that could not be, say that it is over."""
        if run_id not in self._warned:
            return
        self._solved(run_id)
        if not self._warned:
            over = "What kept runs from being looked at is over, and they are looked at again."
            _log.info("%s%s", self._who, over)
            self._warn(over)

    def _solved(self, run_id: str) -> None:
        text = self._warned.pop(run_id, None)
        if text is not None:
            self._said[text] -= 1
            if not self._said[text]:
                del self._said[text]


class _Punctuality:
    """How long after their moments the looks began, for the log; one thread tells it."""

    def __init__(self, clock: "Clock") -> None:
        self._clock = clock
        self._since = clock.monotonic()
        self._late: list[float] = []
        self.failed = 0
        """So many looks could not be made, and so many runs were `left` to other drivers."""
        self.left = 0

    def note(self, seconds: float, who: str) -> None:
        """One look began so late; `who` begins the line."""
        self._late.append(seconds)
        now = self._clock.monotonic()
        if now - self._since < _TELL_EVERY:
            return
        late = sorted(self._late)
        _log.info(
            "%s%d looks in %.0f s; 99 of 100 began within %.2f s of their moment, the last %.2f s "
            "after it%s%s",
            who,
            len(late),
            now - self._since,
            late[(len(late) * 99) // 100 - 1 if len(late) > 1 else 0],
            late[-1],
            f"; {self.failed} of them failed" if self.failed else "",
            f"; {self.left} runs were left to their drivers" if self.left else "",
        )
        self._since, self._late = now, []
        self.failed = self.left = 0
