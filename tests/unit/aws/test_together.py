"""One question for the fleets of many runs: what is shared, for how long, and what never is."""

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from dcp_engine.aws.together import MOST, Fleets, Together
from dcp_engine.errors import Denied, Transient
from dcp_engine.ports import FleetFacts

A, B, C = "sfr-a", "sfr-b", "sfr-c"
START = datetime(2030, 1, 1, tzinfo=UTC)
FOR_EVER = 1e9


class HandClock:
    """Two clocks that are moved by hand, together or one alone."""

    def __init__(self) -> None:
        self.wall = START
        self.stopwatch = 100.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.stopwatch

    def sleep(self, seconds: float) -> None:
        self.passes(seconds)

    def passes(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.stopwatch += seconds


def facts(fleet_id: str, target: int = 3) -> FleetFacts:
    return FleetFacts(
        id=fleet_id,
        state="active",
        type="maintain",
        target=target,
        fulfilled=3.0,
        observed_at=START,
    )


class Ec2:
    """What is asked of it, and who is not known to it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.gone: set[str] = set()
        self.silent_on: set[str] = set()

    def __call__(
        self, own: Sequence[str], others: Sequence[str]
    ) -> Mapping[str, FleetFacts | None]:
        self.asked.append((*own, *others))
        return {
            i: None if i in self.gone else facts(i)
            for i in (*own, *others)
            if i not in self.silent_on
        }


class Scene:
    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.ec2 = Ec2()
        minute = timedelta(minutes=1)
        self.together = Together(
            clock, fresh=minute, lasting=22 * minute, patience=timedelta(seconds=20)
        )
        self.fleets = self.together.at("1", "r", "key")

    def look(self, *ids: str) -> Mapping[str, FleetFacts | None]:
        return self.fleets.ask(ids, self.ec2, until=FOR_EVER)

    def all_known(self, *ids: str) -> None:
        """Each was asked after by its own run once, long enough ago."""
        for fleet_id in ids:
            self.look(fleet_id)
        self.ec2.asked.clear()
        self.clock.passes(600)


@pytest.fixture
def scene() -> Scene:
    return Scene(HandClock())


def test_the_first_to_ask_asks_for_all_and_the_others_take_it_with_its_age(scene: Scene) -> None:
    scene.all_known(A, B, C)
    assert scene.look(A)[A] == facts(A)
    scene.clock.passes(40)
    assert scene.fleets.told([B, C]) is not None
    told = scene.look(B)[B]
    assert told is not None
    assert told.age == timedelta(seconds=40)
    assert told.observed_at == START
    assert [set(ids) for ids in scene.ec2.asked] == [{A, B, C}]


def test_an_answer_older_than_a_minute_is_nobodys(scene: Scene) -> None:
    scene.all_known(A, B)
    scene.look(A)
    scene.clock.passes(61)
    assert scene.fleets.told([B]) is None
    scene.look(B)
    assert len(scene.ec2.asked) == 2


@pytest.mark.parametrize(("wall", "stopwatch"), [(8 * 3600, 5), (5, 8 * 3600), (-30, 5)])
def test_neither_clock_alone_makes_an_answer_young(
    scene: Scene, wall: float, stopwatch: float
) -> None:
    """The stopwatch stands still while a laptop sleeps, and a clock may be set back."""
    scene.all_known(A, B)
    scene.look(A)
    scene.clock.wall += timedelta(seconds=wall)
    scene.clock.stopwatch += stopwatch
    assert scene.fleets.told([B]) is None


def test_who_was_never_seen_is_asked_for_alone(scene: Scene) -> None:
    scene.all_known(A, B)
    scene.look(C)
    assert scene.ec2.asked == [(C,)]


def test_one_that_aws_does_not_know_is_its_own_runs_to_find_out(scene: Scene) -> None:
    scene.all_known(A, B, C)
    scene.ec2.gone.add(B)
    scene.look(A)
    assert scene.fleets.told([B]) is None
    assert scene.fleets.told([C]) is not None
    assert scene.look(B) == {B: None}
    scene.clock.passes(600)
    scene.look(A)
    assert [set(ids) for ids in scene.ec2.asked] == [{A, B, C}, {B}, {A, C}]


def test_one_that_an_answer_leaves_out_is_not_gone_for_its_run(scene: Scene) -> None:
    scene.all_known(A, B)
    scene.ec2.silent_on.add(B)
    assert scene.look(A)[A] is not None
    scene.ec2.silent_on.clear()
    assert scene.look(B)[B] is not None


def test_runs_that_look_no_more_are_asked_for_no_more(scene: Scene) -> None:
    scene.all_known(A, B)
    scene.clock.passes(1000)
    scene.look(A)
    assert scene.ec2.asked == [(A,)]


def test_no_more_than_a_hundred_at_once_and_the_longest_unheard_first(scene: Scene) -> None:
    many = [f"sfr-{number}" for number in range(150)]
    scene.fleets.expect([A, *many])
    scene.look(A)
    scene.clock.passes(30)
    left = next(i for i in many if scene.fleets.told([i]) is None)
    scene.look(left)
    first, second = map(set, scene.ec2.asked)
    assert len(first) == len(second) == MOST
    assert first | second == {A, *many}


def test_after_a_change_nobody_goes_by_what_was_said_before(scene: Scene) -> None:
    scene.all_known(A, B)
    scene.look(A)
    scene.fleets.changed([B])
    assert scene.fleets.told([B]) is None
    assert scene.fleets.told([A]) is not None
    scene.look(B)
    assert len(scene.ec2.asked) == 2


def test_an_answer_that_was_under_way_during_a_change_is_not_kept(scene: Scene) -> None:
    scene.all_known(A, B)

    def slow(own: Sequence[str], others: Sequence[str]) -> Mapping[str, FleetFacts | None]:
        answer = scene.ec2(own, others)
        scene.fleets.changed([B])
        return answer

    scene.fleets.ask([A], slow, until=FOR_EVER)
    assert scene.fleets.told([B]) is None
    assert scene.fleets.told([A]) is not None


def test_a_failure_is_the_askers_own_and_spoils_nothing(scene: Scene) -> None:
    scene.all_known(A, B)

    def fails(own: Sequence[str], others: Sequence[str]) -> Mapping[str, FleetFacts | None]:
        raise Transient("ec2:DescribeSpotFleetRequests", "InternalError", "no")

    with pytest.raises(Transient):
        scene.fleets.ask([A], fails, until=FOR_EVER)
    assert scene.look(B)[B] is not None
    assert set(scene.ec2.asked[0]) == {A, B}


def test_another_key_and_another_place_know_nothing_of_it(scene: Scene) -> None:
    scene.look(A)
    assert scene.together.at("1", "r", "key").told([A]) is not None
    for account, region, key in (("2", "r", "key"), ("1", "s", "key"), ("1", "r", "other")):
        assert scene.together.at(account, region, key).told([A]) is None
    # And what the first key saw is not there for it any more either: it may be allowed less now.
    assert scene.together.at("1", "r", "key").told([A]) is None


def test_forgotten_credentials_take_everything_along(scene: Scene) -> None:
    scene.look(A)
    scene.together.forget()
    assert scene.together.at("1", "r", "key").told([A]) is None


class Held:
    """A question that waits until it is let go; `begun` when it is under way."""

    def __init__(self, ec2: Ec2, error: Exception | None = None) -> None:
        self._ec2, self._error = ec2, error
        self.begun, self.let_go = threading.Event(), threading.Event()

    def __call__(
        self, own: Sequence[str], others: Sequence[str]
    ) -> Mapping[str, FleetFacts | None]:
        self.begun.set()
        assert self.let_go.wait(10)
        if self._error:
            raise self._error
        return self._ec2(own, others)


def in_a_thread(fleets: Fleets, fleet_id: str, held: Held) -> tuple[threading.Thread, list[object]]:
    came: list[object] = []

    def run() -> None:
        try:
            came.append(fleets.ask([fleet_id], held, until=FOR_EVER)[fleet_id])
        except Denied as error:
            came.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert held.begun.wait(10)
    return thread, came


def test_two_that_ask_at_once_ask_once(scene: Scene) -> None:
    scene.all_known(A, B)
    held = Held(scene.ec2)
    first, came = in_a_thread(scene.fleets, A, held)
    answers: list[object] = []
    second = threading.Thread(target=lambda: answers.append(scene.look(B)[B]))
    second.start()
    second.join(0.05)
    assert second.is_alive()
    assert scene.ec2.asked == []
    held.let_go.set()
    first.join(10)
    second.join(10)
    assert came == [facts(A)]
    assert answers == [facts(B)]
    assert len(scene.ec2.asked) == 1


def test_one_that_waited_for_a_question_that_failed_asks_by_itself(scene: Scene) -> None:
    scene.all_known(A, B)
    held = Held(scene.ec2, Denied("ec2:DescribeSpotFleetRequests", "UnauthorizedOperation", "no"))
    first, came = in_a_thread(scene.fleets, A, held)
    answers: list[object] = []
    second = threading.Thread(target=lambda: answers.append(scene.look(B)[B]))
    second.start()
    held.let_go.set()
    first.join(10)
    second.join(10)
    assert isinstance(came[0], Denied)
    assert answers == [facts(B)]


def test_nobody_waits_for_a_slow_answer_past_their_own_deadline(scene: Scene) -> None:
    scene.all_known(A, B)
    held = Held(scene.ec2)
    first, _ = in_a_thread(scene.fleets, A, held)
    # No time is left for waiting, so it asks by itself while the first is still under way.
    soon = scene.fleets.ask([B], scene.ec2, until=scene.clock.stopwatch)
    assert soon == {B: facts(B)}
    assert scene.ec2.asked == [(B,)]
    held.let_go.set()
    first.join(10)
