"""What a plugin itself writes down shows no secret of any plugin."""

from datetime import timedelta
from pathlib import Path

import msgspec

from dcp_engine.hookspecs import (
    Context,
    Duty,
    DutyResult,
    Observation,
    Secret,
    StepResult,
    TeardownStep,
    done,
    hookimpl,
)
from dcp_engine.model import State
from dcp_engine.simulation.launch import launch_run
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.virtual_clock import VirtualClock
from tests.engine.rig import Rig

TOKEN = "xoxb-9-Hunter2Hunter2"


class _Options(msgspec.Struct):
    token: Secret


class Talkative:
    """Says its token wherever a plugin can say something."""

    @hookimpl
    def options(self) -> type[msgspec.Struct]:
        return _Options

    @hookimpl
    def duties(self, options: _Options) -> list[Duty]:
        token = options.token.reveal()

        def run(context: Context) -> DutyResult:
            context.commit(
                event="posted",
                text=f"Posted with {token}.",
                data={"how": ["header", {f"X-{token}": f"Bearer {token}"}]},
            )
            return DutyResult(
                problems={"chatty": f"The token {token} is old."},
                observations=[Observation(name=f"sent by {token[:12]}", value=1)],
            )

        states = frozenset({State.PENDING, State.RUNNING, State.DRAINING})
        return [Duty(name="post", states=states, every=timedelta(days=1), run=run)]

    @hookimpl
    def teardown_steps(self, options: _Options) -> list[TeardownStep]:
        token = options.token.reveal()

        def run(context: Context) -> StepResult:
            context.commit(event="farewell", text=f"Good-bye from {token}.")
            return done(f"said with {token}")

        return [TeardownStep(name="farewell", run=run)]


def test_nothing_that_is_kept_of_a_run_shows_a_secret(
    aws: SimulatedAws, clock: VirtualClock, tmp_path: Path
) -> None:
    launch = launch_run(aws, "Exp1", jobs=2, machines=1, directory=tmp_path)
    tables: dict[str, dict[str, object]] = {"talkative": {"token": TOKEN}}
    rig = Rig(aws, clock, tmp_path, plugins={"talkative": Talkative()}, tables=tables)
    run = rig.register(launch).run
    ended = rig.until_state(run, State.EXPORTED)
    events = rig.events(run)
    assert {"posted", "farewell", "problem"} <= {event.kind for event in events}
    (posted, *_) = rig.events(run, "posted")
    assert posted.text.startswith("Posted with ")
    everything = msgspec.json.encode([ended, events]).decode()
    assert "Hunter2" not in everything


def test_a_plugin_that_lacks_its_settings_needs_a_person(
    aws: SimulatedAws, clock: VirtualClock, tmp_path: Path
) -> None:
    launch = launch_run(aws, "Exp1", jobs=2, machines=1, directory=tmp_path)
    rig = Rig(aws, clock, tmp_path, plugins={"talkative": Talkative()})
    run = rig.tick(rig.register(launch).run).run
    problem = run.problem("plugin-talkative")
    assert problem is not None
    assert problem.needs_person
    assert "token" in problem.text
