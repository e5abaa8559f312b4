"""A hook that fails is not called in every look: what is remembered of it, and for how long."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from threading import Event as Gate

import pytest

from dcp_engine import plugin_records
from dcp_engine.defaults import Settings
from dcp_engine.hookspecs import Duty, Later, Records, Tick, hookimpl
from dcp_engine.model import Event, Run, State
from dcp_engine.simulation.launch import launch_run
from dcp_engine.simulation.server import SimulatedAws
from tests.engine.days import launch_for_days
from tests.engine.rig import Rig
from tests.unit.runs import START
from tests.unit.runs import run as some_run

MakeRig = Callable[..., Rig]
DAY = timedelta(days=1)
SELDOM = Settings(poll_interval=timedelta(minutes=10))


def working(aws: SimulatedAws, rig: Rig, directory: Path, name: str = "Exp1") -> Run:
    """A run that works for days."""
    return rig.register(launch_for_days(aws, directory, name)).run


class Looker:
    """Looks on, and fails while it is told to."""

    def __init__(self) -> None:
        self.raises: Exception | None = ValueError("no room on the disk")
        self.called: list[datetime] = []

    @hookimpl
    def ticked(self, tick: Tick) -> None:
        self.called.append(tick.at)
        if self.raises:
            raise self.raises

    def minutes(self) -> list[int]:
        """The pauses between its calls."""
        pauses = (after - before for before, after in pairwise(self.called))
        return [round(pause.total_seconds() / 60) for pause in pauses]


def test_one_that_fails_looks_on_less_and_less_and_once_a_day_in_the_end(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    looker = Looker()
    rig = make_rig(SELDOM, plugins={"theirs": looker})
    run = working(aws, rig, tmp_path)
    half = rig.clock.now() + timedelta(hours=4)
    now = rig.until(run, lambda _: rig.clock.now() > half)
    problem = now.problem("plugin-theirs")
    assert problem is not None
    assert "no room on the disk" in problem.text
    assert not problem.needs_person
    # Another process keeps to that, and says it too.
    rig.restart(died=True)
    end = rig.clock.now() + timedelta(hours=5)
    now = rig.until(run, lambda _: rig.clock.now() > end)
    assert looker.minutes() == [10, 20, 40, 60, 60, 60, 60, 60, 60]
    problem = now.problem("plugin-theirs")
    assert problem is not None
    assert problem.needs_person
    assert "is suspended: it is tried once a day only" in problem.text
    told = [e for e in rig.events(run, "problem") if e.data["problem"] == "plugin-theirs"]
    assert len(told) == 2
    looker.raises = None
    rig.restart(died=True)
    hours = timedelta(hours=1)
    now = rig.until(run, lambda _: len(looker.called) == 11, within=2 * DAY, every=hours)
    assert looker.minutes()[-1] >= 24 * 60
    assert now.problem("plugin-theirs") is None
    assert now.plugins == ()
    rig.tick(run)
    rig.tick(run)
    assert len(looker.called) == 13


def test_one_that_says_when_is_asked_then_and_never_suspended(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    looker = Looker()
    looker.raises = Later(timedelta(minutes=20), "the folder is full")
    rig = make_rig(SELDOM, plugins={"theirs": looker})
    run = working(aws, rig, tmp_path)
    now = rig.until(run, lambda _: len(looker.called) == 15)
    assert set(looker.minutes()) == {20}
    problem = now.problem("plugin-theirs")
    assert problem is not None
    assert "the folder is full" in problem.text
    assert not problem.needs_person
    looker.raises = Later(timedelta(days=300), "the folder is full")
    rig.until(run, lambda _: len(looker.called) == 17)
    assert looker.minutes()[-1] == 60


def test_the_end_of_a_run_is_looked_on_by_one_that_is_suspended(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    seen: list[State] = []

    class Suspended:
        @hookimpl
        def ticked(self, run: Run) -> None:
            seen.append(run.state)
            raise Later(timedelta(hours=1), "not now")

    rig = make_rig(plugins={"theirs": Suspended()})
    launch = launch_run(aws, "Exp1", jobs=2, machines=1, directory=tmp_path)
    rig.until_state(rig.register(launch).run, State.EXPORTED)
    assert len(seen) == 2
    assert seen[-1] is State.EXPORTED


def test_one_that_looks_on_may_see_the_other_runs_of_the_database(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    seen: list[tuple[list[str], str, str]] = []

    class Looks:
        @hookimpl
        def ticked(self, run: Run, records: Records) -> None:
            live = [other.names.app_name for other in records.runs()]
            seen.append((live, records.find("Exp2").id, records.events(run.id)[0].run_id))

    rig = make_rig(plugins={"theirs": Looks()})
    one = working(aws, rig, tmp_path)
    two = working(aws, rig, tmp_path / "two", name="Exp2")
    rig.tick(one)
    assert seen == [(["Exp2", "Exp1"], two.id, one.id)]


class Teller:
    """Is told events, and asks for patience."""

    def __init__(self) -> None:
        self.patience: Exception | None = None
        self.asked: list[tuple[datetime, str]] = []
        self.told: list[str] = []
        self.clock: Callable[[], datetime] = datetime.now

    @hookimpl
    def notify(self, run: Run, event: Event) -> None:
        self.asked.append((self.clock(), run.names.app_name))
        if self.patience:
            raise self.patience
        self.told.append(event.id)


def test_a_notifier_that_asks_for_patience_has_it_from_every_run_and_process(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    teller = Teller()
    teller.patience = Later(timedelta(minutes=5), "HTTP 429")
    rig = make_rig(plugins={"theirs": teller})
    teller.clock = rig.clock.now
    one = working(aws, rig, tmp_path)
    two = working(aws, rig, tmp_path / "two", name="Exp2")
    begun = rig.clock.now()
    for _ in range(16):
        for run in (one, two):
            rig.tick(run)
        # As under cron: each look is another process.
        rig.restart(died=True)
        rig.clock.advance(60)
    asked = [round((at - begun).total_seconds() / 60) for at, _ in teller.asked]
    assert asked[:3] == [0, 5, 10]
    assert all(after - before >= 5 for before, after in pairwise(asked))
    assert rig.run(one).problem("notify-theirs") or rig.run(two).problem("notify-theirs")
    teller.patience = None
    rig.clock.advance(600)
    for run in (one, two):
        rig.tick(run)
        rig.tick(run)
        assert [e.id for e in rig.events(run)] == [e for e in teller.told if e in ids(rig, run)]
        now = rig.run(run)
        assert now.problem("notify-theirs") is None
        assert now.plugins == ()


def ids(rig: Rig, run: Run) -> set[str]:
    return {event.id for event in rig.events(run)}


@pytest.mark.parametrize(
    ("after", "pause"),
    [(timedelta(days=9), 3600), (timedelta(seconds=-5), 1), ("soon", 30)],
    ids=["an hour is the most", "never at once", "nonsense is a failure like any other"],
)
def test_patience_has_bounds(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path, after: object, pause: int
) -> None:
    class Own(Later):
        def __init__(self) -> None:
            super().__init__(after, "patience")  # type: ignore[arg-type]

    teller = Teller()
    teller.patience = Own()
    rig = make_rig(plugins={"theirs": teller})
    teller.clock = rig.clock.now
    run = working(aws, rig, tmp_path)
    rig.tick(run)
    rig.clock.advance(pause - 0.5)
    rig.tick(run)
    assert len(teller.asked) == 1
    rig.clock.advance(1)
    rig.tick(run)
    assert len(teller.asked) == 2


def test_polling_every_second_does_not_suspend_within_minutes(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    looker = Looker()
    rig = make_rig(Settings(poll_interval=timedelta(seconds=1)), plugins={"theirs": looker})
    run = working(aws, rig, tmp_path)
    end = rig.clock.now() + timedelta(minutes=4)
    rig.until(run, lambda _: rig.clock.now() > end)
    assert looker.minutes() == [1, 2]


class Slow:
    """Hangs when the engine starts, while it is told to."""

    def __init__(self) -> None:
        self.gate: Gate | None = Gate()
        self.called = 0

    @hookimpl
    def duties(self) -> Sequence[Duty]:
        self.called += 1
        if self.gate:
            self.gate.wait(60)
        return []


def test_what_hangs_at_the_start_is_remembered_and_forgotten_when_it_does_not(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    slow = Slow()
    gate = slow.gate
    assert gate is not None
    rig = make_rig(SELDOM, plugins={"theirs": slow}, patience=timedelta(milliseconds=50))
    try:
        run = working(aws, rig, tmp_path)
        now = rig.until_state(run, State.RUNNING)
        # Once for each process, however often it looks.
        rig.tick(run)
        (record,) = now.plugins
        assert (record.plugin, record.hook, record.failures) == ("theirs", "load", 1)
        problem = now.problem("plugin-theirs")
        assert problem is not None
        assert problem.needs_person
        assert "did not come back" in problem.text
        rig.restart(died=True)
        (record,) = rig.tick(run).run.plugins
        assert record.failures == 2
        assert record.next_at == rig.clock.now() + timedelta(minutes=20)
        slow.gate = None
        rig.restart(died=True)
        now = rig.tick(run).run
        assert now.plugins == ()
        assert now.problem("plugin-theirs") is None
    finally:
        gate.set()


def test_one_that_hangs_does_not_hold_up_the_next_look_of_cron(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    gate = Gate()

    class Hangs:
        called = 0

        @hookimpl
        def ticked(self) -> None:
            self.called += 1
            gate.wait(60)

    hangs = Hangs()
    rig = make_rig(plugins={"theirs": hangs}, patience=timedelta(milliseconds=50))
    try:
        run = working(aws, rig, tmp_path)
        for expected in (1, 1, 2, 2, 2, 2, 3):
            rig.tick(run)
            assert hangs.called == expected
            rig.restart(died=True)
            rig.clock.advance(5 * 60 + 1)
    finally:
        gate.set()


def test_one_that_is_not_there_any_more_is_forgotten(
    aws: SimulatedAws, make_rig: MakeRig, tmp_path: Path
) -> None:
    rig = make_rig(plugins={"theirs": Looker()})
    run = rig.tick(working(aws, rig, tmp_path)).run
    assert run.problem("plugin-theirs") is not None
    rig._plugins.clear()
    rig.restart(died=True)
    now = rig.tick(run).run
    assert now.problem("plugin-theirs") is None
    assert now.plugins == ()


def test_a_suspended_one_is_tried_once_a_day() -> None:
    now, minute = some_run(), timedelta(minutes=1)
    for _ in range(10):
        now = plugin_records.failed(now, "slow", "load", "no", now=START, first=minute)
    (record,) = now.plugins
    assert plugin_records.is_suspended(record)
    assert record.next_at - START == DAY
