"""One answer for several who ask the same, for seconds, and never across a change."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from unittest import mock

import pytest

from dcp_engine import shared_looks
from dcp_engine.errors import Denied, Transient
from dcp_engine.ports import Aws
from dcp_engine.shared_looks import FRESH, Looks, SharedAws
from dcp_engine.simulation.virtual_clock import VirtualClock

URL = "https://sqs.example/1/Exp1Queue"


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def looks(clock: VirtualClock) -> Looks:
    return Looks(clock)


class Answers:
    """Answers each question with the next number."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, *_: object) -> int:
        self.asked += 1
        return self.asked


@pytest.fixture
def somebody_waits(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set once somebody waits for an answer that has not come."""
    waits = threading.Event()

    class Watched(Future[Any]):
        def result(self, timeout: float | None = None) -> Any:
            if not self.done():
                waits.set()
            return super().result(timeout)

    monkeypatch.setattr(shared_looks, "Future", Watched)
    return waits


def test_who_asks_meanwhile_waits_for_the_answer_that_is_on_its_way(
    looks: Looks, somebody_waits: threading.Event
) -> None:
    answers = Answers()
    with ThreadPoolExecutor() as pool:
        others: list[Future[int]] = []

        def slow() -> int:
            others.append(pool.submit(looks.ask, "queue", answers))
            assert somebody_waits.wait(30)
            return 100

        assert looks.ask("queue", slow) == 100
        assert others[0].result(30) == 100
    assert answers.asked == 0


def test_a_failure_is_for_those_who_waited_and_for_nobody_after_them(
    looks: Looks, somebody_waits: threading.Event
) -> None:
    answers = Answers()
    with ThreadPoolExecutor() as pool:
        others: list[Future[int]] = []

        def fails() -> int:
            others.append(pool.submit(looks.ask, "queue", answers))
            assert somebody_waits.wait(30)
            raise Transient("sqs:GetQueueAttributes", "500", "AWS had a hiccup")

        with pytest.raises(Transient, match="hiccup"):
            looks.ask("queue", fails)
        assert isinstance(others[0].exception(30), Transient)
    assert looks.ask("queue", answers) == 1


def test_an_answer_lasts_for_seconds(looks: Looks, clock: VirtualClock) -> None:
    answers = Answers()
    assert looks.ask("queue", answers) == 1
    clock.advance(FRESH.total_seconds())
    assert looks.ask("queue", answers) == 1
    clock.advance(0.1)
    assert looks.ask("queue", answers) == 2
    assert FRESH.total_seconds() <= 10


def test_an_answer_is_as_old_as_its_question(looks: Looks, clock: VirtualClock) -> None:
    """AWS may have looked right after it was asked, however late its answer comes."""

    def slow() -> int:
        clock.advance(FRESH.total_seconds() + 1)
        return 100

    assert looks.ask("queue", slow) == 100
    assert looks.ask("queue", Answers()) == 1


def test_nobody_takes_an_answer_that_was_asked_for_too_long_ago_and_has_not_come(
    looks: Looks, clock: VirtualClock
) -> None:
    answers = Answers()

    def slow() -> int:
        clock.advance(FRESH.total_seconds() + 1)
        assert looks.ask("queue", answers) == 1
        return 100

    assert looks.ask("queue", slow) == 100
    assert looks.ask("queue", answers) == 1, "the newer answer stands"


def test_each_question_has_its_own_answer(looks: Looks) -> None:
    answers = Answers()
    assert [looks.ask(what, answers) for what in ("queue", "service", "queue")] == [1, 2, 1]


def test_a_look_that_was_under_way_while_something_changed_is_kept_for_nobody(
    looks: Looks,
) -> None:
    answers = Answers()

    def overtaken() -> int:
        looks.forget("queue")
        return 100

    assert looks.ask("queue", overtaken) == 100
    assert looks.ask("queue", answers) == 1


def test_a_failure_that_was_overtaken_takes_no_newer_answer_away(looks: Looks) -> None:
    answers = Answers()

    def overtaken() -> int:
        looks.forget("queue")
        assert looks.ask("queue", answers) == 1
        raise Denied("sqs:GetQueueAttributes", "AccessDenied", "no")

    with pytest.raises(Denied):
        looks.ask("queue", overtaken)
    assert looks.ask("queue", answers) == 1


def aws() -> Any:
    """An AWS whose every look shows something new."""
    made = mock.create_autospec(Aws, instance=True)
    made.queue.look = mock.Mock(side_effect=Answers())
    made.service.describe = mock.Mock(side_effect=Answers())
    return made


def both(shared: SharedAws) -> tuple[object, object]:
    return shared.queue.look(URL), shared.service.describe()


CHANGES: dict[str, tuple[Callable[[SharedAws], None], tuple[int, int]]] = {
    "queue.delete": (lambda shared: shared.queue.delete(URL), (2, 1)),
    "service.scale_to_zero": (lambda shared: shared.service.scale_to_zero(), (1, 2)),
    "service.delete": (lambda shared: shared.service.delete(), (1, 2)),
    "service.delete_cluster": (lambda shared: shared.service.delete_cluster(), (1, 2)),
}


@pytest.mark.parametrize("fails", [False, True], ids=["done", "perhaps done"])
@pytest.mark.parametrize("name", CHANGES)
def test_what_was_changed_is_looked_at_anew(looks: Looks, name: str, fails: bool) -> None:
    there = aws()
    change, expected = CHANGES[name]
    steps = [SharedAws(there, looks), SharedAws(there, looks)]
    assert [both(step) for step in steps] == [(1, 1), (1, 1)]
    service, _, method = name.partition(".")
    called = getattr(getattr(there, service), method)
    called.side_effect = Transient("x:Y", "500", "lost") if fails else None
    if fails:
        with pytest.raises(Transient):
            change(steps[0])
    else:
        change(steps[0])
    assert [both(step) for step in steps] == [expected, expected]


def test_a_third_party_asks_for_itself_and_its_changes_count_for_all(looks: Looks) -> None:
    there = aws()
    ours, theirs = SharedAws(there, looks), SharedAws(there, looks, asks_anew=True)
    assert both(ours) == (1, 1)
    assert [both(theirs), both(theirs)] == [(2, 2), (3, 3)]
    assert both(ours) == (1, 1)
    theirs.queue.delete(URL)
    theirs.service.delete()
    assert both(ours) == (4, 4)


def test_everything_else_is_asked_as_ever(looks: Looks) -> None:
    there = aws()
    shared = SharedAws(there, looks)
    rest = ("identity", "capacity", "machines", "alarms", "logs", "metrics", "bucket", "access")
    assert all(getattr(shared, name) is getattr(there, name) for name in rest)
    shared.queue.dead_letters("arn")
    there.queue.dead_letters.assert_called_once_with("arn")
    for name, given in (
        ("task_definitions", ()),
        ("deregister_task_definition", ("arn",)),
        ("cluster", ()),
        ("container_instances", ()),
        ("joined", (["i-1"],)),
        ("deregister_container_instance", ("instance",)),
    ):
        getattr(shared.service, name)(*given)
        getattr(there.service, name).assert_called_once_with(*given)
