"""Many runs on one engine: what a look at each comes to, and who is told of it."""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from dcp_engine.crew import Looked, Threads
from dcp_engine.errors import EngineError, StoreError
from dcp_engine.model import Event, Lease, Run
from dcp_engine.patrol import Appointment, Patrol, place_of

if TYPE_CHECKING:
    from dcp_engine.clock import Clock
    from dcp_engine.defaults import Settings
    from dcp_engine.engine import Engine
    from dcp_engine.patrol import Stop
    from dcp_engine.store.protocol import Store

# How often the log tells how punctual the looks are.
_TELL_EVERY: Final = 60.0
# All runs are listed again at the latest after so many seconds: there may be ten thousand.
_READ_AGAIN: Final = 60.0

# From so many runs on each write waits for those of other looks: to write and to wait for the disk
# ninety times a second is a sixth of the work, and a look that waits holds up no other one.
_MANY: Final = 1000
_GATHER: Final = timedelta(milliseconds=20)
_NOT: Final = timedelta(0)

_log = logging.getLogger(__name__)


class Lookout:
    """Keeps the leases of all runs that it looks at, and gives them back when it goes."""

    def __init__(
        self,
        engine: "Engine",
        store: "Store",
        clock: "Clock",
        settings: "Settings",
        *,
        tell: Callable[[Run, Sequence[Event]], None],
        warn: Callable[[str], None],
    ) -> None:
        """`tell` gets what has happened to a run, `warn` what keeps it from being looked at.

        Both may be called from any thread, one at a time.
        """
        self._engine = engine
        self._store = store
        self._clock = clock
        self._settings = settings
        self._tell = tell
        self._warn = warn
        self._lock = threading.Lock()
        self._leases: dict[str, Lease] = {}
        self._warned: dict[str, str] = {}
        self._punctual = _Punctuality(clock)
        # What an ended run still has to tell comes with the agenda.
        self._ended = threading.Event()
        self._version: int | None = None
        self._read_at = 0.0

    def go(
        self, stop: "Stop", *, threads: int, ready: Callable[[int], None] = lambda runs: None
    ) -> None:
        """Look after every run there is until `stop` says so."""
        patrol = Patrol(
            Threads(threads, self._look),
            agenda=self._agenda,
            wished=self._store.wished,
            clock=self._clock,
            interval=self._settings.poll_interval.total_seconds(),
            late=self._punctual.note,
        )
        try:
            patrol.go(stop, ready=ready)
        finally:
            self._engine.let_go_of_all(list(self._leases.values()))

    def _agenda(self) -> dict[str, Appointment] | None:
        """Every run and its moment; None where it is what it was."""
        now = self._clock.monotonic()
        version = self._store.version_of_others()
        same = version == self._version and not self._ended.is_set()
        if same and now - self._read_at < _READ_AGAIN:
            return None
        self._ended.clear()
        try:
            due = self._store.agenda()
        except StoreError:
            self._ended.set()
            raise
        self._store.gather(_GATHER if len(due) >= _MANY else _NOT)
        agenda = {one.run_id: Appointment(one.at, place_of(one.account, one.region)) for one in due}
        self._version, self._read_at = version, now
        return agenda

    def _look(self, run_id: str) -> Looked:
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
            self._warned.pop(run_id, None)
            if report.lease is not None:
                self._leases[run_id] = report.lease
            if not report.run.live:
                self._ended.set()
            if report.events:
                self._tell(report.run, report.events)
        return Looked(run_id, report.run)

    def _complain(self, run_id: str, text: str) -> None:
        with self._lock:
            if self._warned.get(run_id) != text:
                self._warned[run_id] = text
                self._warn(text)


class _Punctuality:
    """How long after their moments the looks began, for the log; one thread tells it."""

    def __init__(self, clock: "Clock") -> None:
        self._clock = clock
        self._since = clock.monotonic()
        self._late: list[float] = []

    def note(self, seconds: float) -> None:
        """One look began so late."""
        self._late.append(seconds)
        now = self._clock.monotonic()
        if now - self._since < _TELL_EVERY:
            return
        late = sorted(self._late)
        _log.info(
            "%d looks in %.0f s; 99 of 100 began within %.2f s of their moment, the last %.2f s "
            "after it",
            len(late),
            now - self._since,
            late[(len(late) * 99) // 100 - 1 if len(late) > 1 else 0],
            late[-1],
        )
        self._since, self._late = now, []
