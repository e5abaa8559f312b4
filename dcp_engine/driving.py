"""A process that stays with one run until its end: ticks in a loop, with pauses between them."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from dcp_engine.errors import AwsError, StoreUnwritable
from dcp_engine.model import Event, Lease, Run

if TYPE_CHECKING:
    from dcp_engine.clock import Clock
    from dcp_engine.defaults import Settings
    from dcp_engine.engine import Engine
    from dcp_engine.patrol import Stop
    from dcp_engine.store.protocol import Store

# How soon a driver that waits for another one to go looks again, so that it takes over promptly.
_FOLLOW: Final = timedelta(seconds=5)
# How long a driver stays after its run's end for what could not be told at once.
_LAST_WORDS: Final = timedelta(minutes=5)
# How soon a pausing driver hears what a person asks for.
_EAR: Final = timedelta(seconds=1)
_SHORTEST: Final = timedelta(milliseconds=50)


class Driving:
    """See the module."""

    def __init__(
        self,
        engine: "Engine",
        store: "Store",
        clock: "Clock",
        settings: "Settings",
        *,
        stop: "Stop",
        warn: Callable[[str], None],
    ) -> None:
        """`warn` is told what stands in the way, once each time it changes."""
        self._engine = engine
        self._store = store
        self._clock = clock
        self._settings = settings
        self._stop = stop
        self._warn = warn

    def go(
        self,
        run: Run,
        *,
        tell: Callable[[Event], None],
        look: Callable[[Run], None] | None = None,
        failed: Callable[[StoreUnwritable | AwsError | None], None] = lambda _: None,
        after: str | None = None,
    ) -> Run:
        """Tick the run until it has ended or it is time to stop; the run as it is then.

        `tell` gets every event after that one in order, `look` the run after every tick, `failed`
        what kept a tick from being done, or None. Raises NoSuchRun, StoreBroken.
        """
        lease: Lease | None = None
        warned: str | None = None
        try:
            while True:
                pause = max(self._settings.poll_interval, _SHORTEST)
                try:
                    report = self._engine.tick(run.id, keep_lease=True)
                    lease = report.lease or lease
                    obstacle = self._held(run.id) if report.held_by else None
                    for event in self._store.events(run.id, after):
                        tell(event)
                        after = event.id
                    run = self._store.run(run.id)
                    pause = min(_FOLLOW, self._longest) if obstacle else self._pause(run)
                    failed(None)
                except (StoreUnwritable, AwsError) as error:
                    # Written or not, the run stands where it stood: the next tick tries again.
                    obstacle = str(error)
                    failed(error)
                if obstacle and obstacle != warned:
                    self._warn(obstacle)
                warned = obstacle
                if look and not obstacle:
                    look(run)
                if not run.live:
                    self._tell_the_rest(run)
                    return run
                if self._wait(run.id, pause.total_seconds()):
                    return run
        finally:
            if lease:
                self._engine.let_go(lease)

    def _tell_the_rest(self, run: Run) -> None:
        """Whoever is told of a run's end by a plugin may be hard to reach in that very moment."""
        end = self._clock.monotonic() + _LAST_WORDS.total_seconds()
        said = False
        with suppress(StoreUnwritable):
            while self._store.due(run.id, self._clock.now() + _LAST_WORDS):
                if not said:
                    self._warn(
                        f"{run.names.app_name} has ended. Some messages about it are still to be "
                        "told: that is tried for five minutes more, and Ctrl-C leaves them to the "
                        "next `dcp-engine tick --all`."
                    )
                said = True
                if self._clock.monotonic() >= end or self._stop.wait(_FOLLOW.total_seconds()):
                    return
                self._engine.tick(run.id)

    def _wait(self, run_id: str, seconds: float) -> bool:
        """Pause until the next tick; True when it is time to go.

        Ends early when a person asks for something: an abort must not wait for the next count.
        """
        end = self._clock.monotonic() + seconds
        while (left := end - self._clock.monotonic()) > 0:
            if self._stop.wait(min(left, _EAR.total_seconds())):
                return True
            with suppress(StoreUnwritable):
                if self._store.requests(run_id):
                    break
        return self._stop.wait(0)

    def _held(self, run_id: str) -> str:
        """Who has the run, without how long: that would be news with every renewal."""
        lease = self._store.lease(run_id, self._clock.now())
        who = str(lease.holder) if lease else "another process, which is letting go of it"
        return (
            f"The run is driven by {who}. One driver is enough: this one follows along and takes "
            "over when that one is gone."
        )

    def _pause(self, run: Run) -> timedelta:
        now = self._clock.now()
        return max(_SHORTEST, min((run.next_tick_at or now) - now, self._longest))

    @property
    def _longest(self) -> timedelta:
        # A clock that was set back must not make a driver sleep for a year.
        intervals = (self._settings.poll_interval, self._settings.downscale_interval)
        return max(*intervals, timedelta(seconds=1))
