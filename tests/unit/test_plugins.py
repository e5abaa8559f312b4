"""The plugins of one engine: which are loaded, what becomes of those that fail, who hears whom."""

import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dcp_engine import plugin_loading, plugin_sources
from dcp_engine.builtin import BUILT_IN
from dcp_engine.defaults import Settings
from dcp_engine.hookspecs import hookimpl
from dcp_engine.isolation import rounded
from dcp_engine.loaded import Selection
from dcp_engine.model import Event
from dcp_engine.plugin_facts import PluginFacts
from dcp_engine.plugin_sources import from_package
from dcp_engine.plugins import Plugins
from tests.unit.distributions import (
    TELLS,
    WITH_SECRET,
    errors,
    install,
    module_of,
    plugin,
    write_plugin,
)
from tests.unit.runs import START, run

SOON = timedelta(milliseconds=50)
TOKEN = "xoxb-12345"
EVENT = Event(id="1", run_id="Exp1-0", at=START, kind="state", text="x")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What a plugin hangs at until the test is over."""
    event = threading.Event()
    yield event
    event.set()


def load(environ: Mapping[str, str] | None = None, **selected: Any) -> Plugins:
    found = Plugins(environ=environ, patience=timedelta(seconds=20))
    found.load(from_package(BUILT_IN, "1.0"), Selection(**selected))
    return found


def facts(found: Plugins) -> dict[str, PluginFacts]:
    return {one.name: one for one in found.facts()}


# Which are loaded.


def test_every_installed_one_is_loaded_when_nothing_is_said(site: Path) -> None:
    install(site, "alerts", TELLS)
    found = load()
    assert errors(found) == {}
    assert list(facts(found))[: len(BUILT_IN)] == list(BUILT_IN)
    one = facts(found)["alerts"]
    assert (one.state, one.origin, one.version, one.hooks) == (
        "loaded",
        "fake-alerts",
        "1.0",
        ("notify",),
    )
    assert found.notifiers() == ("notifications", "alerts")


def test_only_those_in_the_list_are_loaded_and_no_other_is_imported(site: Path) -> None:
    install(site, "alerts", TELLS)
    install(site, "zulip", TELLS)
    found = load(only=("alerts",))
    assert facts(found)["zulip"].state == "not wanted"
    assert facts(found)["alerts"].state == "loaded"
    assert module_of(site, "zulip") not in sys.modules
    assert errors(found) == {}


def test_an_empty_list_looks_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def looked() -> list[object]:
        raise AssertionError("installed plugins were looked for")

    monkeypatch.setattr(plugin_loading, "installed", looked)
    found = load(only=(), disabled=("dashboard",), tables={"alerts": {"token": "x"}})
    assert list(facts(found)) == list(BUILT_IN)
    assert errors(found) == {}


def test_with_an_empty_list_a_misspelt_name_to_disable_is_named_all_the_same(site: Path) -> None:
    install(site, "alerts", TELLS)
    found = load(only=(), disabled=("alerts", "dashbord"))
    assert errors(found) == {"dashbord": "there is no plugin of that name to be disabled"}
    assert module_of(site, "alerts") not in sys.modules


def test_a_disabled_one_is_not_imported(site: Path) -> None:
    install(site, "alerts", "raise RuntimeError")
    found = load(disabled=("alerts", "dashboard"))
    assert (facts(found)["alerts"].state, facts(found)["dashboard"].state) == (
        "disabled",
        "disabled",
    )
    assert module_of(site, "alerts") not in sys.modules
    assert errors(found) == {}
    assert "dashboard" not in {owned.item.name for owned in found.teardown_steps(Settings())}


def test_what_is_not_there_is_named_and_shown(site: Path) -> None:
    install(site, "alerts", TELLS)
    found = load(only=("alrts",), disabled=("nobody",), tables={"colours": {"red": 1}})
    assert "not installed; installed are:" in errors(found)["alrts"]
    assert "alerts" in errors(found)["alrts"]
    assert "no plugin of that name" in errors(found)["nobody"]
    assert "no plugin for the table [colours]" in errors(found)["colours"]
    for name in ("alrts", "nobody", "colours"):
        assert (facts(found)[name].state, facts(found)[name].error) == (
            "failed",
            errors(found)[name],
        )


def test_one_of_ours_may_be_named_in_the_list() -> None:
    found = load(only=("logs",))
    assert errors(found) == {}
    assert facts(found)["logs"].state == "loaded"


def test_a_table_for_one_of_ours_is_named_and_does_not_cost_us_its_work() -> None:
    found = load(only=("logs",), tables={"queue": {"colour": 1}})
    assert "table [queue]" in errors(found)["queue"]
    assert "queue" in {owned.item.name for owned in found.teardown_steps(Settings())}


def test_none_takes_the_place_of_one_of_ours(site: Path, tmp_path: Path) -> None:
    install(site, "queue", TELLS, dist="fake-thief")
    path = write_plugin(tmp_path / "alarms.py", TELLS)
    found = load(only=("queue", str(path)))
    assert "fake-thief is left out" not in errors(found).get("alarms", "")
    assert str(path) in errors(found)["alarms"]
    assert found.notifiers() == ("notifications",)
    assert facts(found)["alarms"].origin == "built in"
    assert "queue" in {owned.item.name for owned in found.teardown_steps(Settings())}


def test_one_that_is_installed_under_a_name_of_ours_is_left_out(site: Path) -> None:
    install(site, "queue", "raise RuntimeError", dist="fake-thief")
    found = load()
    assert "fake-thief is left out" in errors(found)["queue"]
    assert module_of(site, "queue") not in sys.modules
    assert facts(found)["queue"].origin == "built in"


def test_of_two_files_of_a_name_the_first_is_taken(tmp_path: Path) -> None:
    first = write_plugin(tmp_path / "one" / "alerts.py", TELLS)
    second = write_plugin(tmp_path / "two" / "alerts.py", "raise RuntimeError")
    found = load(only=(str(first), str(second)))
    assert f"{second} is left out" in errors(found)["alerts"]
    assert facts(found)["alerts"].origin == str(first)
    assert "alerts" in found.notifiers()


def test_a_file_without_a_name_is_refused(tmp_path: Path) -> None:
    path = write_plugin(tmp_path / ".py", TELLS)
    found = load(only=(str(path),))
    assert "no name before the .py" in errors(found)[".py"]
    assert found.notifiers() == ("notifications",)


# What fails at loading.


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("1/0", "division by zero"),
        ("import sys; sys.exit('gone')", "gone"),
        ("raise KeyboardInterrupt('gone')", "gone"),
        ("import no_such_module_at_all", "no_such_module_at_all"),
        (f"token = '{TOKEN}' +", "SyntaxError: invalid syntax (alerts.py, line 1)"),
        ("dcp_engine_hooks = 2", "version 2 of the hooks"),
        ("dcp_engine_hooks = '1'", "must be a number: 1"),
        ("dcp_engine_hooks = True", "must be a number: 1"),
        ("from dcp_engine.hookspecs import hookimpl\n@hookimpl\ndef notfy(run): 0", "hook notfy"),
        ("def notify(run, event): 0\nready = 5", "with `@hookimpl`, after"),
        ("def notify(run, event): 0\ndef ready(): 0", "Its notify and ready may be meant"),
        ("", "it has no hook"),
        (
            "from dcp_engine.hookspecs import hookimpl\n@hookimpl\nasync def notify(event): 0",
            "its hook notify is an `async` function",
        ),
        (
            "from dcp_engine.hookspecs import hookimpl\n@hookimpl\ndef notify(run, evt, z=1): 0",
            "its hook notify takes evt, and there is no such argument: it may take run, event, opt",
        ),
    ],
)
def test_one_that_fails_to_load_is_named_and_the_others_are_loaded(
    code: str, words: str, tmp_path: Path
) -> None:
    bad = write_plugin(tmp_path / "alerts.py", code)
    good = write_plugin(tmp_path / "good.py", TELLS)
    found = load(only=(str(bad), str(good)))
    assert words in errors(found)["alerts"]
    assert TOKEN not in errors(found)["alerts"]
    assert facts(found)["alerts"].state == "failed"
    assert found.notifiers() == ("notifications", "good")


def test_one_that_hangs_at_import_is_left_behind_for_good(gate: threading.Event) -> None:
    came_back = threading.Event()

    def options() -> None:
        gate.wait(60)
        came_back.set()

    def notify(run: object, event: object) -> None:
        raise AssertionError

    found = Plugins({}, patience=SOON)
    found.add("slow", plugin(options=options, notify=notify))
    assert "did not come back" in errors(found)["slow"]
    gate.set()
    assert came_back.wait(30)
    # Coming back too late does not make it one of those that are called.
    found.add("next", plugin(notify=lambda: None))
    assert found.notifiers() == ("next",)
    assert facts(found)["slow"].state == "failed"


def test_a_file_that_hangs_when_it_is_run_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    slow = write_plugin(tmp_path / "slow.py", "import threading\nthreading.Event().wait(60)")
    good = write_plugin(tmp_path / "good.py", TELLS)
    found = Plugins(patience=timedelta(seconds=1))
    found.load([], Selection(only=(str(slow), str(good))))
    assert "did not come back within 1 seconds" in errors(found)["slow"]
    assert found.notifiers() == ("good",)


def test_a_file_that_others_can_write_is_refused_with_words(tmp_path: Path) -> None:
    path = write_plugin(tmp_path / "alerts.py", TELLS)
    path.chmod(0o666)
    found = load(only=(str(path), str(tmp_path / "none.py")))
    assert "others can write" in errors(found)["alerts"]
    assert "could not be read" in errors(found)["none"]


def test_a_script_in_place_of_a_plugin_is_said_to_have_called_sys_exit(tmp_path: Path) -> None:
    script = write_plugin(tmp_path / "private" / "script.py", "import sys\nsys.exit(5)\n")
    found = load(only=(str(script),))
    assert errors(found)["script"].startswith(
        "it called sys.exit while being loaded (SystemExit(5))"
    )


@pytest.mark.parametrize(
    ("limit", "said"),
    [(24.3471, "24"), (60, "60"), (120, "120"), (0.05, "0.05"), (1.987, "2")],
)
def test_how_long_it_was_waited_for_is_said_in_round_figures(limit: float, said: str) -> None:
    assert rounded(timedelta(seconds=limit)) == said


def test_an_object_that_is_hard_to_look_at_harms_nobody() -> None:
    class Prickly:
        dcp_engine_hooks = 1

        @property
        def boom(self) -> object:
            raise SystemExit(3)

        def __eq__(self, other: object) -> bool:
            raise RuntimeError("not comparable")

        __hash__ = None  # type: ignore[assignment]

        def __repr__(self) -> str:
            raise RuntimeError("not printable")

        @hookimpl
        def summary(self) -> dict[str, str]:
            return {"a": "b"}

    class Worse:
        def __dir__(self) -> list[str]:
            raise KeyboardInterrupt("no")

    class Closed:
        @property
        def dcp_engine_hooks(self) -> int:
            raise SystemExit(3)

    found = Plugins({})
    found.add("prickly", Prickly())
    found.add("worse", Worse())
    found.add("closed", Closed())
    found.add("nothing", None)
    found.add("good", plugin(summary=lambda: {"c": "d"}))
    assert set(errors(found)) == {"worse", "closed", "nothing"}
    assert "it has no hook" in errors(found)["nothing"]
    assert found.summary(run()) == {"c": "d", "a": "b"}
    assert facts(found)["prickly"].hooks == ("summary",)


def test_the_same_object_may_have_two_names() -> None:
    found, same = Plugins({}), plugin(notify=lambda: None)
    found.add("one", same)
    found.add("two", same)
    assert errors(found) == {}
    assert found.notifiers() == ("one", "two")


def test_the_variables_of_an_installed_one_reach_it(site: Path) -> None:
    install(site, "chat", WITH_SECRET)
    install(site, "chat-bot", TELLS)
    environ = {"DCP_ENGINE_CHAT_TOKEN": TOKEN, "DCP_ENGINE_CHAT_MOST": "5"}
    assert errors(load(environ, tables={"chat": {"room": "lab"}})) == {}
    # One whose name is longer has those that begin with it.
    assert "no such setting" in errors(load({**environ, "DCP_ENGINE_CHAT_BOT_X": "1"}))["chat-bot"]


def test_one_whose_settings_do_not_fit_is_left_out_with_all_that_is_wrong(site: Path) -> None:
    install(site, "chat", WITH_SECRET)
    found = load({"DCP_ENGINE_CHAT_MOST": "many"}, tables={"chat": {"token": 5, "rom": TOKEN}})
    said = errors(found)["chat"]
    assert facts(found)["chat"].state == "failed"
    assert "must be text" in said
    assert "did you mean room?" in said
    assert "DCP_ENGINE_CHAT_MOST" in said
    assert TOKEN not in said


def test_two_engines_in_a_process_have_nothing_in_common(site: Path) -> None:
    install(site, "chat", WITH_SECRET)
    one = load({"DCP_ENGINE_CHAT_TOKEN": "token-1"})
    two = load({"DCP_ENGINE_CHAT_TOKEN": "token-2"}, disabled=("queue",))
    assert "token-2" in one.in_words("token-2")
    assert "token-1" not in one.in_words("token-1")
    assert facts(one)["queue"].state == "loaded"
    assert two.notify("chat", run(), EVENT) == one.notify("chat", run(), EVENT)


def test_nothing_is_read_of_what_is_installed_but_its_entry_points(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def points(*, group: str) -> Sequence[object]:
        asked.append(group)
        return []

    monkeypatch.setattr(plugin_sources, "entry_points", points)
    load()
    assert asked == ["dcp_engine"]
    load(only=())
    assert asked == ["dcp_engine"]
