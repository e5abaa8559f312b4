"""Troubles with the jobs: when each begins, when it ends, and when it cannot be told."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from dcp_engine.builtin.troubles.scene import Dead, Known, Scene
from dcp_engine.builtin.troubles.work import (
    coming_back,
    dead_letters_growing,
    nothing_happens,
    overfull,
    stalled,
)
from dcp_engine.defaults import Settings
from dcp_engine.model import Identities, State
from dcp_engine.ports import ServiceFacts
from dcp_engine.series import Bucket, thinned
from tests.unit.numbers import at, count, seen
from tests.unit.runs import START, reading, run
from tests.unit.troubles.scenes import QUEUE, roll, scene, standing, work, working

HEALTHY = work(0, 121)


def halted(minutes: int, *, after: int = 60, **more: Any) -> list[Bucket]:
    """Work, and then none for so long."""
    before = work(0, after, **more)
    return [
        *before,
        *work(after, after + minutes + 1, **{**more, "rate": 0.0, "left": 1000.0 - 2 * after}),
    ]


@pytest.mark.parametrize("cloudwatch", [True, False], ids=["by CloudWatch", "by the counts"])
def test_a_run_in_which_no_job_is_done_any_more_has_stalled(cloudwatch: bool) -> None:
    # Twenty in flight and two done a minute: each takes ten minutes.
    assert stalled(scene(halted(25, cloudwatch=cloudwatch), 85)) is None
    words = stalled(scene(halted(35, cloudwatch=cloudwatch), 95))
    assert isinstance(words, str)
    assert "10 machines ran and 420 jobs were left, 20 of them in flight" in words
    assert "A job usually takes 10 minutes" in words
    again = [*halted(35), *work(96, 130, left=840.0)]
    assert stalled(scene(again, 130)) is None


def test_jobs_that_take_long_are_waited_for_three_times_as_long() -> None:
    """Twenty in flight and two done in ten minutes: each takes 100 minutes."""
    slow = halted(330, after=300, rate=0.2)
    assert stalled(scene(slow, 590)) is None
    assert isinstance(stalled(scene(slow, 625)), str)


def test_what_is_usual_is_not_what_became_of_it() -> None:
    """The longer it lasts, the longer a job would seem to take; that must not put it off."""
    few = halted(300, after=30, rate=0.5, in_flight=10)
    assert isinstance(stalled(scene(few, 150)), str)
    assert isinstance(stalled(scene(few, 330)), str)


def test_before_a_first_job_is_done_the_visibility_timeout_is_waited_for() -> None:
    first = work(0, 200, rate=0.0)
    assert stalled(scene(first, 115)) is None
    words = stalled(scene(first, 130))
    assert isinstance(words, str)
    assert "within 2 hours, the visibility timeout" in words
    unknown = replace(QUEUE, queue_visibility=None)
    assert stalled(scene(first, 190, of=working(identities=unknown))) is None


def test_of_the_last_jobs_one_may_take_long() -> None:
    last = working(visible=0, in_flight=20, state=State.DRAINING)
    hangs = [*work(0, 60, left=140), *work(60, 300, rate=0.0, left=20)]
    assert stalled(scene(hangs, 200, of=last)) is None
    assert isinstance(stalled(scene(hangs, 220, of=last)), str)


def test_jobs_that_come_back_are_given_time_to_be_taken() -> None:
    """Those of machines that died wait out their visibility timeout while the others idle."""
    waits = [*work(0, 60, left=140), *work(60, 150, rate=0.0, left=20)]
    back = [*waits, *work(150, 200, rate=0.0, in_flight=0, left=20)]
    assert stalled(scene(back, 155)) is None
    assert isinstance(stalled(scene(back, 190)), str)


@pytest.mark.parametrize(
    "of",
    [working(machines=0), working(0, 0), working(reading=None)],
    ids=["no machine", "no job", "never counted"],
)
def test_where_nothing_can_be_done_nothing_has_stalled(of: Any) -> None:
    assert stalled(scene(halted(60), 120, of=of)) is None


def test_machines_that_have_only_come_again_have_not_stalled() -> None:
    gap = [*work(0, 60), *work(60, 110, rate=0.0, machines=0), *work(110, 130, rate=0.0)]
    assert stalled(scene(gap, 130)) is None


def test_stalled_is_not_told_of_a_time_in_which_nobody_looked() -> None:
    woken: dict[str, Any] = {"machines": 10.0, "fulfilled": 10.0, "target": 10.0}
    slept = [*HEALTHY, count(600, 740, 20), seen(600.1, **woken)]
    assert stalled(scene(HEALTHY, 600)) is Known.NOT
    assert stalled(scene(slept, 600)) is None
    assert stalled(scene([], 120)) is None
    assert stalled(scene([count(0, 1, 1)], 120)) is Known.NOT


def test_a_clock_that_jumps_makes_no_run_stall() -> None:
    assert stalled(scene(HEALTHY, 120 + 60 * 24)) is Known.NOT
    assert stalled(scene(HEALTHY, 40)) is None
    assert stalled(scene(HEALTHY, -60)) in {None, Known.NOT}


def back(received: float, minutes: int = 120, **more: Any) -> Scene:
    return scene(work(0, 121, received=received), minutes, **more)


def test_jobs_that_are_taken_far_more_often_than_done_come_back() -> None:
    words = coming_back(back(3.0))
    assert isinstance(words, str)
    assert "180 were handed out, 120 left the queue for good and 60 came back" in words
    assert "(2 hours)" in words
    assert coming_back(back(2.2)) is None
    assert coming_back(back(2.0)) is None


def test_what_is_in_the_workers_hands_by_now_did_not_come_back() -> None:
    """A fleet that has just come takes many jobs and has done none yet."""
    start = [
        *[count(minute, 1000 - minute * 4, minute * 4) for minute in range(50)],
        *[seen(minute, deleted=0.0, received=4.0) for minute in range(0, 50, 5)],
    ]
    assert coming_back(scene(start, 50)) is None


def test_jobs_that_still_come_back_are_told_until_they_are_half_as_many() -> None:
    assert isinstance(coming_back(back(2.4, **standing("jobs-coming-back", 60))), str)
    assert coming_back(back(2.4)) is None
    assert coming_back(back(2.2, **standing("jobs-coming-back", 60))) is None


def test_few_jobs_are_counted_over_hours() -> None:
    """Five machines with a job of 40 minutes each, and every second one comes back."""
    slow = work(0, 361, rate=0.06, received=0.12, in_flight=5, machines=5)
    assert isinstance(coming_back(scene(slow, 360)), str)
    assert coming_back(scene(slow, 60)) is None


def test_without_cloudwatch_nobody_knows_what_comes_back() -> None:
    assert coming_back(scene(work(0, 121, cloudwatch=False))) is Known.NOT
    assert coming_back(scene([])) is Known.NOT
    assert coming_back(back(3.0, 600)) is Known.NOT


def test_the_machines_that_ended_meanwhile_are_counted() -> None:
    ended = roll(3, first=20, ended_at=at(100))
    words = coming_back(back(3.0, machines=[*roll(10), *ended]))
    assert isinstance(words, str)
    assert "3 machines ended in that time" in words


@pytest.mark.parametrize(
    ("dead", "found"),
    [
        (Dead(first=4, count=4), None),
        (Dead(first=4, count=7, grew_at=at(70)), str),
        (Dead(first=4, count=7, grew_at=at(60)), None),
        (Dead(first=0, count=0, grew_at=at(100)), str),
        (None, Known.NOT),
    ],
    ids=["as before", "more", "quiet again", "taken out again", "not known"],
)
def test_dead_letters_are_told_while_they_grow(dead: Dead | None, found: Any) -> None:
    words = dead_letters_growing(scene(HEALTHY, dead=dead))
    assert isinstance(words, str) if found is str else words is found
    if dead and dead.count == 7 and isinstance(words, str):
        assert words.startswith("3 jobs have failed for good")
        assert "queue Exp1Dead went from 4 to 7" in words


def test_more_in_flight_than_the_machines_hold_is_too_much() -> None:
    lost = [*HEALTHY, *work(121, 160, machines=5)]
    assert overfull(scene(lost, 131)) is None
    words = overfull(scene(lost, 145))
    assert isinstance(words, str)
    assert "20 on 5 machines, which usually hold about 2 each, 10 together" in words
    back_again = [*lost, *work(160, 200, machines=5, in_flight=10)]
    assert overfull(scene(back_again, 175, **standing("overfull", 145))) is None
    few = [*lost, *work(160, 200, machines=5, in_flight=16)]
    assert isinstance(overfull(scene(few, 175, **standing("overfull", 145))), str)
    # As many as that would not have made it begin.
    assert overfull(scene([*HEALTHY, *work(121, 160, machines=5, in_flight=15)], 145)) is None


def test_what_lasts_does_not_become_usual() -> None:
    lost = [*HEALTHY, *work(121, 900, machines=5)]
    assert isinstance(overfull(scene(lost, 880, **standing("overfull", 145))), str)


def test_a_fleet_that_comes_bit_by_bit_is_not_overfull() -> None:
    """At each look half of the machines are still starting."""
    ramp = [
        bucket
        for step in range(12)
        for bucket in work(
            step * 10, step * 10 + 10, in_flight=step * 16.0, machines=step * 8.0 + 8
        )
    ]
    full = [*ramp, *work(120, 300, in_flight=192, machines=96)]
    for minutes in range(5, 300, 5):
        found = overfull(scene(full, minutes))
        assert not isinstance(found, str), (minutes, found)


@pytest.mark.parametrize("numbers", [[], HEALTHY[:40]], ids=["nothing", "a short time"])
def test_what_is_usual_is_not_known_at_first(numbers: list[Bucket]) -> None:
    assert not isinstance(overfull(scene(numbers)), str)


def test_no_machine_at_all_is_another_trouble() -> None:
    assert overfull(scene([*HEALTHY, *work(121, 160, machines=0)], 145)) is None
    assert overfull(scene(HEALTHY, 300)) is Known.NOT


IDLE = work(0, 61, rate=0.0, in_flight=0)
NO_TASK = ServiceFacts(
    status="ACTIVE", desired=0, running=0, created_at=START, task_definition="Exp1Task:1"
)
WAITING = working(400, 0)


def test_a_run_whose_jobs_nobody_takes_is_told_of() -> None:
    assert nothing_happens(scene(IDLE, 25, of=WAITING)) is None
    words = nothing_happens(scene(IDLE, 40, of=WAITING, service=NO_TASK))
    assert isinstance(words, str)
    assert "400 jobs wait and 10 machines are up since 12:00 UTC" in words
    assert "wants 0 containers and has 0 running" in words
    unknown = nothing_happens(scene(IDLE, 40, of=WAITING))
    assert isinstance(unknown, str)
    assert "is not known" in unknown


@pytest.mark.parametrize(
    "sign",
    [count(30.5, 399, 1), seen(30, received=0.2), seen(30, deleted=0.2)],
    ids=["in flight", "received", "deleted"],
)
def test_any_sign_of_work_is_something(sign: Bucket) -> None:
    numbers = sorted([*IDLE, sign], key=lambda bucket: bucket.at)
    assert nothing_happens(scene(numbers, 60, of=WAITING)) is None


def test_without_cloudwatch_fewer_jobs_are_a_sign_of_work() -> None:
    counts = work(0, 61, rate=0.0, in_flight=0, cloudwatch=False)
    assert isinstance(nothing_happens(scene(counts, 60, of=WAITING)), str)
    fell = [*counts, count(60.5, 999, 0)]
    assert nothing_happens(scene(fell, 60.6, of=WAITING)) is None


def test_machines_must_have_been_up_for_as_long() -> None:
    late = [*work(0, 40, rate=0, in_flight=0, machines=0), *work(40, 61, rate=0, in_flight=0)]
    assert nothing_happens(scene(late, 60, of=WAITING)) is None
    assert nothing_happens(scene(IDLE, 60, of=working(400, 0, machines=0))) is None
    assert nothing_happens(scene(IDLE, 60, of=working(0, 0))) is None
    never = scene([count(minute, 400) for minute in range(61)], 60, of=WAITING)
    assert nothing_happens(never) is Known.NOT


def test_the_settings_are_gone_by() -> None:
    eager = Settings(stalled_after=timedelta(minutes=15), nothing_after=timedelta(minutes=10))
    quick = halted(25, in_flight=4, rate=2.0)
    assert isinstance(stalled(scene(quick, 82, settings=eager)), str)
    assert stalled(scene(quick, 82)) is None
    assert isinstance(nothing_happens(scene(IDLE, 20, of=WAITING, settings=eager)), str)


@pytest.mark.parametrize("found", [stalled, coming_back, overfull, nothing_happens])
def test_numbers_that_were_thinned_tell_the_same_or_less(found: Any) -> None:
    """After days only hours are left of what was: a healthy run stays one."""
    old = thinned(HEALTHY, at(5 * 24 * 60))
    assert not isinstance(found(scene([*old, *work(7200, 7260)], 7260)), str)


@pytest.mark.parametrize("found", [stalled, coming_back, overfull, nothing_happens])
def test_a_run_of_which_nothing_is_known_has_no_trouble(found: Any) -> None:
    unknown = run(State.RUNNING, identities=Identities())
    assert not isinstance(found(scene([], of=unknown, machines=[])), str)
    one = run(State.RUNNING, reading=reading(5, 1), identities=Identities())
    assert not isinstance(found(scene([count(0, 5, 1)], 1, of=one, machines=[])), str)
