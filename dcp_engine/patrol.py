"""Looking after many runs in one process: each on its own schedule, none waiting for another.

The schedule belongs to the thread that calls `go`; the looks are made by a crew. A run that hangs
takes one place in it until its look's own deadline, and the runs of one account and region never
take them all where others have runs too.
"""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from datetime import datetime
from typing import Final, Protocol

import msgspec

from dcp_engine.clock import Clock
from dcp_engine.crew import Crew, Looked
from dcp_engine.errors import StoreBroken, StoreError
from dcp_engine.rounds import Rounds

# How often it is looked for runs that were registered, and for what people ask of them.
_PICK_UP: Final = 5.0
_EAR: Final = 1.0
# So large a share of the crew at most works for one place while others have runs too.
_SHARE: Final = 0.75
# So many seconds a database may be gone: somebody may be just putting it back.
_MAY_COME_BACK: Final = 60.0
# A clock that was set back must not put a look off for a year: so many intervals at most.
_LONGEST: Final = 15

_log = logging.getLogger(__name__)


class Appointment(msgspec.Struct, frozen=True):
    """When a run wants to be looked at next, and where it is: what has trouble has it together."""

    due: datetime | None
    place: str


def place_of(account: str, region: str) -> str:
    """Where a run is, for its appointment."""
    return f"{account} {region}"


class _Reading:
    """Reading something in the database, which fails at times; the log has each trouble once."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._told: str | None = None
        self._since: float | None = None

    def failed(self, error: StoreError, now: float) -> None:
        """Raises the error again where the database has been gone for a minute."""
        if self._told != str(error):
            self._told = str(error)
            _log.warning("%s could not be read: %s", self._what, error)
        if not isinstance(error, StoreBroken):
            self._since = None
            return
        if self._since is None:
            self._since = now
        if now - self._since >= _MAY_COME_BACK:
            raise error

    def succeeded(self) -> None:
        if self._told is not None:
            _log.info("%s could be read again", self._what)
        self._told = self._since = None


class Stop(Protocol):
    """What ends a patrol between two looks, and driving between two ticks.

    A `threading.Event` is one.
    """

    def wait(self, timeout: float) -> bool:
        """Wait for `timeout` seconds at most; True, at once, when it is time to stop."""


class Patrol:
    """See the module."""

    def __init__(
        self,
        crew: Crew,
        *,
        agenda: Callable[[], Mapping[str, Appointment] | None],
        wished: Callable[[], Collection[str]],
        clock: Clock,
        interval: float,
        late: Callable[[float], None] = lambda seconds: None,
        leave: Callable[[], None] = lambda: None,
    ) -> None:
        """`agenda` gives every run to look after, or None where they are the same as before;
        `wished` gives those of which something is asked.

        `interval` is the usual pause between two looks at a run, in seconds. `late` is told of
        every look how many seconds after its moment it began. `agenda` and `wished` may raise
        StoreError; then all goes on as it was, though for a minute only where it is
        StoreBroken. `leave` is called when no look is begun any more,
        while the last ones may be under way.
        """
        self._crew = crew
        self._agenda = agenda
        self._wished = wished
        self._clock = clock
        self._interval = interval
        self._late = late
        self._leave = leave
        self._rounds = Rounds(interval)
        self._places: dict[str, str] = {}
        self._several = False
        self._busy: Counter[str] = Counter()
        self._reading_runs = _Reading("The list of runs")
        self._reading_wishes = _Reading("What is asked of the runs")

    def go(self, stop: Stop) -> None:
        """Look after all runs until `stop` says so; what is under way then is waited for.

        Raises StoreBroken where the database has been gone for a minute.
        """
        with ExitStack() as last:
            last.callback(self._crew.dismiss)
            last.callback(self._leave)
            self._patrol(stop)

    def once(self) -> None:
        """Look once at every run there is. Raises what `agenda` raises."""
        try:
            for run_id, one in (self._agenda() or {}).items():
                self._places[run_id] = one.place
                self._rounds.add(run_id, 0.0, 0.0)
            self._several = len(set(self._places.values())) > 1
            while len(self._rounds):
                self._begin(0.0)
                if (looked := self._crew.ended(_PICK_UP)) is not None:
                    self._busy[self._places[looked.run_id]] -= 1
                    self._rounds.done(looked.run_id, 0.0, None)
        finally:
            self._crew.dismiss()

    def _patrol(self, stop: Stop) -> None:
        pick_up = listen = self._clock.monotonic()
        while not stop.wait(0):
            now = self._clock.monotonic()
            if now >= pick_up:
                self._pick_up(now)
                pick_up = now + _PICK_UP
            if now >= listen:
                self._listen(now)
                listen = now + _EAR
            all_begun = self._begin(now)
            wake = min(pick_up, listen)
            following = self._rounds.next_at()
            # What has to wait for others to end is begun when one of them has.
            if following is not None and self._free and all_begun:
                wake = min(wake, following)
            wait = wake - self._clock.monotonic()
            while (looked := self._crew.ended(max(0.0, wait))) is not None:
                self._take_note(looked)
                wait = 0.0

    @property
    def _free(self) -> int:
        return self._crew.size - self._busy.total()

    def _pick_up(self, now: float) -> None:
        try:
            agenda = self._agenda()
        except StoreError as error:
            self._reading_runs.failed(error, now)
            return
        self._reading_runs.succeeded()
        if agenda is None:
            return
        new = {run_id: one for run_id, one in agenda.items() if run_id not in self._rounds}
        moments = {run_id: self._moment(one.due, now) or now for run_id, one in new.items()}
        # A computer that wakes up finds all of its runs overdue; a few can be looked at at once.
        crowd = sum(moment <= now for moment in moments.values()) > self._crew.size
        for run_id, one in new.items():
            self._places[run_id] = one.place
            late = moments[run_id] <= now
            self._rounds.add(run_id, now, None if crowd and late else moments[run_id])
        for run_id in [run_id for run_id in self._rounds if run_id not in agenda]:
            self._rounds.forget(run_id)
        self._several = len({self._places[run_id] for run_id in self._rounds}) > 1

    def _listen(self, now: float) -> None:
        try:
            wished = self._wished()
        except StoreError as error:
            self._reading_wishes.failed(error, now)
            return
        self._reading_wishes.succeeded()
        for run_id in wished:
            self._rounds.hurry(run_id, now)

    def _begin(self, now: float) -> bool:
        """Begin what is due, as far as the crew goes round; whether nothing is left of it."""
        share = max(1, int(self._crew.size * _SHARE))
        waiting: list[tuple[str, float]] = []
        while self._free and (taken := self._rounds.take(now)) is not None:
            run_id, due = taken
            place = self._places[run_id]
            if self._several and self._busy[place] >= share:
                waiting.append(taken)
                continue
            self._busy[place] += 1
            self._late(now - due)
            self._crew.begin(run_id)
        for run_id, due in waiting:
            self._rounds.put_back(run_id, due)
        return not waiting

    def _take_note(self, looked: Looked) -> None:
        self._busy[self._places[looked.run_id]] -= 1
        now, run = self._clock.monotonic(), looked.run
        due: float | None = now + self._interval
        if run is not None and run.next_tick_at is not None:
            due = self._moment(run.next_tick_at, now)
        elif run is not None and not run.live:
            # What it still has to tell comes back with the agenda.
            due = None
        self._rounds.done(looked.run_id, now, due)

    def _moment(self, at: datetime | None, now: float) -> float | None:
        """A moment of the calendar on the stopwatch."""
        if at is None:
            return None
        wait = (at - self._clock.now()).total_seconds()
        return now + min(max(wait, 0.0), self._interval * _LONGEST)
