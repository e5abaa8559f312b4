"""Every hook is documented under its exact signature, and a plugin sees what the page says."""

import asyncio
import inspect
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import types
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dcp_engine.defaults import Settings
from dcp_engine.hookspecs import Hooks, Secret, hookimpl
from dcp_engine.model import Ended, Event, Run, State
from dcp_engine.plugins import Plugins
from dcp_engine.simulation.launch import launch_run
from dcp_engine.simulation.server import SimulatedAws
from tests.engine.rig import Rig
from tests.unit.distributions import said
from tests.unit.runs import START, run

PAGE = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text(encoding="utf-8")
HEADINGS = re.findall(r"^## (\w+\(.*\))$", PAGE, flags=re.MULTILINE)


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
    (seen,) = watched.observations
    assert (seen.name, seen.value, seen.unit) == ("failed jobs", 0, "jobs")
    assert seen.at == duty.last_at


def test_teardown_steps(aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path) -> None:
    rig = make_rig(plugins={"example": example("teardown_steps")})
    launch = launch_run(aws, "Exp1", jobs=2, machines=1, directory=tmp_path)
    ended = rig.until_state(rig.register(launch).run, State.EXPORTED)
    step = ended.step("goodbye")
    assert step is not None
    assert (step.ended, step.progress) == (Ended.DONE, {"said": True})
    assert len(rig.events(ended, "goodbye")) == 1


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[str]]]:
    """The address of a web server on this computer, and what was posted to it."""
    letters: list[str] = []

    class Office(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            letters.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    monkeypatch.setenv("NO_PROXY", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Office) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", letters
        server.shutdown()


def added(hook: str, table: dict[str, object] | None = None, **environ: str) -> Plugins:
    """The page's example for a hook, as somebody's plugin."""
    plugins = Plugins(tables={"example": table or {}}, environ=environ)
    plugins.add("example", example(hook))
    return plugins


def test_options() -> None:
    module = example("options")
    seen = []

    @hookimpl
    def notify(options: object) -> None:
        seen.append(options)

    module.__dict__["notify"] = notify
    plugins = Plugins(
        tables={"example": {"token": "open sesame", "quiet_for": "90s"}},
        environ={"DCP_ENGINE_EXAMPLE_ROOM": "lab", "DCP_ENGINE_OTHER_ROOM": "x"},
    )
    plugins.add("example", module)
    assert plugins.failures == []
    assert plugins.notify("example", run(), event("state")) is None
    (found,) = seen
    assert found == module.__dict__["Options"](
        token=Secret("open sesame"), room="lab", quiet_for=timedelta(seconds=90)
    )
    assert "sesame" not in repr(found)


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({}, "token is missing"),
        ({"token": "open sesame", "rom": "lab"}, "did you mean room?"),
        ({"token": "open sesame", "at_most": 0}, "at_most"),
    ],
)
def test_options_that_do_not_fit(table: dict[str, object], complaint: str) -> None:
    (failure,) = added("options", table).failures
    assert complaint in failure.error
    assert "sesame" not in failure.error


def test_log_exporters(aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path) -> None:
    rig = make_rig(plugins={"example": example("log_exporters")})
    launch = launch_run(aws, "Exp1", jobs=2, machines=1, directory=tmp_path)
    ended = rig.until_state(rig.register(launch).run, State.EXPORTED)
    step = ended.step("logs")
    assert step is not None
    assert (step.ended, step.failures) == (Ended.DONE, 0)
    assert step.reason is not None
    for group in ("Exp1", "Exp1_perInstance"):
        assert f"{group} is at exp1-bucket/exportedlogs/{group}, until" in step.reason
    assert len(rig.events(ended, "logs")) == 2
    assert not aws.requests.count("logs:CreateExportTask")


def event(kind: str) -> Event:
    return Event(id=f"id of {kind}", run_id="Exp1-0", at=START, kind=kind, text=f"a {kind}")


def test_notify(post: tuple[str, list[str]]) -> None:
    address, letters = post
    plugins = added("notify", {"address": address})
    for kind in ("state", "downscale", "problem"):
        assert plugins.notify("example", run(), event(kind)) is None
    assert letters == ["Exp1: a state [id of state]", "Exp1: a problem [id of problem]"]


def test_a_notifier_that_cannot_tell_says_why_and_shows_no_secret(
    post: tuple[str, list[str]],
) -> None:
    address, letters = post
    plugins = added("notify", {"address": address.replace("http", "gopher")})
    error = said(plugins.notify("example", run(), event("state")))
    assert "gopher" in error
    assert address.partition(":")[2] not in error
    assert letters == []


def test_summary(aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path) -> None:
    rig = make_rig(plugins={"example": example("summary")})
    launch = launch_run(aws, "Exp1", jobs=2, machines=1, directory=tmp_path)
    ended = rig.until_state(rig.register(launch).run, State.EXPORTED)
    assert re.fullmatch(r"at most 0\.\d hours", ended.summary["machine time"])
    (last,) = [e for e in rig.events(ended, "state") if e.data["to"] == "EXPORTED"]
    assert last.data["summary"] == ended.summary


def test_ticked(
    aws: SimulatedAws,
    make_rig: Callable[..., Rig],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    rig = make_rig(plugins={"example": example("ticked")})
    launch = launch_run(aws, "Exp1", jobs=2, machines=1, directory=tmp_path)
    registered = rig.register(launch).run
    aws.requests.clear()
    watched = rig.tick(registered).run
    file = tmp_path / f"{watched.id}.json"
    told = json.loads(file.read_text())
    assert told == {
        "state": watched.state,
        "at": rig.clock.now().isoformat(),
        "calls": len(aws.requests),
    }
    assert told["calls"] > 0
    rig.until_state(registered, State.EXPORTED)
    assert json.loads(file.read_text())["state"] == "EXPORTED"


def test_ready(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plugins = added("ready")
    monkeypatch.setenv("PATH", str(tmp_path))
    (lacking,) = plugins.ready("example", Settings())
    assert "no program `sendmail`" in lacking
    program = tmp_path / "sendmail"
    program.touch(mode=0o755)
    assert plugins.ready("example", Settings()) == ()


def test_commands(aws: SimulatedAws, rig: Rig, tmp_path: Path) -> None:
    launch = launch_run(aws, "Exp1", jobs=2, machines=1, directory=tmp_path)
    rig.register(launch)
    section = PAGE.partition("\n## commands(")[2]
    code = re.search(r"```python\n(.*?)```", section, flags=re.DOTALL)
    assert code is not None
    # What others could write would not be loaded.
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    (folder / "my_commands.py").write_text(code[1])
    environment = {**os.environ, "DCP_ENGINE_PLUGINS": str(folder / "my_commands.py")}
    environment["DCP_ENGINE_DB"] = str(rig.database)
    for name, answer in (("failures", "Exp1: 0 dead letters\n"), ("failure", "")):
        done = subprocess.run(
            [sys.executable, "-m", "dcp_engine", name, "Exp1"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout == answer, done.stderr
    assert "There is no command 'failure'" in done.stderr


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
    plugins = Plugins({"good": example("duties")})
    plugins.add("bad", hostile(answer))
    assert [owned.item.name for owned in plugins.duties(Settings())] == ["dead-letter-watch"]
    assert plugins.teardown_steps(Settings()) == ()
    assert {(f.plugin, f.hook) for f in plugins.failures} == {
        ("bad", "duties"),
        ("bad", "teardown_steps"),
    }


@pytest.mark.parametrize(
    "answer", [SystemExit("gone"), KeyboardInterrupt("gone"), asyncio.CancelledError("gone")]
)
def test_a_notifier_that_raises_says_so_and_nothing_else_happens(answer: BaseException) -> None:
    plugins = Plugins()
    plugins.add("bad", hostile(answer))
    event = Event(id="1", run_id="Exp1-0", at=START, kind="state", text="x")
    assert "gone" in said(plugins.notify("bad", run(), event))
    assert "not installed" in said(plugins.notify("nobody", run(), event))


def test_a_notifier_that_hangs_is_left_behind_and_not_waited_for_again() -> None:
    hangs = threading.Event()
    calls: list[str] = []

    @hookimpl
    def notify(run: Run, event: Event) -> None:
        calls.append(event.id)
        hangs.wait(60)

    module = types.ModuleType("hanging")
    module.__dict__["notify"] = notify
    plugins = Plugins(patience=timedelta(milliseconds=50))
    plugins.add("hanging", module)
    events = [Event(id=i, run_id="Exp1-0", at=START, kind="state", text="x") for i in "123"]
    try:
        assert "did not come back" in said(plugins.notify("hanging", run(), events[0]))
        # What it did says more than that it still hangs.
        assert "did not come back" in said(plugins.notify("hanging", run(), events[1]))
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

    plugins = Plugins()
    plugins.add("wrong", Wrong())
    assert [failure.plugin for failure in plugins.failures] == ["wrong"]
    assert plugins.notifiers() == ()
