"""Hypothesis searches for acts that break a promise; and the searcher itself is put to the test."""

import contextlib
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from dcp_engine.hookspecs import done
from dcp_engine.model import RequestKind
from tests.chaos.__main__ import main as chaos
from tests.reliability.searcher.acts import ACTS, Act
from tests.reliability.searcher.ending import end
from tests.reliability.searcher.opening import CHOICES, Opening
from tests.reliability.searcher.promises import check, check_neighbour
from tests.reliability.searcher.schedule import Result, run_schedule
from tests.reliability.searcher.world import Violation, World, opened

EXAMPLES = 4
ACTS_IN_EACH = 25
SHORT = 1


class Search(RuleBasedStateMachine):
    """One world; its rules are the acts, added below."""

    def __init__(self) -> None:
        super().__init__()
        self.world: World | None = None
        self._stack = contextlib.ExitStack()
        self._broken = False

    @initialize(
        number=st.integers(0, 2**16),
        opening=st.fixed_dictionaries({k: st.sampled_from(v) for k, v in CHOICES.items()}),
    )
    def begin(self, number: int, opening: dict[str, Any]) -> None:
        """The run is launched and registered."""
        directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self.world = self._stack.enter_context(opened(number, directory, Opening(**opening)))

    @invariant()
    def the_promises_hold(self) -> None:
        """After every act."""
        if self.world is not None:
            with self._noting_what_breaks():
                check(self.world)

    def teardown(self) -> None:
        """Whatever broke is mended, and the run comes to its end; not where a promise broke."""
        with self._stack:
            if self.world is not None and not self._broken:
                end(self.world)

    @contextlib.contextmanager
    def _noting_what_breaks(self) -> Any:
        try:
            yield
        except BaseException:
            self._broken = True
            raise


def _rule_of(act: Act) -> Callable[..., None]:
    def happen(self: Search, **what: Any) -> None:
        if self.world is not None and self.world.run().live:
            with self._noting_what_breaks():
                act.do(self.world, **what)

    happen.__name__ = act.name
    choices = {name: st.sampled_from(values) for name, values in act.choices.items()}
    declare: Callable[..., Callable[[Callable[..., None]], Callable[..., None]]] = rule
    return declare(**choices)(happen)


for _act in ACTS:
    # Hypothesis draws all rules alike, so what happens more often is there more often.
    for _copy in range(_act.weight):
        setattr(Search, f"{_act.name}_{_copy}", _rule_of(_act))


def test_no_acts_break_a_promise(request: pytest.FixtureRequest) -> None:
    class Seeded(Search):
        pass

    run_state_machine_as_test(
        seed(request.config.option.sample_seed)(Seeded),
        settings=settings(
            max_examples=100 if request.config.option.whole else EXAMPLES,
            stateful_step_count=ACTS_IN_EACH,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_schedule_repeats_itself(tmp_path: Path) -> None:
    first = run_schedule(7, SHORT, tmp_path / "first")
    again = run_schedule(7, SHORT, tmp_path / "again")
    assert first.broken is None
    assert first.requests == again.requests
    assert first.tally == again.tally
    assert first.trace == again.trace


@pytest.mark.parametrize(("broken", "code"), [(None, 0), ("Violation: a job is lost", 1)])
def test_the_chaos_command_says_how_to_repeat_what_it_found(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    broken: str | None,
    code: int,
) -> None:
    monkeypatch.setattr(
        "tests.chaos.__main__.run_by_itself",
        lambda seed, number: Result(number, trace=[f"of seed {seed}"], broken=broken),
    )
    assert chaos(["--seed", "7", "--schedule", "123"]) == code
    said = capsys.readouterr().out
    assert "of seed 7" in said
    assert ("a job is lost" in said) == bool(code)
    assert said.endswith("python -m tests.chaos --seed 7 --schedule 123\n") == bool(code)


OPENING = Opening(
    jobs=2,
    machines=2,
    weights=(1.0,),
    cluster="default",
    shares_cluster=False,
    auto_monitor=False,
    visibility_timeout=600,
    crash=0.0,
    stall=0.0,
    poison=False,
    poll_minutes=1,
    guest_lingers=False,
)


def test_a_false_empty_is_found(tmp_path: Path) -> None:
    """An engine that takes jobs in flight for done ends machines that work."""
    with opened(1, tmp_path, OPENING) as world:
        world.tick(0)
        world.clock.advance(260)
        hasty = mock.patch("dcp_engine.decide.confirmed_empty", lambda *_: True)
        late = mock.patch("dcp_engine.engine.jobs_came_late", lambda *_: False)
        with hasty, late:
            world.tick(0)
            with pytest.raises(Violation, match="when the queue was counted last"):
                check(world)
            world.auditor.wrongs.clear()
            with pytest.raises(Violation, match="truly held"):
                check(world)


def test_a_call_about_a_neighbour_is_found(tmp_path: Path) -> None:
    """A gate that lets everything through lets a neighbour's fleet be cancelled."""
    with opened(1, tmp_path, OPENING) as world:
        world.tick(0)
        both = [world.launch.fleet_id, world.neighbour.fleet_id]
        world.wish(RequestKind.ABORT)
        strange = mock.patch("dcp_engine.model.Run.fleet_ids", both)
        blind = mock.patch("dcp_engine.aws.gate.Gate.check", lambda *_, **__: None)
        with strange, blind:
            world.tick(0)
        with pytest.raises(Violation, match="neighbour"):
            check_neighbour(world)


def test_a_driver_without_the_lease_is_found(tmp_path: Path) -> None:
    """Without deadline, guard and fence a frozen driver goes on beside the one that took over."""
    with opened(1, tmp_path, OPENING) as world:
        world.tick(0)
        slow = world.computers[0]
        slow.settings = replace(slow.settings, tick_deadline=timedelta(days=1))
        slow.restart()
        world.wish(RequestKind.ABORT)
        blind = mock.patch("dcp_engine.drive.Drive.guard", lambda _: None)
        unfenced = mock.patch("dcp_engine.store.leases.fence", lambda *_: None)
        with blind, unfenced:
            world.freeze(0, 301, lambda: world.tick(1, keep_lease=True))
        with pytest.raises(Violation, match="while the lease is"):
            check(world)


def test_a_lost_job_is_found(tmp_path: Path) -> None:
    """A queue that goes with a job in it is noticed at the end."""
    with opened(1, tmp_path, OPENING) as world:
        world.tick(0)
        world.aws.client("sqs").purge_queue(QueueUrl=world.launch.queue_url)
        with pytest.raises(Violation, match="lost"):
            end(world)


def test_machines_that_stay_are_found(tmp_path: Path) -> None:
    """A step that says that it is done leaves machines behind, and that is noticed."""
    with opened(1, tmp_path, OPENING) as world:
        world.tick(0)
        world.clock.advance(200)
        world.tick(0)
        world.wish(RequestKind.ABORT)
        lazy = mock.patch("dcp_engine.stop.FleetStop.attempt", lambda _: done())
        lazier = mock.patch("dcp_engine.stop.FleetStop.last_look", lambda _: done())
        with lazy, lazier, pytest.raises(Violation, match="fleets"):
            end(world)
