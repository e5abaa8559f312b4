"""What plugins answer: theirs alone, whole or not at all, and in time."""

import itertools
import threading
import types
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from dcp_engine.answers import duty_result, step_result
from dcp_engine.defaults import Settings
from dcp_engine.hookspecs import Duty, Secret, Tick, hookimpl
from dcp_engine.model import Event, State
from dcp_engine.plugins import Plugins
from dcp_engine.remembered import RememberedRuns
from tests.unit.distributions import errors, plugin, said
from tests.unit.runs import START, run

SOON = timedelta(milliseconds=50)
TOKEN = "xoxb-12345"
EVENT = Event(id="1", run_id="Exp1-0", at=START, kind="state", text="x")


class Options(msgspec.Struct, frozen=True):
    token: Secret


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What a plugin hangs at until the test is over."""
    event = threading.Event()
    yield event
    event.set()


def duty(name: str, act: Callable[[Any], Any] = lambda _: None) -> Duty:
    return Duty(name=name, states=frozenset(State), every=timedelta(0), run=act)


def test_one_that_fails_half_way_through_its_answer_offers_nothing() -> None:
    def duties() -> Iterator[Duty]:
        yield duty("half")
        raise SystemExit(3)

    def summary() -> dict[Any, Any]:
        return {"half": "a line", "other": 5}

    found = Plugins({})
    found.add("bad", plugin(duties=duties, summary=summary))
    found.add("good", plugin(duties=lambda: [duty("whole")], summary=lambda: {"a": "b"}))
    assert [owned.item.name for owned in found.duties(Settings())] == ["whole"]
    assert found.summary(run()) == {"a": "b"}
    assert {failure.hook for failure in found.failures} == {"duties", "summary"}


def test_a_summary_that_comes_too_late_changes_nothing(gate: threading.Event) -> None:
    came_back = threading.Event()

    class Late(dict[str, str]):
        def items(self) -> Any:
            gate.wait(60)
            came_back.set()
            return super().items()

    found = Plugins({}, patience=SOON)
    found.add("late", plugin(summary=lambda: Late(late="line")))
    lines = found.summary(run())
    gate.set()
    assert came_back.wait(30)
    assert lines == {}


def test_of_two_duties_of_a_name_the_first_is_taken_and_the_other_named() -> None:
    found = Plugins({})
    found.add("one", plugin(duties=lambda: [duty("same"), duty("own")]))
    found.add("two", plugin(duties=lambda: [duty("same")]))
    assert [(o.plugin, o.item.name, o.third_party) for o in found.duties(Settings())] == [
        ("one", "same", True),
        ("one", "own", True),
    ]
    assert "the plugin one has one" in errors(found)["two"]


def test_each_hook_is_handed_its_own_options() -> None:
    handed: list[object] = []

    def look_on(options: object) -> None:
        handed.append(options)

    def with_options() -> types.ModuleType:
        return plugin(
            options=lambda: Options,
            ticked=look_on,
        )

    found = Plugins({}, tables={"one": {"token": "token-1"}, "two": {"token": "token-2"}})
    found.add("one", with_options())
    found.add("two", with_options())
    found.add("none", plugin(ticked=look_on))
    found.ticked(run(), None, None)  # type: ignore[arg-type]
    assert handed == [Options(Secret("token-1")), Options(Secret("token-2")), None]


@pytest.mark.parametrize("answer", [None, 5, "Options", Options(Secret("a-token")), dict])
def test_options_that_are_no_struct_type_are_named(answer: object) -> None:
    found = Plugins({}, tables={"bad": {"token": TOKEN}})
    found.add("bad", plugin(options=lambda: answer))
    expected = "lack a `return`" if answer is None else "not a type of msgspec.Struct"
    assert expected in errors(found)["bad"]


def unawaited(act: Callable[[], object]) -> Callable[[], object]:
    """A plain function that hands on what an `async` one returns."""

    def plainly() -> object:
        return act()

    return plainly


async def async_notify() -> None:
    raise AssertionError


def generating_notify() -> Iterator[None]:
    yield
    raise AssertionError


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (unawaited(async_notify), "is an `async` function, and nothing of it was run"),
        (generating_notify, "has a `yield` in it, so nothing of it was run"),
        (lambda: 42, "returned 42; it returns nothing where all went well"),
        (lambda: False, "returned False"),
    ],
)
def test_what_may_not_have_told_has_not_told(act: Callable[[], object], words: str) -> None:
    found = Plugins({})
    found.add("bad", plugin(notify=act, ticked=act))
    assert f"notify {words}" in said(found.notify("bad", run(), EVENT))
    found.ticked(run(), None, None)  # type: ignore[arg-type]
    assert f"ticked {words}" in errors(found)["bad"]


async def coming() -> list[Duty]:
    return []


async def one_by_one() -> AsyncIterator[Duty]:
    yield duty("never")


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: None, "returned None; does it lack a `return`?"),
        (unawaited(coming), "is an `async` function"),
        (unawaited(one_by_one), "is an `async` function"),
    ],
)
def test_an_answer_that_is_none_is_named(act: Callable[[], object], words: str) -> None:
    hooks = ["duties", "teardown_steps", "log_exporters", "commands", "summary", "ready"]
    found = Plugins({})
    for hook in hooks:
        found.add(hook, plugin(**{hook: act}))
    found.duties(Settings())
    found.teardown_steps(Settings())
    found.log_exporters(Settings())
    found.commands(Settings(), str)
    found.summary(run())
    (complaint,) = found.ready("ready", Settings())
    assert words in complaint
    assert all(f"{hook} {words}" in errors(found)[hook] for hook in hooks)


def test_a_duty_or_a_step_that_is_async_says_so() -> None:
    for read in (duty_result, step_result):
        with pytest.raises(TypeError, match="is an `async` function"):
            read(coming())


def test_what_has_no_end_is_cut_off() -> None:
    def ready() -> Iterator[str]:
        while True:
            yield "x" * 1000

    class Endless(dict[str, str]):
        def items(self) -> Any:
            return ((str(n), "x") for n in itertools.count())

    found = Plugins({})
    found.add("ready", plugin(ready=ready))
    found.add("summary", plugin(summary=lambda: Endless(a="b")))
    assert "more than 100 complaints" in found.ready("ready", Settings())[-1]
    assert found.summary(run()) == {}
    assert "more than 100 lines" in errors(found)["summary"]


def test_complaints_are_texts_and_each_is_a_line() -> None:
    found = Plugins({})
    found.add("lines", plugin(ready=lambda: ["a\n12:00:00  RUNNING  b\x1b[2J"]))
    found.add("none", plugin(ready=lambda: ["a", None]))
    assert found.ready("lines", Settings()) == ("a 12:00:00 RUNNING b [2J",)
    assert found.ready("none", Settings())[0] == "a"
    assert "returned None among its texts" in found.ready("none", Settings())[1]


def test_what_one_changes_of_what_it_is_handed_nobody_else_sees() -> None:
    seen: list[tuple[object, ...]] = []

    def look(settings: Any = None, run: Any = None, event: Any = None, tick: Any = None) -> None:
        seen.append(
            (
                settings and settings.empty_readings,
                run and (run.id, dict(run.extra)),
                event and (event.id, dict(event.data)),
                tick and tick.calls,
            )
        )
        force = msgspec.structs.force_setattr
        if settings:
            force(settings, "empty_readings", 1)
        if run:
            force(run, "id", "evil")
            run.extra["evil"] = 1
        if event:
            force(event, "id", "evil")
            event.data["evil"] = 1
        if tick:
            force(tick, "calls", -1)

    def duties(settings: Any) -> list[Duty]:
        look(settings=settings)
        return []

    def ready(settings: Any) -> list[str]:
        look(settings=settings)
        return []

    hooks = plugin(
        duties=duties,
        ready=ready,
        notify=lambda run, event: look(run=run, event=event),
        ticked=lambda run, tick: look(run=run, tick=tick),
    )
    found = Plugins({})
    found.add("evil", hooks)
    found.add("next", hooks)
    settings, about = Settings(), run(extra={})
    event = Event(id="1", run_id="Exp1-0", at=START, kind="state", text="x", data={"to": "y"})
    found.duties(settings)
    found.ready("evil", settings)
    for name in ("evil", "next"):
        found.notify(name, about, event)
    found.ticked(
        about,
        Tick(at=START, took=timedelta(0), calls=3, retries=0),
        RememberedRuns(lambda _: [], lambda _: run(), lambda _: []),
    )
    assert errors(found) == {}
    assert seen == [
        *[(3, None, None, None)] * 3,
        *[(None, (run().id, {}), ("1", {"to": "y"}), None)] * 2,
        *[(None, (run().id, {}), None, 3)] * 2,
    ]


def test_what_went_well_again_is_no_failure_any_more() -> None:
    broken = [True]

    def ticked() -> None:
        if broken:
            raise OSError("no")

    found = Plugins({})
    found.add("moody", plugin(ticked=ticked))
    found.ticked(run(), None, None)  # type: ignore[arg-type]
    assert errors(found) == {"moody": "OSError('no')"}
    broken.clear()
    found.ticked(run(), None, None)  # type: ignore[arg-type]
    assert found.failures == []


@pytest.mark.parametrize(("new", "old"), [(True, False), (False, True)])
def test_none_wraps_the_hooks_of_others(new: bool, old: bool) -> None:
    class Wrapping:
        @hookimpl(wrapper=new, hookwrapper=old)
        def summary(self) -> Iterator[None]:
            yield

    found = Plugins({})
    found.add("wrapping", Wrapping())
    found.add("good", plugin(summary=lambda: {"c": "d"}))
    assert "made to wrap" in errors(found)["wrapping"]
    assert found.summary(run()) == {"c": "d"}


def test_going_first_gives_no_power_over_others() -> None:
    class First:
        @hookimpl(tryfirst=True)
        def notify(self) -> str:
            return "taken care of"

        @hookimpl(tryfirst=True, specname="ticked")
        def anything(self) -> None:
            raise SystemExit(3)

        @hookimpl(optionalhook=True)
        def hook_of_next_year(self) -> None:
            raise AssertionError

    told: list[str] = []
    found = Plugins({})
    found.add("good", plugin(notify=lambda: told.append("good"), ticked=lambda: told.append("t")))
    found.add("first", First())
    assert [one.hooks for one in found.facts()] == [("notify", "ticked")] * 2
    assert found.notify("good", run(), EVENT) is None
    assert "returned 'taken care of'" in said(found.notify("first", run(), EVENT))
    found.ticked(run(), None, None)  # type: ignore[arg-type]
    assert told == ["good", "t"]
    assert set(errors(found)) == {"first"}
