"""`dcp-engine plugins`: which there are, what they lack; and who pays for them."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from dcp_engine import plugin_sources
from dcp_engine.builtin import BUILT_IN
from dcp_engine.errors import EXIT_BAD_INPUT, EXIT_FINE, EXIT_NEEDS_PERSON
from dcp_engine.model import DutyRecord, Problem, Run, State
from dcp_engine.store.sqlite import SqliteStore
from tests.unit.distributions import TELLS, WITH_SECRET, install, module_of, write_plugin
from tests.unit.runs import START, run

Invoke = Callable[..., Result]
TOKEN = "xoxb-12345"

LACKS = """
from dcp_engine.hookspecs import hookimpl

@hookimpl
def ready():
    yield "there is no \\x1b[31mroom\\x1b[0m on this computer"
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "config.toml"
        path.write_text(text)
        path.chmod(0o600)
        monkeypatch.setenv("DCP_ENGINE_CONFIG", str(path))
        return path

    return write


def rows(result: Result) -> dict[str, list[str]]:
    """The table's cells by plugin."""
    lines = result.stdout.partition("\n\n")[0].splitlines()
    return {line.split()[0]: line.split() for line in lines}


def by_name(result: Result) -> dict[str, dict[str, object]]:
    return {one["name"]: one for one in json.loads(result.stdout)}


def test_ours_alone(invoke: Invoke) -> None:
    result = invoke("plugins")
    assert result.exit_code == EXIT_FINE
    found = rows(result)
    assert list(found) == ["NAME", *BUILT_IN]
    assert found["downscale"][2:] == ["built", "in", "loaded", "duties"]
    checked = invoke("plugins", "check")
    assert checked.exit_code == EXIT_FINE
    assert "none says that it lacks anything" in checked.stdout


def test_states_and_where_they_are_from(
    invoke: Invoke, site: Path, config: Callable[[str], Path], tmp_path: Path
) -> None:
    install(site, "alerts", TELLS, dist="fake-lab-alerts")
    install(site, "zulip", TELLS)
    write_plugin(tmp_path / "mine.py", TELLS)
    config('plugins = ["alerts", "mine.py", "gone"]\ndisable = ["dashboard"]')
    result = invoke("plugins")
    assert result.exit_code == EXIT_FINE
    found = rows(result)
    assert found["alerts"] == ["alerts", "1.0", "fake-lab-alerts", "loaded", "notify"]
    assert found["zulip"] == ["zulip", "1.0", "fake-zulip", "not", "wanted", "-"]
    assert found["mine"] == ["mine", "-", str(tmp_path / "mine.py"), "loaded", "notify"]
    assert found["dashboard"][-2:] == ["disabled", "-"]
    assert found["gone"] == ["gone", "-", "-", "failed", "-"]
    assert "gone  it is not installed; installed are: " in result.stdout
    assert invoke("plugins", "check").exit_code == EXIT_NEEDS_PERSON


def test_the_variable_goes_before_the_list_and_empty_means_ours_alone(
    invoke: Invoke,
    site: Path,
    config: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install(site, "alerts", TELLS)
    config('plugins = ["gone"]\ndisable = ["alerts"]\n[alerts]\nroom = "lab"')
    monkeypatch.setenv("DCP_ENGINE_PLUGINS", "")
    result = invoke("plugins", "check")
    assert result.exit_code == EXIT_FINE
    assert list(rows(result)) == ["NAME", *BUILT_IN]


def test_check_says_what_is_missing_harmlessly(invoke: Invoke, site: Path) -> None:
    install(site, "alerts", LACKS)
    assert "room" not in invoke("plugins").stdout
    result = invoke("plugins", "check")
    assert result.exit_code == EXIT_NEEDS_PERSON
    assert "alerts  there is no [31mroom [0m on this computer" in result.stdout
    assert "\x1b" not in result.output
    assert by_name(invoke("plugins", "check", "--json"))["alerts"]["lacking"] == [
        "there is no [31mroom [0m on this computer"
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[chat]\nroom = 'lab'", "token is missing"),
        (f"[chat]\ntoken = ['{TOKEN}']", "it must be text in quotes"),
        (f"[chat]\ntoken = '{TOKEN}'\nmost = 'x'", "expected `int`"),
        (f"[chat]\ntokn = '{TOKEN}'", "did you mean token?"),
        (f"[chat]\ntoken_file = 'https://chat.example/{TOKEN}'", "is an address"),
    ],
)
def test_check_says_what_is_wrong_with_settings_and_shows_no_secret(
    text: str, words: str, invoke: Invoke, site: Path, config: Callable[[str], Path]
) -> None:
    install(site, "chat", WITH_SECRET)
    config(text)
    for args in (["plugins"], ["plugins", "check"], ["plugins", "check", "--json", "-vv"]):
        result = invoke(*args)
        assert words in " ".join(result.stdout.split())
        assert TOKEN not in result.output
    assert invoke("plugins", "check").exit_code == EXIT_NEEDS_PERSON


def test_a_secret_in_a_file_that_others_may_read(
    invoke: Invoke, site: Path, config: Callable[[str], Path]
) -> None:
    install(site, "chat", WITH_SECRET)
    path = config(f"[chat]\ntoken = '{TOKEN}'")
    assert invoke("plugins", "check").exit_code == EXIT_FINE
    path.chmod(0o644)
    result = invoke("plugins", "check")
    assert result.exit_code == EXIT_NEEDS_PERSON
    assert f"chmod 600 {path}" in " ".join(result.stdout.split()).replace("/ ", "/")
    assert TOKEN not in result.output


NOISY = """
import sys, threading
from dcp_engine.hookspecs import hookimpl

print("at import", end="")
sys.stderr.write("loudly\\n")

@hookimpl
def ready():
    print("in a hook")
    sys.stdout.buffer.write(b"bytes")
    talk = threading.Thread(target=print, args=["in a thread of its own"])
    talk.start()
    talk.join()
    return ()
"""


def test_what_plugins_print_never_gets_into_the_json(invoke: Invoke, site: Path) -> None:
    install(site, "noisy", NOISY)
    result = invoke("plugins", "check", "--json", "-v")
    assert by_name(result)["noisy"]["error"] is None
    for said in ("at import", "loudly", "in a hook", "bytes"):
        assert f"dcp_engine.plugin.noisy: {said}" in result.stderr
    assert "in a thread of its own" in result.stderr


def test_the_state_of_a_duty_that_a_run_leaves_alone(
    invoke: Invoke, site: Path, add: Callable[..., Run]
) -> None:
    code = """
from datetime import timedelta
from dcp_engine.hookspecs import Duty, hookimpl
from dcp_engine.model import State

@hookimpl
def duties():
    return [Duty(name="watch", states=frozenset(State), every=timedelta(0), run=print)]
"""
    install(site, "alerts", code)
    words = "The duty watch could not be done: no. It is suspended: it is tried once a day only."
    problem = Problem(name="duty-watch", text=words, since=START, needs_person=True)
    watch = DutyRecord(name="watch", failures=10, last_error="no")
    add(run(State.RUNNING, duties=(watch,), problems=(problem,)))
    result = invoke("plugins")
    assert rows(result)["alerts"][3] == "suspended"
    assert "Exp1: The duty watch could not be done" in " ".join(result.stdout.split())


FAILING = """
from datetime import timedelta
from dcp_engine.hookspecs import Duty, hookimpl
from dcp_engine.model import State

@hookimpl
def duties():
    return [Duty(name="watch", states=frozenset(State), every=timedelta(0), run=print)]

@hookimpl
def ready():
    return {lacks}
"""


def left_alone(add: Callable[..., Run]) -> Run:
    """A run that has suspended a duty of `alerts`."""
    problem = Problem(name="duty-watch", text="It is suspended.", since=START, needs_person=True)
    watch = DutyRecord(name="watch", failures=10, last_error="no")
    return add(run(State.RUNNING, duties=(watch,), problems=(problem,)))


def wishes(database: Path) -> list[tuple[str, object]]:
    store = SqliteStore.open(database)
    try:
        found = [request for one in store.runs() for request in store.requests(one.id)]
        return [(request.kind.value, request.data["plugin"]) for request in found]
    finally:
        store.close()


def test_a_check_that_finds_nothing_has_what_is_suspended_tried_again(
    invoke: Invoke, site: Path, add: Callable[..., Run], database: Path
) -> None:
    install(site, "alerts", FAILING.format(lacks=[]))
    left_alone(add)
    assert invoke("plugins").exit_code == EXIT_FINE
    assert wishes(database) == []
    result = invoke("plugins", "check")
    assert result.exit_code == EXIT_FINE
    assert "alerts was left alone for a time by Exp1; it is tried again" in result.stdout
    assert wishes(database) == [("try-again", "alerts")]


def test_a_check_that_finds_something_lifts_nothing(
    invoke: Invoke, site: Path, add: Callable[..., Run], database: Path
) -> None:
    install(site, "alerts", FAILING.format(lacks=["there is no room"]))
    left_alone(add)
    result = invoke("plugins", "check")
    assert result.exit_code == EXIT_NEEDS_PERSON
    assert "tried again" not in result.stdout
    assert wishes(database) == []


@pytest.mark.parametrize("args", [["plugins", "chek"], ["plugins", "check", "more"]])
def test_wrong_usage(args: list[str], invoke: Invoke) -> None:
    assert invoke(*args).exit_code == EXIT_BAD_INPUT


def test_a_long_name_and_a_long_text_are_shown(invoke: Invoke, tmp_path: Path) -> None:
    path = write_plugin(tmp_path / f"{'long' * 30}.py", f"raise ValueError('{'word ' * 60}')")
    result = invoke("plugins", "check", "--config", str(tmp_path / "none.toml"))
    assert result.exit_code == EXIT_BAD_INPUT
    config = tmp_path / "config.toml"
    config.write_text(f'plugins = ["{path.name}"]')
    result = invoke("plugins", "check", "--config", str(config))
    assert result.exit_code == EXIT_NEEDS_PERSON
    assert result.stdout.count("word") == 60


def test_looking_at_runs_imports_no_plugin(
    site: Path, add: Callable[..., Run], invoke: Invoke
) -> None:
    install(site, "alerts", TELLS)
    add(run(State.RUNNING))
    for args in (
        ["status"],
        ["status", "Exp1"],
        ["list", "--all"],
        ["history", "Exp1"],
        ["--help"],
        ["--version"],
        ["plugins", "--help"],
        ["notify", "--help"],
    ):
        assert invoke(*args).exit_code == EXIT_FINE
        assert module_of(site, "alerts") not in sys.modules
    invoke("plugins")
    assert module_of(site, "alerts") in sys.modules


def test_a_tick_looks_for_plugins_only_where_any_are_wanted(
    monkeypatch: pytest.MonkeyPatch, add: Callable[..., Run], invoke: Invoke
) -> None:
    looked: list[str] = []

    def points(*, group: str) -> tuple[()]:
        looked.append(group)
        return ()

    monkeypatch.setattr(plugin_sources, "entry_points", points)
    add(run(State.RUNNING))
    monkeypatch.setenv("DCP_ENGINE_PLUGINS", "")
    assert "Exp1" in invoke("tick", "Exp1").output
    assert looked == []
    monkeypatch.delenv("DCP_ENGINE_PLUGINS")
    invoke("tick", "Exp1")
    assert looked == ["dcp_engine"]


def test_a_process_without_standard_output(site: Path) -> None:
    install(site, "noisy", NOISY)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); sys.stdout = None\n"
        "from dcp_engine.cli.root import cli\n"
        "cli.main(['plugins', 'check', '--json'], prog_name='dcp-engine')"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(site)], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (EXIT_FINE, "")
    assert "Traceback" not in result.stderr
