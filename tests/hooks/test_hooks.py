"""Every hook is documented under its exact signature, and a plugin sees what the page says."""

import asyncio
import inspect
import re
import threading
import time
import types
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from dcp_engine.hookspecs import Hooks, hookimpl
from dcp_engine.model import Ended, Event, Run, Settings, State
from dcp_engine.plugins import Plugins
from dcp_engine.simulation.launch import launch_run
from dcp_engine.simulation.server import SimulatedAws
from tests.engine.rig import Rig
from tests.unit.runs import START, run

PAGE = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text(encoding="utf-8")
HEADINGS = re.findall(r"^## (.+)$", PAGE, flags=re.MULTILINE)


def example(hook: str) -> types.ModuleType:
    """The example on the page under a hook's heading, as a plugin module."""
    section = PAGE.partition(f"\n## {hook}(")[2].partition("\n## ")[0]
    code = re.search(r"```python\n(.*?)```", section, flags=re.DOTALL)
    assert code is not None, f"{hook} has no example"
    module = types.ModuleType(f"example_{hook}")
    exec(compile(code[1], f"docs/hooks.md:{hook}", "exec"), module.__dict__)
    return module


def signatures() -> list[str]:
    found = []
    for name, function in inspect.getmembers(Hooks, inspect.isfunction):
        arguments = [p for p in inspect.signature(function).parameters if p != "self"]
        found.append(f"{name}({', '.join(arguments)})")
    return found


def test_every_hook_has_a_heading_with_its_exact_signature() -> None:
    assert sorted(HEADINGS) == sorted(signatures())


def test_every_hook_says_what_it_is_for() -> None:
    for _, function in inspect.getmembers(Hooks, inspect.isfunction):
        assert inspect.getdoc(function)


def test_duties(aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path) -> None:
    rig = make_rig(plugins={"example": example("duties")})
    launch = launch_run(aws, "Exp1", jobs=90, machines=2, directory=tmp_path)
    watched = rig.until_state(rig.register(launch).run, State.RUNNING)
    duty = watched.duty("dead-letter-watch")
    assert duty is not None
    assert duty.next_at is not None
    assert duty.last_at is not None
    assert duty.next_at - duty.last_at == timedelta(minutes=30)
    assert watched.problem("many-dead-letters") is None


def test_teardown_steps(aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path) -> None:
    rig = make_rig(plugins={"example": example("teardown_steps")})
    launch = launch_run(aws, "Exp1", jobs=2, machines=1, directory=tmp_path)
    ended = rig.until_state(rig.register(launch).run, State.EXPORTED)
    step = ended.step("goodbye")
    assert step is not None
    assert (step.ended, step.progress) == (Ended.DONE, {"said": True})
    assert len(rig.events(ended, "goodbye")) == 1


def test_notify(capsys: pytest.CaptureFixture[str]) -> None:
    plugins = Plugins({"example": example("notify")})
    for kind in ("state", "downscale", "problem"):
        event = Event(id=kind, run_id="Exp1-0", at=START, kind=kind, text=f"a {kind}")
        assert plugins.notify("example", run(), event) is None
    assert capsys.readouterr().out == "Exp1: a state\nExp1: a problem\n"


class Liar:
    """Implements every hook and keeps to none."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def respond(self) -> object:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def hostile(answer: object) -> types.ModuleType:
    liar = Liar(answer)
    module = types.ModuleType("hostile")

    @hookimpl
    def duties(settings: Settings) -> object:
        return liar.respond()

    @hookimpl
    def teardown_steps(settings: Settings) -> object:
        return liar.respond()

    @hookimpl
    def notify(run: Run, event: Event) -> None:
        liar.respond()

    module.__dict__.update(duties=duties, teardown_steps=teardown_steps, notify=notify)
    return module


@pytest.mark.parametrize(
    "answer", [ValueError("no"), SystemExit(3), 42, ["not a duty"], [None], "text"]
)
def test_a_plugin_that_lies_is_named_and_left_out(answer: object) -> None:
    plugins = Plugins({"good": example("duties"), "bad": hostile(answer)})
    assert [duty.name for duty in plugins.duties(Settings())] == ["dead-letter-watch"]
    assert plugins.teardown_steps(Settings()) == ()
    assert {(f.plugin, f.hook) for f in plugins.failures} == {
        ("bad", "duties"),
        ("bad", "teardown_steps"),
    }


@pytest.mark.parametrize(
    "answer", [SystemExit("gone"), KeyboardInterrupt("gone"), asyncio.CancelledError("gone")]
)
def test_a_notifier_that_raises_says_so_and_nothing_else_happens(answer: BaseException) -> None:
    plugins = Plugins({"bad": hostile(answer)})
    event = Event(id="1", run_id="Exp1-0", at=START, kind="state", text="x")
    assert "gone" in (plugins.notify("bad", run(), event) or "")
    assert "not installed" in (plugins.notify("nobody", run(), event) or "")


def test_a_notifier_that_hangs_is_left_behind_and_not_waited_for_again() -> None:
    hangs = threading.Event()
    calls: list[str] = []

    @hookimpl
    def notify(run: Run, event: Event) -> None:
        calls.append(event.id)
        hangs.wait(60)

    module = types.ModuleType("hanging")
    module.__dict__["notify"] = notify
    plugins = Plugins({"hanging": module}, patience=timedelta(milliseconds=50))
    events = [Event(id=i, run_id="Exp1-0", at=START, kind="state", text="x") for i in "123"]
    try:
        assert "did not come back" in (plugins.notify("hanging", run(), events[0]) or "")
        assert "earlier call" in (plugins.notify("hanging", run(), events[1]) or "")
        assert calls == ["1"]
    finally:
        hangs.set()
    end = time.monotonic() + 30
    while plugins.notify("hanging", run(), events[2]) is not None:
        assert time.monotonic() < end, "it came back, and is not asked again"


def test_an_object_with_an_unknown_hook_is_refused_with_words() -> None:
    class Wrong:
        @hookimpl
        def notify(self, run: Run, event: Event, colour: str) -> None:
            """Takes an argument that the hook does not have."""

    plugins = Plugins({"wrong": Wrong()})
    assert [failure.plugin for failure in plugins.failures] == ["wrong"]
    assert plugins.notifiers() == ()
