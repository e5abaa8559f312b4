"""Several processes that look after runs together: one of them starts the others and minds them.

It looks after a share of its own like the rest. Nothing here starts a process, waits or speaks by
itself: who starts them, and the clock, are handed in, and what goes wrong is handed back in words.
"""

import logging
import signal
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from dcp_engine.clock import Clock
from dcp_engine.share import Share

SHORTEST_PAUSE: Final = 1.0
"""So many seconds pass before a process that has ended is started again, at first."""
LONGEST_PAUSE: Final = 60.0
"""And at most. One that has lived for as long has not failed in starting."""

# One that was killed is gone within this, or nothing can be done about it.
_DYING: Final = 10.0

_log = logging.getLogger(__name__)


class Child(Protocol):
    """A process that looks after a share of the runs."""

    @property
    def pid(self) -> int:
        """Its process id."""

    def ended(self) -> int | None:
        """Its exit code, negative for the signal that ended it; None while it runs."""

    def lives(self) -> bool:
        """Whether it has given a sign of life since this was last asked."""

    def stop(self) -> None:
        """Ask it to end when its looks are over; again does no harm."""

    def kill(self) -> None:
        """End it at once."""

    def wait(self, seconds: float) -> None:
        """Wait for its end, for so long at most."""


Start = Callable[[Share], Child]
"""Starts the process for a share. Raises OSError where the computer cannot."""


class Team(Protocol):
    """Those who look after the runs together, as one of them sees it."""

    @property
    def share(self) -> Share:
        """What is this process's own. It changes in `count` only."""

    def count(self, runs: int) -> None:
        """So many runs there are now, for all of them."""

    def mind(self) -> Sequence[str]:
        """Called every second or so: see to the others; what has gone wrong."""

    def leave(self) -> None:
        """Have the others leave, too; returns at once."""

    def until_all_left(self) -> Sequence[str]:
        """Wait for that; what has gone wrong."""


class Alone:
    """Nobody else is to be seen to: there is one process only, or another one sees to all."""

    def __init__(
        self, share: Share | None = None, sign_of_life: Callable[[], None] = lambda: None
    ) -> None:
        """`sign_of_life` is for the one that sees to all; each `mind` gives one."""
        self.share = share or Share()
        self._sign_of_life = sign_of_life

    def count(self, runs: int) -> None:
        """Whatever the number."""

    def mind(self) -> Sequence[str]:
        """There is nobody to see to, but somebody who sees to this one."""
        self._sign_of_life()
        return ()

    def leave(self) -> None:
        """There is nobody."""

    def until_all_left(self) -> Sequence[str]:
        """There is nobody."""
        return ()


class Supervisor:
    """Has as many processes as the runs take. It is called by one thread."""

    def __init__(
        self,
        start: Start,
        *,
        clock: Clock,
        processes: Callable[[int], int],
        patience: float,
    ) -> None:
        """`processes` says how many so many runs take, with this one.

        A process that was asked to leave has `patience` seconds for that in the end; and one that
        gives no sign of life for so long is frozen.
        """
        self.share = Share()
        self._start = start
        self._clock = clock
        self._processes = processes
        self._patience = patience
        self._posts: list[_Post] = []
        # They were asked to leave, and finish what they are at.
        self._leaving: list[Child] = []
        self._over = False

    def count(self, runs: int) -> None:
        """Have as many processes as so many runs take, and never fewer than before."""
        wanted = self._processes(runs)
        if self._over or wanted <= self.share.of:
            return
        _log.info("%d runs are shared by %d processes", runs, wanted)
        # The new ones need not wait for the old: what these still have in hand they have leases of.
        self._dismiss()
        self.share = Share(0, wanted)
        now = self._clock.monotonic()
        self._posts = [
            _Post(Share(index, wanted), now, self._patience) for index in range(1, wanted)
        ]

    def mind(self) -> Sequence[str]:
        """Start those that are to be started, for the first time or again; what is wrong."""
        self._leaving = [child for child in self._leaving if child.ended() is None]
        now = self._clock.monotonic()
        looked = [post.look(self._start, now) for post in self._posts]
        return [trouble for trouble in looked if trouble is not None]

    def leave(self) -> None:
        """Ask all of them to end; none is started any more."""
        self._over = True
        self._dismiss()

    def until_all_left(self) -> Sequence[str]:
        """Wait until all have ended; who has no end is ended by force, which loses nothing."""
        until = self._clock.monotonic() + self._patience
        troubles = []
        for child in self._leaving:
            child.wait(max(0.0, until - self._clock.monotonic()))
            if child.ended() is None:
                troubles.append(
                    f"Process {child.pid} looked after some of the runs and did not end within "
                    f"{self._patience:.0f} seconds, so it was killed. What it had done is "
                    "recorded, and whoever looks at these runs next goes on from there."
                )
                child.kill()
                child.wait(_DYING)
        self._leaving = []
        return troubles

    def _dismiss(self) -> None:
        for post in self._posts:
            if post.child is not None:
                post.child.stop()
                self._leaving.append(post.child)
        self._posts = []


class _Post:
    """A share that is to be looked after, and who does."""

    def __init__(self, share: Share, now: float, patience: float) -> None:
        self.child: Child | None = None
        self._share = share
        self._patience = patience
        self._lived = now
        # When the one who is there began, or the next one is to.
        self._moment = now
        self._pause = SHORTEST_PAUSE
        self._told: str | None = None

    def look(self, start: Start, now: float) -> str | None:
        """See whether somebody is there, and have somebody start who is not; what is wrong."""
        if self.child is not None:
            how = self._end_of(self.child, now)
            if how is None:
                return None
            lived, pid, self.child = now - self._moment, self.child.pid, None
            if lived >= LONGEST_PAUSE:
                self._pause, self._told = SHORTEST_PAUSE, None
            return self._failed(now, how, f" (process {pid})")
        if now < self._moment:
            return None
        try:
            self.child = start(self._share)
        except OSError as error:
            return self._failed(now, f"could not be started: {error.strerror or error}")
        self._moment = self._lived = now
        _log.info("Process %d looks after share %s of the runs", self.child.pid, self._share)
        return None

    def _end_of(self, child: Child, now: float) -> str | None:
        """How it has come to its end; None where it lives."""
        code = child.ended()
        if code is not None:
            return f"has ended {_by(code)}"
        if child.lives():
            self._lived = now
        if now - self._lived < self._patience:
            return None
        # It may hold the lock of the database, so that nobody gets on.
        child.kill()
        child.wait(_DYING)
        return (
            f"was frozen for {self._patience:.0f} seconds (a plugin that never gives way, or the "
            "process was stopped) and so was killed"
        )

    def _failed(self, now: float, how: str, who: str = "") -> str | None:
        """Have it started after a pause; the words, where they were not said already."""
        self._moment = now + self._pause
        self._pause = min(LONGEST_PAUSE, 2 * self._pause)
        _log.warning("The process for share %s of the runs%s %s", self._share, who, how)
        if how == self._told:
            return None
        self._told = how
        return (
            f"The process that looks after share {self._share} of the runs{who} {how}. It is "
            "started again by itself, after a second at first and a minute at most; until it is "
            "there nobody looks at its runs, and their machines run on. Nothing that is recorded "
            "is lost. What the process says itself, here or in the log file, tells why; when it "
            "comes again for the same reason only the log file has it."
        )


def _by(code: int) -> str:
    if code >= 0:
        return f"by itself, with exit code {code}"
    try:
        return f"by the signal {signal.Signals(-code).name}"
    except ValueError:
        return f"by the signal {-code}"
