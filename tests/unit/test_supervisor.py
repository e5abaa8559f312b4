"""Processes that look after runs together, on a virtual clock and without any process."""

import re
import signal

import pytest

from dcp_engine.share import Share
from dcp_engine.simulation.virtual_clock import VirtualClock
from dcp_engine.supervisor import LONGEST_PAUSE, Alone, Supervisor

PATIENCE = 240.0


class FakeChild:
    """A process that ends when it is told to, unless it is `stubborn`."""

    def __init__(self, clock: VirtualClock, share: Share, pid: int) -> None:
        self.share = share
        self.pid = pid
        self.code: int | None = None
        self.stops = 0
        self.takes = 0.0
        self.stubborn = False
        self.frozen = False
        self.killed = False
        self._clock = clock
        self._until: float | None = None

    def ended(self) -> int | None:
        if self.code is None and self._until is not None and self._until <= self._clock.monotonic():
            self.code = 0
        return self.code

    def lives(self) -> bool:
        return not self.frozen

    def stop(self) -> None:
        self.stops += 1
        if not self.stubborn and self._until is None:
            self._until = self._clock.monotonic() + self.takes

    def kill(self) -> None:
        self.killed = True
        self.code = -signal.SIGKILL

    def wait(self, seconds: float) -> None:
        until = self._clock.monotonic() + seconds
        if self.ended() is None:
            end = until if self._until is None else min(self._until, until)
            self._clock.advance(end - self._clock.monotonic())


class Scene:
    """A supervisor that wants `wanted` processes, whatever the number of runs."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.wanted = 2
        self.children: list[FakeChild] = []
        self.starts: list[float] = []
        self.cannot: OSError | None = None
        self.fails_at_once: int | None = None
        self.warnings: list[str] = []
        self.supervisor = Supervisor(
            self._start,
            clock=self.clock,
            processes=lambda runs: self.wanted,
            patience=PATIENCE,
        )

    def _start(self, share: Share) -> FakeChild:
        self.starts.append(self.clock.monotonic())
        if self.cannot is not None:
            raise self.cannot
        child = FakeChild(self.clock, share, pid=100 + len(self.children))
        child.code = self.fails_at_once
        self.children.append(child)
        return child

    def count(self, runs: int) -> None:
        self.supervisor.count(runs)
        self.warnings += self.supervisor.mind()

    def living(self) -> list[FakeChild]:
        return [child for child in self.children if child.ended() is None]

    def pass_by(self, seconds: float) -> None:
        """Time, in which it looks to the others once a second."""
        for _ in range(int(seconds)):
            self.clock.advance(1.0)
            self.warnings += self.supervisor.mind()


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_where_one_process_is_enough_nothing_is_started(scene: Scene) -> None:
    scene.wanted = 1
    scene.count(3000)
    scene.pass_by(100)
    assert scene.supervisor.share == Share(0, 1)
    assert scene.children == []
    scene.supervisor.leave()
    scene.warnings += scene.supervisor.until_all_left()
    assert scene.clock.monotonic() == 100


def test_every_share_has_somebody(scene: Scene) -> None:
    scene.wanted = 4
    scene.count(12_000)
    shares = [scene.supervisor.share, *(child.share for child in scene.children)]
    assert shares == [Share(index, 4) for index in range(4)]
    scene.pass_by(1000)
    assert len(scene.children) == 3
    assert scene.warnings == []


def test_one_that_ends_is_started_again_and_it_is_said_in_words(scene: Scene) -> None:
    scene.count(6000)
    scene.pass_by(100)
    scene.children[0].code = -signal.SIGKILL
    scene.pass_by(1)
    (said,) = scene.warnings
    assert said.startswith(
        "The process that looks after share 1/2 of the runs (process 100) has ended by the signal "
        "SIGKILL. It is started again by itself"
    )
    scene.pass_by(1)
    assert [child.share for child in scene.living()] == [Share(1, 2)]
    scene.pass_by(100)
    assert len(scene.children) == 2
    # Much later that is news again.
    scene.children[1].code = -signal.SIGKILL
    scene.pass_by(2)
    assert len(scene.warnings) == 2
    assert len(scene.living()) == 1


@pytest.mark.parametrize(
    ("code", "words"),
    [(3, "by itself, with exit code 3"), (0, "by itself, with exit code 0"), (-70, "signal 70")],
)
def test_however_it_ends_there_are_words(scene: Scene, code: int, words: str) -> None:
    scene.count(6000)
    scene.children[0].code = code
    scene.pass_by(1)
    assert words in scene.warnings[0]


def test_one_that_cannot_live_is_tried_with_growing_pauses_and_said_once(scene: Scene) -> None:
    scene.fails_at_once = 4
    scene.count(6000)
    scene.pass_by(3600)
    assert len(scene.warnings) == 1
    pauses = [after - before for before, after in zip(scene.starts, scene.starts[1:], strict=False)]
    assert pauses == sorted(pauses)
    # It is seen to have ended a second after its start at the soonest.
    assert pauses[:3] == [2.0, 3.0, 5.0]
    assert pauses[-1] == LONGEST_PAUSE + 1
    assert len(scene.starts) < 70
    # Once it lives, the next end is followed at once again.
    scene.fails_at_once = None
    scene.pass_by(300)
    (child,) = scene.living()
    child.code = 4
    scene.pass_by(2)
    assert len(scene.living()) == 1
    assert len(scene.warnings) == 2


def test_another_reason_is_said_as_well(scene: Scene) -> None:
    scene.fails_at_once = 4
    scene.count(6000)
    scene.pass_by(10)
    scene.fails_at_once, scene.cannot = None, OSError(12, "Cannot allocate memory")
    scene.pass_by(600)
    assert len(scene.warnings) == 2
    assert "could not be started: Cannot allocate memory. It is started again" in scene.warnings[1]
    scene.cannot = None
    scene.pass_by(61)
    assert [child.share for child in scene.living()] == [Share(1, 2)]


def test_one_that_is_frozen_is_killed_and_started_again(scene: Scene) -> None:
    scene.wanted = 3
    scene.count(9000)
    scene.pass_by(1000)
    frozen, other = scene.children
    frozen.frozen = True
    scene.pass_by(PATIENCE - 1)
    assert [child.killed for child in scene.children] == [False, False]
    scene.pass_by(2)
    assert [child.killed for child in (frozen, other)] == [True, False]
    (said,) = scene.warnings
    assert said.startswith(
        "The process that looks after share 1/3 of the runs (process 100) was frozen for 240 "
        "seconds (a plugin that never gives way, or the process was stopped) and so was killed. "
        "It is started again by itself"
    )
    scene.pass_by(2)
    assert [child.share for child in scene.living()] == [Share(2, 3), Share(1, 3)]
    scene.pass_by(1000)
    assert len(scene.children) == 3
    assert other.ended() is None


def test_one_that_is_slow_to_answer_is_left_alone(scene: Scene) -> None:
    scene.count(6000)
    (child,) = scene.children
    for _ in range(10):
        child.frozen = True
        scene.pass_by(PATIENCE - 10)
        child.frozen = False
        scene.pass_by(1)
    assert not child.killed
    assert scene.warnings == []


def test_while_this_process_itself_was_frozen_nobody_else_is_taken_for_it(scene: Scene) -> None:
    scene.count(6000)
    scene.clock.advance(10 * PATIENCE)
    scene.pass_by(10)
    assert not scene.children[0].killed
    assert scene.warnings == []


def test_one_that_fails_keeps_no_other_from_its_work(scene: Scene) -> None:
    scene.wanted = 3
    scene.count(9000)
    failing, other = scene.children
    for _ in range(5):
        failing.code = 1
        scene.pass_by(70)
        failing = next(child for child in scene.living() if child is not other)
    assert other.ended() is None
    assert other.stops == 0
    assert [child.share for child in scene.children].count(Share(2, 3)) == 1


def test_more_runs_have_more_processes_at_once_while_the_old_ones_finish(scene: Scene) -> None:
    scene.count(6000)
    (old,) = scene.children
    old.takes = 100.0
    scene.wanted = 3
    scene.count(9000)
    assert scene.supervisor.share == Share(0, 3)
    assert old.stops == 1
    assert [child.share for child in scene.living()] == [Share(1, 2), Share(1, 3), Share(2, 3)]
    scene.pass_by(200)
    # That it has ended as it was asked to is nothing to speak of.
    assert scene.warnings == []
    assert [child.share for child in scene.living()] == [Share(1, 3), Share(2, 3)]
    assert len(scene.children) == 3


def test_fewer_runs_change_nothing(scene: Scene) -> None:
    scene.wanted = 3
    scene.count(9000)
    scene.wanted = 1
    scene.count(10)
    scene.pass_by(10)
    assert scene.supervisor.share == Share(0, 3)
    assert len(scene.living()) == 2
    assert [child.stops for child in scene.children] == [0, 0]


def test_all_leave_and_are_waited_for(scene: Scene) -> None:
    scene.wanted = 3
    scene.count(9000)
    scene.children[0].takes = 30.0
    scene.children[1].takes = 10.0
    scene.supervisor.leave()
    scene.supervisor.leave()
    # What is counted or ends from now on has nobody started.
    scene.wanted = 5
    scene.count(15_000)
    scene.warnings += scene.supervisor.until_all_left()
    assert scene.clock.monotonic() == 30.0
    assert len(scene.children) == 2
    assert scene.living() == []
    assert scene.warnings == []


def test_one_that_does_not_leave_is_killed_in_the_end(scene: Scene) -> None:
    scene.wanted = 3
    scene.count(9000)
    scene.children[0].stubborn = True
    scene.supervisor.leave()
    scene.warnings += scene.supervisor.until_all_left()
    assert [child.killed for child in scene.children] == [True, False]
    assert scene.clock.monotonic() == PATIENCE
    (said,) = scene.warnings
    assert re.match(r"Process 100 .* did not end within 240 seconds, so it was killed\.", said)


def test_alone_there_is_nobody_to_see_to() -> None:
    signs: list[int] = []
    alone = Alone(Share(1, 2), lambda: signs.append(1))
    alone.count(100_000)
    alone.leave()
    assert (*alone.mind(), *alone.until_all_left()) == ()
    assert signs == [1]
    assert alone.share == Share(1, 2)
    assert Alone().share == Share(0, 1)
