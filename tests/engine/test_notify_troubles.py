"""Notifiers that fail, are slow, or die in between: who is told what, and what is said of it."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from dcp_engine.defaults import Settings
from dcp_engine.hookspecs import hookimpl
from dcp_engine.model import Event, RequestKind, Run, State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.launch import launch_run
from dcp_engine.simulation.runs import Scenario
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.engine.rig import Killed, Rig

MakeRig = Callable[..., Rig]
HOUR = timedelta(hours=1)
PATIENCE = timedelta(hours=72)


class Teller:
    """Tells what it is handed, while it can."""

    def __init__(self, takes: float = 0, clock: VirtualClock | None = None) -> None:
        self.broken = False
        self.deaf_to: str | None = None
        self.tried: list[Event] = []
        self.told: list[Event] = []
        self._takes = takes
        self._clock = clock

    @hookimpl
    def notify(self, run: Run, event: Event) -> None:
        self.tried.append(event)
        if self._clock is not None:
            self._clock.advance(self._takes)
        if self.broken or run.names.app_name == self.deaf_to:
            raise ConnectionError("the other side is down")
        self.told.append(event)

    def of(self, run: Run) -> list[str]:
        """The ids of the events of a run that were told, in order."""
        return [event.id for event in self.told if event.run_id == run.id]


def ids(rig: Rig, run: Run) -> list[str]:
    return [event.id for event in rig.events(run)]


def begin(aws: SimulatedAws, rig: Rig, directory: Path, name: str = "Exp1") -> Run:
    launch = launch_run(aws, name, jobs=2, machines=1, directory=directory, cluster=name)
    return rig.register(launch).run


def tell_the_rest(rig: Rig, run: Run) -> None:
    """Tick a run in its last state until nothing is left to tell."""
    far = 100 * HOUR
    every = timedelta(minutes=1)
    rig.until(run, lambda _: not rig.store.due(run.id, rig.clock.now() + far), every=every)


def of_notify(rig: Rig, run: Run, kind: str, plugin: str) -> list[Event]:
    return [e for e in rig.events(run, kind) if e.data["problem"] == f"notify-{plugin}"]


def test_one_failure_is_nothing_to_hear_of(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    teller = Teller()
    rig = make_rig(plugins={"theirs": teller})
    run = begin(aws, rig, tmp_path)
    teller.broken = True
    rig.tick(run)
    teller.broken = False
    rig.until_state(run, State.EXPORTED)
    tell_the_rest(rig, run)
    assert len(teller.tried) == len(teller.told) + 1
    assert teller.of(run) == ids(rig, run)
    assert of_notify(rig, run, "problem", "theirs") == []


def test_who_keeps_a_run_tells_what_comes_and_what_failed(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    """What waits is not asked for at each look, where nothing did and nothing has come."""
    teller = Teller()
    rig = make_rig(settings=Settings(lease_ttl=12 * HOUR), plugins={"theirs": teller})
    rig.keeps_lease = True
    run = rig.until_state(begin(aws, rig, tmp_path), State.RUNNING)
    for _ in range(3):
        rig.clock.advance(10)
        rig.tick(run)
    assert teller.of(run) == ids(rig, run)
    told = len(teller.told)
    teller.broken = True
    aws.faults.add("sqs:GetQueueAttributes", Fault.DENIED, times=8)
    rig.clock.advance(60)
    assert "queue-unreadable" in {problem.name for problem in rig.tick(run).run.problems}
    assert len(teller.tried) == told + 1
    # It is not its moment yet.
    rig.clock.advance(10)
    rig.tick(run)
    assert len(teller.tried) == told + 1
    teller.broken = False
    rig.clock.advance(30)
    rig.tick(run)
    assert teller.of(run) == ids(rig, run)
    assert len(teller.told) > told


def test_a_failing_one_holds_nobody_up_and_tells_everything_in_order_when_it_can(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    broken, sound = Teller(), Teller()
    rig = make_rig(plugins={"broken": broken, "sound": sound})
    run = begin(aws, rig, tmp_path)
    broken.broken = True
    now = rig.until(run, lambda now: now.problem("notify-broken") is not None)
    assert len(broken.tried) == 2
    assert broken.tried[0].id == broken.tried[1].id
    problem = now.problem("notify-broken")
    assert problem is not None
    assert "The plugin broken could not tell what happened" in problem.text
    assert not problem.needs_person
    ended = rig.until_state(run, State.EXPORTED)
    assert ended.problem("notify-broken") is not None
    assert len(set(sound.of(run))) == len(sound.of(run))
    assert set(ids(rig, run)) - set(sound.of(run)) <= set(ids(rig, run)[-2:])
    assert broken.told == []
    # The pauses grow: half a minute, one, two, … up to an hour.
    assert len(broken.tried) <= 9
    broken.broken = False
    tell_the_rest(rig, run)
    assert broken.of(run) == ids(rig, run)
    assert sound.of(run) == ids(rig, run)
    assert rig.run(run).problems == ()
    assert len(of_notify(rig, run, "problem-over", "broken")) == 1


def test_it_takes_a_person_when_it_goes_on(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    teller = Teller()
    teller.broken = True
    rig = make_rig(plugins={"theirs": teller})
    run = begin(aws, rig, tmp_path)

    def needs_person(now: Run) -> bool:
        problem = now.problem("notify-theirs")
        return problem is not None and problem.needs_person

    rig.until(run, needs_person, every=timedelta(minutes=5))
    assert len(teller.tried) == 8
    # Told when it began, and when a person was needed; and nobody is told of that again and again.
    rig.until(run, lambda _: len(teller.tried) == 20, within=timedelta(days=1), every=HOUR)
    assert len(of_notify(rig, run, "problem", "theirs")) == 2


def test_after_72_hours_it_is_given_up_though_the_run_has_ended_long_since(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    teller, sound = Teller(), Teller()
    teller.broken = True
    rig = make_rig(plugins={"theirs": teller, "sound": sound})
    run = begin(aws, rig, tmp_path)
    rig.until_state(run, State.EXPORTED)
    end = rig.clock.now()
    aws.requests.clear()

    def nothing_left(now: Run) -> bool:
        if rig.clock.now() < end + PATIENCE - HOUR:
            assert rig.store.due(run.id, rig.clock.now() + 2 * HOUR)
        return not rig.store.due(run.id, rig.clock.now() + 100 * HOUR)

    now = rig.until(run, nothing_left, within=2 * PATIENCE, every=HOUR)
    assert end + PATIENCE <= rig.clock.now() <= end + 2 * PATIENCE
    assert teller.told == []
    problem = now.problem("notify-theirs")
    assert problem is not None
    assert "given up after 72 hours" in problem.text
    assert sound.of(run) == ids(rig, run)
    # Once an hour at most, and once for each that is given up.
    assert len(teller.tried) <= 2 * PATIENCE / HOUR + 20
    assert len(aws.requests) == 0
    # It is over for good.
    teller.broken = False
    tried = len(teller.tried)
    for _ in range(3):
        rig.clock.advance(7200)
        rig.tick(run)
    assert len(teller.tried) == tried


def test_that_nothing_can_be_told_is_not_told_anew_with_each_message(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    teller = Teller()
    teller.broken = True
    rig = make_rig(plugins={"theirs": teller})
    slowly = Scenario(job_duration=(500_000, 500_001))
    launch = launch_run(
        aws,
        "Exp1",
        jobs=1,
        machines=1,
        directory=tmp_path,
        visibility_timeout=600_000,
        scenario=slowly,
    )
    run = rig.register(launch).run
    half_a_day = rig.clock.now() + 12 * HOUR
    rig.until(run, lambda _: rig.clock.now() > half_a_day, within=13 * HOUR, every=HOUR)
    rig.ask(run, RequestKind.CHEAPEST_ON)

    # The first are given up in the end, so that what came half a day later is tried for as long.
    def is_tried(_: Run) -> bool:
        cheapest = [event.id for event in rig.events(run, "cheapest")]
        return sum(event.id in cheapest for event in teller.tried) > 8

    nearly = rig.clock.now() + PATIENCE - 12 * HOUR
    rig.until(run, lambda _: rig.clock.now() > nearly, within=PATIENCE, every=HOUR)
    rig.until(run, is_tried, every=timedelta(minutes=10))
    assert len(of_notify(rig, run, "problem", "theirs")) == 2


def test_a_failure_for_one_run_holds_no_other_up(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    teller = Teller()
    teller.deaf_to = "Exp1"
    rig = make_rig(plugins={"theirs": teller})
    deaf = begin(aws, rig, tmp_path / "1", "Exp1")
    other = begin(aws, rig, tmp_path / "2", "Exp2")
    for _ in range(5):
        rig.tick(deaf)
        rig.tick(other)
        rig.clock.advance(60)
    rig.tick(other)
    assert teller.of(deaf) == []
    assert teller.of(other) == ids(rig, other)
    assert rig.run(deaf).problem("notify-theirs") is not None
    assert rig.run(other).problems == ()


def test_a_slow_one_has_its_share_of_a_tick_and_no_more(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path, clock: VirtualClock
) -> None:
    slow, other, quick = Teller(20, clock), Teller(20, clock), Teller()
    slow.broken = other.broken = True
    rig = make_rig(plugins={"a-slow": slow, "b-slow": other, "c-quick": quick})
    run = begin(aws, rig, tmp_path)
    rig.until_state(run, State.RUNNING)
    for number in range(20):
        rig.ask(run, RequestKind.CHEAPEST_ON if number % 2 else RequestKind.CHEAPEST_OFF)
        rig.tick(run)
    slow.broken = other.broken = False
    clock.advance(3 * 3600)
    longest = 0.0
    while not (over := rig.run(run).state is State.EXPORTED) or slow.of(run) != ids(rig, run):
        before, events = clock.monotonic(), ids(rig, run)
        rig.tick(run)
        took = clock.monotonic() - before
        longest = max(longest, took)
        # What there was before the tick has reached the other one by its end.
        assert set(events) <= set(quick.of(run))
        clock.advance(0 if over else 60)
    # Half a minute for all, and for each the message that was under way.
    assert 0 < longest < 30 + 2 * 20
    assert quick.of(run) == other.of(run) == ids(rig, run)


@pytest.mark.matrix("nth", [1, 2, 5, 9], sample=2)
def test_killed_after_telling_it_tells_that_one_again_and_nothing_else(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path, nth: int
) -> None:
    teller = Teller()
    rig = make_rig(plugins={"theirs": teller})
    run = begin(aws, rig, tmp_path)

    class BetweenTellingAndRecording:
        def reached(self, name: str) -> bool:
            return len(teller.told) == nth and name == "before store delivered"

    rig.kill_at(BetweenTellingAndRecording())
    with pytest.raises(Killed):
        rig.until_state(run, State.EXPORTED)
    last = teller.told[-1].id
    rig.restart(died=True)
    rig.until_state(run, State.EXPORTED)
    tell_the_rest(rig, run)
    assert list(dict.fromkeys(teller.of(run))) == ids(rig, run)
    assert {i: n for i, n in Counter(teller.of(run)).items() if n > 1} == {last: 2}
