"""A driver is killed at any moment, and the next one ends in the same place."""

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from dcp_engine.model import Outcome, RequestKind, State
from dcp_engine.simulation.launch import launch_run
from dcp_engine.simulation.server import SimulatedAws
from tests.engine.rig import Killed, Rig
from tests.reliability.crash_points import (
    EFFECTS,
    ELSEWHERE,
    KILLS,
    PASSED,
    UNREGISTERED,
    Kill,
    Moment,
    points,
)
from tests.reliability.crash_story import NAME, SETTINGS, Story, Teller
from tests.reliability.overseer import Overseer

MakeStory = Callable[[], Story]


@pytest.fixture
def tell(aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path) -> MakeStory:
    def begin() -> Story:
        teller = Teller()
        plugins = {"teller": teller, "overseer": Overseer()}
        return Story(aws, make_rig(SETTINGS, plugins=plugins), teller, tmp_path)

    return begin


def state_of_the_run(rig: Rig) -> str:
    runs = rig.store.runs()
    return runs[0].state.value if runs else UNREGISTERED


class At:
    """Aims at a moment."""

    def __init__(self, rig: Rig, moment: Moment) -> None:
        self._rig = rig
        self._moment = moment
        self._passed = 0
        self._lock = threading.Lock()

    def reached(self, name: str) -> bool:
        if name != self._moment.point or state_of_the_run(self._rig) != self._moment.state:
            return False
        with self._lock:
            self._passed += 1
            return self._passed == self._moment.time


class Everywhere:
    """Aims at nothing, and counts what is passed."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.passed: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def reached(self, name: str) -> bool:
        state = state_of_the_run(self._rig)
        with self._lock:
            self.passed[state, name] += 1
        return False


@pytest.mark.matrix("kill", KILLS, sample=4)
def test_killed_at_any_point_the_run_ends_as_if_nothing_had_been(
    tell: MakeStory, kill: Kill
) -> None:
    story = tell()
    story.rig.kill_at(At(story.rig, kill.moment))
    run = story.see_to_the_end(known_dead=kill.known_dead)
    assert story.kills == [kill.moment.point]
    story.is_well_ended(run)


def test_the_moments_to_kill_at_are_those_of_a_run_without_any_kill(tell: MakeStory) -> None:
    story = tell()
    everywhere = Everywhere(story.rig)
    story.rig.kill_at(everywhere)
    run = story.see_to_the_end(known_dead=True)
    assert story.kills == []
    story.is_well_ended(run)
    declared = {
        (state, point): times
        for state, effects in PASSED.items()
        for effect, times in effects.items()
        for point in points(effect)
    }
    assert everywhere.passed.keys() == declared.keys()
    assert {at: times for at, times in declared.items() if everywhere.passed[at] < times} == {}


def test_nothing_that_the_engine_does_is_left_out() -> None:
    told = {
        effect.removeprefix("before ").removeprefix("after ")
        for effects in PASSED.values()
        for effect in effects
    }
    assert told | ELSEWHERE.keys() == EFFECTS
    assert told.isdisjoint(ELSEWHERE)


@pytest.mark.parametrize("known_dead", [True, False], ids=["dead", "silent"])
@pytest.mark.parametrize("point", [*points("aws ec2:DeleteTags"), "after store commit"])
def test_killed_while_the_run_is_released_it_stays_released_and_whole(
    aws: SimulatedAws, rig: Rig, tmp_path: Path, point: str, known_dead: bool
) -> None:
    launch = launch_run(aws, NAME, jobs=20, machines=2, directory=tmp_path)
    run = rig.until_state(rig.register(launch).run, State.RUNNING)
    rig.ask(run, RequestKind.RELEASE)
    own, others = rig.split(launch)
    rig.kill_at(point)
    with pytest.raises(Killed, match=point):
        rig.tick(run)
    rig.restart(died=known_dead)
    released = rig.until_state(run, State.EXPORTED)
    assert released.outcome is Outcome.RELEASED
    assert len(rig.events(run, "state")) == 2
    assert rig.split(launch) == (own, others)
