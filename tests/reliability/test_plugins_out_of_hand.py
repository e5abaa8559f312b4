"""Whole runs with a plugin that never comes back, or uses later what it was handed before."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from dcp_engine import duties, log_export, teardown
from dcp_engine.errors import EngineError, Refused
from dcp_engine.hookspecs import Context, Duty, StepResult, TeardownStep, hookimpl, waiting
from dcp_engine.model import Run
from tests.engine.rig import Rig
from tests.reliability.hostile import WATCHING, Good, Hostile
from tests.reliability.plugin_story import (
    begin,
    go_on,
    good_had_its_way,
    money_stopped,
    was_named,
    went_well,
)

MakeRig = Callable[..., Rig]
# By the wall clock: long enough for what is only slow, on a computer that has much to do.
PATIENCE = timedelta(seconds=2)
HOOKS = [
    "options",
    "duties",
    "duty",
    "teardown_steps",
    "step",
    "log_exporters",
    "export",
    "notify",
    "summary",
    "ticked",
]


@pytest.fixture
def go() -> Iterator[threading.Event]:
    """Lets go of everything that hangs, at the end."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (duties, teardown, log_export):
        monkeypatch.setattr(module, "THIRD_PARTY_PATIENCE", PATIENCE)


@pytest.mark.matrix("hook", HOOKS, sample=3)
def test_one_that_never_comes_back_is_waited_for_once(
    make_rig: MakeRig, tmp_path: Path, go: threading.Event, hook: str
) -> None:
    hostile, good = Hostile(f"{hook}: hangs", lambda _: go.wait(300)), Good()
    rig = make_rig(plugins={"hostile": hostile, "good": good}, patience=PATIENCE)
    story = begin(rig, good, tmp_path)
    go_on(story)
    went_well(story)
    money_stopped(story)
    good_had_its_way(story)
    assert was_named(story, "hostile")
    assert sum(hostile.calls.values()) == 1


def test_nothing_is_held_while_it_makes_up_its_mind(
    make_rig: MakeRig, tmp_path: Path, go: threading.Event
) -> None:
    def think(context: Context) -> None:
        def change(run: Run) -> Run:
            go.wait(300)
            return run

        context.commit(run=change)

    hostile, good = Hostile("duty: thinks", think), Good()
    story = begin(make_rig(plugins={"hostile": hostile, "good": good}), good, tmp_path)
    go_on(story)
    went_well(story)
    good_had_its_way(story)
    assert was_named(story, "hostile")
    assert hostile.calls["duty"] == 1


class Keeper:
    """Keeps every context and uses them all again, whenever it is called for anything."""

    def __init__(self) -> None:
        self.kept: list[Context] = []
        self.refused = 0
        self.wrote: list[str] = []

    @hookimpl
    def duties(self) -> list[Duty]:
        every = timedelta(minutes=4)
        return [Duty(name="keeper", states=WATCHING, every=every, run=self.keep)]

    @hookimpl
    def teardown_steps(self) -> list[TeardownStep]:
        return [TeardownStep(name="keeper", run=self.keep_again)]

    @hookimpl
    def ticked(self, run: Run) -> None:
        self._use()

    @hookimpl
    def notify(self) -> None:
        self._use()

    def keep(self, context: Context) -> None:
        self._use()
        self.kept.append(context)

    def keep_again(self, context: Context) -> StepResult:
        self.keep(context)
        return waiting("always once more", next_in=timedelta(hours=2))

    def _use(self) -> None:
        attempts: list[Callable[[Context], None]] = [
            lambda c: c.commit(event="late", text="Too late."),
            lambda c: c.commit(memory={"late": True}),
            lambda c: c.commit(run=lambda run: replace(run, cheapest=None)),
        ]
        for context in self.kept:
            for attempt in attempts:
                try:
                    attempt(context)
                except Refused:
                    self.refused += 1
                else:
                    self.wrote.append(context.run.state)
            try:
                context.aws.capacity.lower_target(context.run.fleet_ids[0], 1)
            except EngineError:
                self.refused += 1


def test_what_it_keeps_is_of_no_use_later(make_rig: MakeRig, tmp_path: Path) -> None:
    keeper, good = Keeper(), Good()
    rig = make_rig(plugins={"keeper": keeper, "good": good})
    story = begin(rig, good, tmp_path)
    go_on(story)
    went_well(story)
    money_stopped(story)
    good_had_its_way(story)
    assert len(keeper.kept) > 10
    assert keeper.refused > 100
    assert keeper.wrote == []
    assert rig.events(story.run, "late") == []
    for record in (rig.run(story.run).duty("keeper"), rig.run(story.run).step("keeper")):
        assert record is not None
    assert rig.run(story.run).duty("keeper").memory == {}  # type: ignore[union-attr]
    assert rig.run(story.run).step("keeper").progress == {}  # type: ignore[union-attr]
